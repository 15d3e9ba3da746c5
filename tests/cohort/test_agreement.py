"""Two derivatives folders against each other: what is paired, what is left out, and that it is said."""

import json
import math
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from thaliron_napari.cohort.agreement import CASE_COLUMNS, NUMBER_COLUMNS, compare_numbers, compare_readings
from thaliron_napari.errors import TableError
from thaliron_napari.statistics.agreement import bland_altman, intraclass

AFFINE = np.diag([-1.0, -1.0, 2.0, 1.0])
_ENDING = {"thalamus": "space-QSM_desc-thalamus_dseg", "csf": "space-QSM_desc-csf_mask",
           "lesions": "space-FLAIR_desc-lesions_dseg"}  # fmt: skip


def leave(folder: Path, name: str, values: dict, session: str = "") -> Path:
    """A record of measurements in the folder of a case, which is returned."""
    anat = folder / name / (f"ses-{session}" if session else "") / "anat"
    anat.mkdir(parents=True, exist_ok=True)
    stem = name + (f"_ses-{session}" if session else "")
    (anat / f"{stem}_desc-measurements.json").write_text(json.dumps({"id": stem, "values": values}))
    return anat


def draw(anat: Path, kind: str, labels: np.ndarray, about: dict | None = None, affine: np.ndarray = AFFINE) -> Path:
    """A label map with its sidecar, under a name as the program gives it."""
    stem = anat / f"{anat.parent.name}_{_ENDING[kind]}"
    nib.save(nib.Nifti1Image(labels.astype(np.uint8), affine), f"{stem}.nii.gz")
    if about is not None:
        Path(f"{stem}.json").write_text(json.dumps(about))
    return Path(f"{stem}.nii.gz")


def label(*boxes: tuple[int, slice]) -> np.ndarray:
    labels = np.zeros((12, 6, 4), np.uint8)
    for value, where in boxes:
        labels[where, 2:4, 1:3] = value
    return labels


def pair(tmp_path: Path) -> tuple[Path, Path]:
    return tmp_path / "thaliron-anna", tmp_path / "thaliron-ben"


def test_cases_are_paired_by_name_whatever_their_order_and_the_rest_is_listed(tmp_path: Path) -> None:
    a, b = pair(tmp_path)
    first = {"sub-1": 1.0, "sub-2": 4.0, "sub-3": 2.5, "sub-9": 7.0}
    second = {"sub-0": 3.0, "sub-1": 1.5, "sub-2": 4.0, "sub-3": 2.0}
    for folder, values in ((a, first), (b, second)):
        for name, value in values.items():
            leave(folder, name, {"chi_ppb": value})
    leave(a, "sub-2", {"chi_ppb": -5.0}, session="b")
    leave(b, "sub-2", {"chi_ppb": -4.0}, session="b")
    found = compare_readings(a, b)
    assert found.a["id"].tolist() == found.b["id"].tolist() == ["sub-1", "sub-2", "sub-2_ses-b", "sub-3"]
    assert found.cases["id"].tolist() == found.a["id"].tolist()
    assert found.notes[:2] == (f"only in {a}: sub-9", f"only in {b}: sub-0")
    row = found.numbers.iloc[0]
    x, y = np.array([1, 4, -5, 2.5]), np.array([1.5, 4, -4, 2])
    known, icc = bland_altman(x, y), intraclass(np.column_stack([x, y]))
    assert (row["number"], row["unit"], row["n"]) == ("chi_ppb", "ppb", 4)
    assert (row["mean_a"], row["mean_b"]) == (x.mean(), y.mean())
    assert (row["bias"], row["bias_low"], row["sd"]) == (known.bias.value, known.bias.low, known.sd)
    assert (row["loa_low"], row["loa_high_high"]) == (known.low.value, known.high.high)
    assert (row["icc_2_1"], row["icc_3_1_low"]) == (icc.agreement.value, icc.consistency.low)
    assert list(found.numbers.columns) == list(NUMBER_COLUMNS)
    assert list(found.cases.columns) == list(CASE_COLUMNS)


