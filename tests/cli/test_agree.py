"""Two readers of real readings against each other, by the command: tables, summary, and one line where it fails."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from readings import read_head

from thaliron_napari.case import CsfCircle, lesions, open_case, thalamus
from thaliron_napari.case.csf import place_circle
from thaliron_napari.case.files import save
from thaliron_napari.cohort import read_table
from thaliron_napari.imaging import read_label_map
from thaliron_napari.measurement import measure_case
from thaliron_napari.measurement.record import write_record

Run = Callable[..., str]
_CASES = ("sub-1", "sub-2", "sub-3")


@pytest.fixture(scope="module")
def readings(head, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Three patients with one head, read alike by Anna; Ben's circles are wider, one more lesion of his each time.

    In each case he leaves one more slice of the left thalamus out, accepts the lesion that Anna accepts, and in the
    first two cases the other one too.
    """
    root = tmp_path_factory.mktemp("study")
    folders = {reader: root / "derivatives" / f"thaliron-{reader}" for reader in ("anna", "ben")}
    truth = read_label_map(head.thalami).data
    slices = np.flatnonzero((truth == 1).any(axis=(1, 2))).tolist()
    for i, name in enumerate(_CASES):
        anat = root / name / "anat"
        anat.mkdir(parents=True)
        shutil.copy(head.qsm, anat / f"{name}_Chimap.nii.gz")
        shutil.copy(head.flair, anat / f"{name}_FLAIR.nii.gz")
        for reader, folder in folders.items():
            case = read_head(head, open_case([root / name], derivatives=folder, reader=reader))
            if reader == "ben":
                for z in slices[: i + 1]:
                    case.apply(thalamus.clear_slice(case, "left", z))
                index = case.images["qsm"].grid.index(head.atria["left"])
                case.apply(place_circle(case, "left", CsfCircle((round(index[0]), index[1], index[2]), 4.0), 1))
                if i < 2:
                    case.apply(lesions.set_state(case, 2, "accepted"))
            save(case)
            write_record(case)
            case.close()
    return folders


def test_tables_hold_what_the_readings_differ_in(readings: dict[str, Path], done: Run, out: Path, head) -> None:
    said = done("agree", readings["anna"], readings["ben"], "--out", out / "agree.tsv")
    assert "3 cases in both" in said
    assert "lesions               3 of A's 3 found by B, 3 of B's 5 by A" in said
    numbers = read_table(out / "agree.tsv").set_index("number")
    cases = read_table(out / "agree_cases.tsv")
    assert {path.name for path in out.iterdir()} == {
        "agree.tsv", "agree.json", "agree_cases.tsv", "agree_cases.json",
    }  # fmt: skip
    truth = read_label_map(head.thalami)
    sizes = [(truth.data[z] == 1).sum() for z in np.flatnonzero((truth.data == 1).any(axis=(1, 2)))]
    left_out = np.cumsum(sizes)[:3]
    assert numbers.loc["thalamus_left_n", "bias"] == pytest.approx(left_out.mean())
    assert numbers.loc["thalamus_left_ml", "bias"] == pytest.approx(left_out.mean() * truth.grid.voxel_ml, rel=1e-6)
    assert numbers.loc["thalamus_left_ml", "unit"] == "ml"
    assert numbers.loc["lesion_count", ["n", "mean_a"]].tolist() == [3, 1]
    assert numbers.loc["lesion_count", "bias"] == pytest.approx(-2 / 3)
    assert cases["id"].tolist() == list(_CASES)
    whole = sum(sizes)
    np.testing.assert_allclose(cases["dice_thalamus_left"], 2 * (whole - left_out) / (2 * whole - left_out))
    assert cases["dice_thalamus_right"].tolist() == [1, 1, 1]
    assert cases["distance_right_mm"].tolist() == [0, 0, 0]
    assert (np.diff(cases["distance_left_mm"]) > 0).all()
    assert (cases["dice_csf"] < 0.95).all()
    assert cases[["lesions_a", "lesions_b", "lesions_both_a", "lesions_only_a"]].to_numpy().tolist() == [
        [1, 2, 1, 0], [1, 2, 1, 0], [1, 1, 1, 0],
    ]  # fmt: skip
    np.testing.assert_allclose(cases["lesion_f1"], [2 / 3, 2 / 3, 1])