def test_what_cannot_be_computed_is_empty_and_said_once_for_all() -> None:
    a = pd.DataFrame({
        "id": list("wxyz"), "good": [1.0, 2, 3, 5], "flat": [2, 2, 2, 2], "also_flat": [1, 1, 1, 1],
        "few": [1.0, math.nan, 2, 3], "apart": [1.0, 2, math.nan, math.nan], "note": ["p", "q", None, "s"],
        "mine": [1, 2, 3, 4], "endless": [1, math.inf, 2, 3], "never": [None, None, None, None],
    })  # fmt: skip
    b = a.drop(columns="mine").assign(
        good=[1.0, 2, 4, 5], few=[1, 2, 3, math.nan], apart=[math.nan, math.nan, 1, 2], yours=[1, 2, 3, 4]
    )
    numbers, said = compare_numbers(a, b)
    table = numbers.set_index("number")
    assert table.index.tolist() == ["good", "flat", "also_flat", "few", "endless"]
    assert table["n"].tolist() == [4, 4, 4, 2, 3]
    assert table.loc["good"].drop("unit").notna().all()
    assert table.loc["flat", ["bias", "sd", "loa_low", "loa_high"]].tolist() == [0, 0, 0, 0]
    assert table.loc["flat", ["icc_2_1", "icc_3_1", "slope"]].isna().all()
    assert table.loc["few", ["mean_a", "mean_b", "bias"]].tolist() == [1.5, 2, -0.5]
    assert table.loc["few", ["sd", "loa_low", "icc_2_1"]].isna().all()
    assert said == [
        "apart, mine, yours: no case has it in both readings",
        "flat, also_flat: the cases do not differ in this number; intraclass correlation needs cases that differ",
        "few: 2 cases have all readings; agreement needs 3 at least",
        "endless: a reading is infinite; look at how it was measured",
    ]


def test_structures_and_accepted_lesions_are_compared(tmp_path: Path) -> None:
    a, b = pair(tmp_path)
    states = {str(n): {"state": "accepted"} for n in (1, 2, 3)}
    one, two = leave(a, "sub-1", {"chi_ppb": 1}), leave(b, "sub-1", {"chi_ppb": 2})
    draw(one, "thalamus", label((1, slice(0, 4)), (2, slice(8, 12))), {"Proposed": {}})
    draw(two, "thalamus", label((1, slice(1, 5)), (2, slice(8, 11))), {"Proposed": {}})
    draw(one, "csf", label((1, slice(2, 4)), (2, slice(6, 8))))
    draw(two, "csf", label((1, slice(2, 4)), (2, slice(7, 9))))
    draw(one, "lesions", label((1, slice(0, 3)), (2, slice(5, 7)), (3, slice(10, 12))), {"Lesions": states})
    flagged = {**states, "3": {"state": "flagged"}}
    draw(two, "lesions", label((1, slice(2, 4)), (2, slice(5, 7)), (3, slice(10, 12))), {"Lesions": flagged})
    found = compare_readings(a, b)
    row = found.cases.iloc[0]
    assert row["dice_thalamus_left"] == 2 * 3 / 8
    assert row["dice_thalamus_right"] == 2 * 3 / 7
    assert row["distance_right_mm"] == pytest.approx(1 / 7)  # one layer of seven, 1 mm from the other's end
    assert row["dice_csf"] == 2 * 3 / 8
    assert row["dice_lesions"] == 2 * (1 + 2) / (7 + 4)
    assert row[[name for name in CASE_COLUMNS if name.startswith("lesions_")]].tolist() == [3, 2, 2, 2, 1, 0]
    assert row["lesion_f1"] == pytest.approx(2 * (2 / 3) / (2 / 3 + 1))
    assert found.notes == ("chi_ppb: 1 case has all readings; agreement needs 3 at least",)


def test_what_one_reader_has_not_read_is_left_out_and_said(tmp_path: Path) -> None:
    a, b = pair(tmp_path)
    both = label((1, slice(0, 4)), (2, slice(8, 12)))
    one, two = leave(a, "sub-1", {"n": 1}), leave(b, "sub-1", {"n": 1})
    draw(one, "thalamus", both)
    draw(two, "thalamus", both, {"Proposed": {"right": "carried over"}})
    draw(one, "csf", label((1, slice(0, 2))))
    draw(two, "csf", label())
    draw(one, "lesions", label((1, slice(0, 2))), {"Lesions": {"1": {"state": "accepted"}}})
    draw(two, "lesions", label(), {"Lesions": {}})
    leave(a, "sub-2", {"n": 1})
    draw(leave(b, "sub-2", {"n": 1}), "csf", label((1, slice(0, 2))))
    found = compare_readings(a, b)
    assert found.cases.loc[0, "dice_thalamus_left"] == 1
    assert found.cases.drop(columns=["id", "dice_thalamus_left", "distance_left_mm"]).isna().all(axis=None)
    assert found.notes[1:] == (
        "sub-1: only A has read the right thalamus",
        "sub-1: only A has read the CSF ROIs",
        "sub-1: only A has read the lesions",
        "sub-2: only B has read the CSF ROIs",
    )


def test_that_a_reader_saw_no_lesion_counts(tmp_path: Path) -> None:
    a, b = pair(tmp_path)
    one, two = leave(a, "sub-1", {"n": 1}), leave(b, "sub-1", {"n": 1})
    draw(one, "lesions", label((1, slice(0, 2))), {"Lesions": {"1": {"state": "accepted"}}})
    draw(two, "lesions", label((1, slice(0, 2))), {"Lesions": {"1": {"state": "rejected"}}})
    row = compare_readings(a, b).cases.iloc[0]
    assert row[["dice_lesions", "lesion_f1", "lesions_b", "lesions_only_a"]].tolist() == [0, 0, 0, 1]


def test_maps_on_other_grids_are_not_compared_and_the_rest_is(tmp_path: Path) -> None:
    a, b = pair(tmp_path)
    labels = label((1, slice(0, 4)), (2, slice(8, 12)))
    shifted = AFFINE.copy()
    shifted[0, 3] = 1
    for name, drawn, affine in (
        ("sub-1", labels, AFFINE), ("sub-2", labels[:, :, :3], AFFINE), ("sub-3", labels, shifted),
    ):  # fmt: skip
        draw(leave(a, name, {"n": 1}), "thalamus", labels)
        draw(leave(b, name, {"n": 1}), "thalamus", drawn, affine=affine)
    found = compare_readings(a, b)
    assert found.cases["dice_thalamus_left"].isna().tolist() == [False, True, True]
    words = [note for note in found.notes if "grids" in note]
    assert words[0].startswith("sub-2: the thalami of A and B lie on different grids (4 x 6 x 12 and 3 x 6 x 12 vox")
    assert words[1].startswith("sub-3: the thalami of A and B lie on different grids (in different places)")
    assert len(words) == 2


def test_the_orientation_of_a_file_does_not_matter(tmp_path: Path) -> None:
    a, b = pair(tmp_path)
    labels = label((1, slice(0, 4)), (2, slice(8, 12)))
    draw(leave(a, "sub-1", {"n": 1}), "thalamus", labels)
    flipped = AFFINE @ np.array([[-1, 0, 0, 11], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]])
    draw(leave(b, "sub-1", {"n": 1}), "thalamus", labels[::-1], affine=flipped)
    row = compare_readings(a, b).cases.iloc[0]
    assert row[["dice_thalamus_left", "dice_thalamus_right", "distance_left_mm"]].tolist() == [1, 1, 0]


def test_a_damaged_map_or_sidecar_is_said_and_the_rest_compared(tmp_path: Path) -> None:
    a, b = pair(tmp_path)
    labels = label((1, slice(0, 4)), (2, slice(8, 12)))
    for name in ("sub-1", "sub-2", "sub-3"):
        for folder in (a, b):
            path = draw(leave(folder, name, {"n": 1}), "thalamus", labels, {"Proposed": None})
    path.write_bytes(path.read_bytes()[:60])
    damaged = next((b / "sub-2").rglob("*dseg.json"))
    damaged.write_text("{")
    found = compare_readings(a, b)
    assert found.cases["dice_thalamus_left"].fillna(-1).tolist() == [1, -1, -1]
    assert f"sub-2: {damaged} cannot be read as JSON" in found.notes[-2]
    assert path.name in found.notes[-1]


def test_nothing_in_common_gets_words(tmp_path: Path) -> None:
    a, b = pair(tmp_path)
    leave(a, "sub-1", {"chi_ppb": 1})
    with pytest.raises(TableError, match="is not a folder"):
        compare_readings(a, b)
    leave(b, "sub-2", {"chi_ppb": 1})
    with pytest.raises(TableError, match=r"have no case in common \(sub-1 ... and sub-2 ...\)"):
        compare_readings(a, b)
    with pytest.raises(TableError, match="is given twice"):
        compare_readings(a, a / ".." / a.name)
    leave(b, "sub-1", {"other": 1})
    with pytest.raises(TableError, match="have no number in common"):
        compare_readings(a, b)