def test_the_other_way_round_only_signs_change(readings: dict[str, Path], done: Run, out: Path) -> None:
    done("agree", readings["anna"], readings["ben"], "--out", out / "ab.xlsx")
    done("agree", readings["ben"], readings["anna"], "--out", out / "ba.csv")
    ab, ba = (read_table(out / name).set_index("number") for name in ("ab.xlsx", "ba.csv"))
    assert set(ab.index) == set(ba.index)
    ba = ba.loc[ab.index]
    np.testing.assert_allclose(ab["bias"], -ba["bias"], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(ab["loa_low_high"], -ba["loa_high_low"], rtol=1e-9, atol=1e-12)
    for name in ("sd", "icc_2_1", "icc_2_1_low", "icc_3_1_high"):
        np.testing.assert_allclose(ab[name], ba[name], rtol=1e-7, atol=1e-9)
    one, other = read_table(out / "ab_cases.xlsx"), read_table(out / "ba_cases.csv")
    np.testing.assert_allclose(one["lesion_f1"], other["lesion_f1"])
    assert one["lesions_only_b"].tolist() == other["lesions_only_a"].tolist()


@pytest.mark.parametrize("suffix", ["dta", "json"])
def test_all_kinds_of_table(readings: dict[str, Path], done: Run, out: Path, suffix: str) -> None:
    done("agree", readings["anna"], readings["ben"], "--out", out / f"x.{suffix}")
    assert "icc_2_1" in read_table(out / f"x.{suffix}").columns
    assert len(read_table(out / f"x_cases.{suffix}")) == 3


def test_what_cannot_be_compared_is_said_in_one_line(readings: dict[str, Path], refused: Run, out: Path) -> None:
    a, b = readings["anna"], readings["ben"]
    assert "end its name with" in refused("agree", a, b, "--out", out / "x.docx")
    assert "is given twice" in refused("agree", a, a, "--out", out / "x.csv")
    assert "is not a folder" in refused("agree", a, out / "nobody", "--out", out / "x.csv")
    assert "--out" in refused("agree", a, b)
    assert not out.exists()


def test_one_case_still_compares_what_was_drawn(
    readings: dict[str, Path], done: Run, out: Path, tmp_path: Path
) -> None:
    shutil.copytree(readings["ben"] / "sub-1", tmp_path / "one" / "sub-1")
    said = done("agree", readings["anna"], tmp_path / "one", "--out", out / "x.csv")
    assert "1 case has all readings; agreement needs 3 at least" in said
    assert f"only in {readings['anna']}: sub-2, sub-3" in said
    assert read_table(out / "x_cases.csv")["lesion_f1"].tolist() == [pytest.approx(2 / 3)]
    assert read_table(out / "x.csv")["icc_2_1"].isna().all()


def test_measured_values_are_those_of_the_readings(head, readings: dict[str, Path], done: Run, out: Path) -> None:
    done("agree", readings["anna"], readings["ben"], "--out", out / "x.csv")
    numbers = read_table(out / "x.csv").set_index("number")
    anna = measure_case(read_head(head, open_case([head.folder], in_memory=True))).values
    assert numbers.loc["chi_ppb", "mean_a"] == pytest.approx(anna["chi_ppb"], abs=1e-3)


@pytest.mark.parametrize(
    ("given", "answer"),
    [
        (
            ("--n", 95, "--power", 0.8, "--covariates", 4),
            "n = 95, r = 0.2901, power = 0.800, two-sided alpha = 0.05, r",
        ),
        (("--n", 95, "--r", 0.28, "--covariates", 4), "n = 95, r = 0.2800, power = 0.770"),
        (("--r", 0.28, "--power", 0.8, "--covariates", 4), "n = 102, r = 0.2800, power = 0.800"),
    ],
)
def test_power_given_covariates(done: Run, given: tuple[object, ...], answer: str) -> None:
    said = done("power", *given)
    assert said.startswith(answer)
    assert "given 4 covariates" in said
