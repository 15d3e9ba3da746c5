"""Bad input: one clear sentence that names the file, a non-zero exit, no traceback, and nothing half-written."""

from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

Refused = Callable[..., str]


def _bad(kind: str, good: Path, folder: Path) -> Path:
    image = nib.load(good)
    data, affine = image.get_fdata(dtype=np.float32).copy(), image.affine.copy()
    path = folder / "bad.nii.gz"
    if kind == "missing":
        return path
    if kind == "text":
        path.write_text("patient,age\n1,44\n")
        return path
    if kind == "empty":
        path.touch()
        return path
    if kind == "truncated":
        path.write_bytes(good.read_bytes()[: good.stat().st_size // 2])
        return path
    if kind == "cut in the header":
        path.write_bytes(good.read_bytes()[:100])
        return path
    if kind == "folder":
        path.mkdir()
        return path
    if kind == "4D":
        data = np.stack([data, data], axis=-1)
    if kind == "NaN":
        data[2, 3, 4] = np.nan
    if kind == "elsewhere":
        affine[:3, 3] += 2000
    if kind == "no place":
        unplaced = nib.Nifti1Image(data, None)
        unplaced.header["sform_code"] = unplaced.header["qform_code"] = 0
        nib.save(unplaced, path)
        return path
    nib.save(nib.Nifti1Image(data, affine), path)
    return path


BROKEN = {
    "missing": "There is no file",
    "text": "not a NIfTI or MGZ image",
    "empty": "not a NIfTI or MGZ image",
    "truncated": "cut off or damaged",
    "cut in the header": "damaged",
    "folder": "is not a file",
    "4D": "4 dimensions",
    "NaN": "1 voxels that are not numbers",
    "no place": "where left and right are",
}


@pytest.mark.parametrize("kind", BROKEN)
@pytest.mark.parametrize("verb", ["grow", "measure", "register", "contour", "report"])
def test_an_image_that_cannot_be_read(head, refused: Refused, tmp_path: Path, verb: str, kind: str) -> None:
    out = tmp_path / "out"
    bad = _bad(kind, head.qsm if verb in ("measure", "report") else head.flair, tmp_path)
    command: dict[str, tuple[object, ...]] = {
        "grow": ("--flair", bad, "--seed", "1,2,3", "--out", out / "m.nii.gz"),
        "measure": ("--qsm", bad, "--thalami", head.thalami, "--out", out / "m.json"),
        "register": ("--moving", bad, "--fixed", head.flair, "--out", out / "t.tfm"),
        "contour": ("--image", bad, "--keys", head.keys, "--out", out / "m.nii.gz"),
        "report": ("--qsm", bad, "--out", out / "r.html"),
    }
    said = refused(verb, *command[verb])
    assert bad.name in said
    assert BROKEN[kind] in said
    assert not out.exists()


def test_images_that_do_not_overlap(head, refused: Refused, tmp_path: Path) -> None:
    away, out = _bad("elsewhere", head.flair, tmp_path), tmp_path / "out"
    for command in (
        ("measure", "--qsm", head.qsm, "--thalami", head.thalami, "--flair", away, "--out", out / "m.json"),
        ("register", "--moving", away, "--fixed", head.qsm, "--out", out / "t.tfm"),
        ("contour", "--image", away, "--keys", head.keys, "--out", out / "m.nii.gz"),
        ("report", "--qsm", head.qsm, "--flair", away, "--out", out / "r.html"),
    ):
        assert "do not overlap in space" in refused(*command)
    assert not out.exists()


def test_label_maps_on_another_grid(head, refused: Refused) -> None:
    for command in (
        ("measure", "--qsm", head.qsm, "--thalami", head.lesions),
        ("measure", "--qsm", head.qsm, "--thalami", head.thalami, "--csf", head.lesions),
        ("measure", "--flair", head.flair, "--lesions", head.thalami),
    ):
        said = refused(*command)
        assert "another grid" in said
        assert str(command[-1].name) in said


def test_label_maps_that_are_none(head, refused: Refused, tmp_path: Path) -> None:
    assert "not a label map" in refused("measure", "--qsm", head.qsm, "--thalami", head.qsm)
    empty = nib.load(head.keys)
    path = tmp_path / "k.nii.gz"
    nib.save(nib.Nifti1Image(np.zeros(empty.shape, np.uint8), empty.affine), path)
    assert "k.nii.gz holds no label" in refused(
        "contour", "--image", head.qsm, "--keys", path, "--out", tmp_path / "m.nii"
    )


def test_a_label_drawn_on_one_slice_cannot_be_filled(head, refused: Refused, tmp_path: Path) -> None:
    keys = nib.load(head.keys)
    data = np.asarray(keys.dataobj).copy()
    slices = np.flatnonzero((data == 2).any(axis=(0, 2)))  # PIR: inferior is the second axis
    for z in slices[1:]:
        data[:, z][data[:, z] == 2] = 0
    nib.save(nib.Nifti1Image(data, keys.affine), tmp_path / "k.nii.gz")
    said = refused("contour", "--image", head.qsm, "--keys", tmp_path / "k.nii.gz", "--out", tmp_path / "m.nii.gz")
    assert "Label 2" in said
    assert not (tmp_path / "m.nii.gz").exists()


def test_seeds_that_are_none(head, refused: Refused, tmp_path: Path) -> None:
    command = ("grow", "--flair", head.flair, "--out", tmp_path / "m.nii.gz", "--seed")
    assert "not a point" in refused(*command, "1,2")
    assert "not a point" in refused(*command, "a,b,c")
    assert "outside the image" in refused(*command, "-900,0,0")
    assert "not a point" in refused(*command, "nan,0,0")
    assert "brighter than normal tissue" in refused(*command, "0,20,-10")
    assert "sensitivity" in refused(*command, "22,12,16", "--sensitivity", 3)
    assert not (tmp_path / "m.nii.gz").exists()


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ((("grwo"),), "neither a verb nor a file"),
        (("grow",), "required: --flair"),
        (("grow", "--flair"), "expected one argument"),
        (("power", "--n", "95"), "give two of"),
        (("power", "--n", "2", "--r", "0.3"), "from 4 cases on"),
        (("measure",), "nothing to measure"),
        (("measure", "--thalami", "t.nii"), "susceptibility map"),
        (("regress", "none.csv"), "none.csv cannot be read"),
        (("cohort", "nowhere", "--out", "c.csv"), "nowhere is not a folder"),
        (("report", "--out", "r.html"), "a QSM or a FLAIR"),
        (("report", "nowhere", "--out", "r.html"), "There is no file or folder nowhere"),
        (("report", "a.csv", "b.csv", "--out", "r.html"), "one cohort table"),
        (("--no-such-option",), "unrecognized arguments"),
    ],
)
def test_commands_that_are_not_written_as_they_must_be(
    refused: Refused, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...], words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert words in refused(*command)
    assert list(tmp_path.iterdir()) == []


def test_results_under_names_that_cannot_be_written(head, refused: Refused, tmp_path: Path) -> None:
    assert "m.png" in refused("grow", "--flair", head.flair, "--seed", "22,12,16", "--out", tmp_path / "m.png")
    assert "m.xls" in refused("measure", "--lesions", head.lesions, "--out", tmp_path / "m.xls")
    assert "t.json" in refused("register", "--moving", head.qsm, "--fixed", head.flair, "--out", tmp_path / "t.json")
    (tmp_path / "file").touch()
    below = tmp_path / "file" / "m.json"
    assert str(below) in refused("measure", "--lesions", head.lesions, "--out", below)


def test_a_freesurfer_folder_that_is_none(refused: Refused, tmp_path: Path) -> None:
    assert "aseg.stats" in refused("measure", "--freesurfer", tmp_path)


def test_a_t1_that_cannot_be_measured(head, refused: Refused, tmp_path: Path) -> None:
    assert "numbers.csv" in refused("morphometry", head.flair, "--out", tmp_path / "numbers.csv")
    assert "no.nii.gz" in refused("morphometry", tmp_path / "no.nii.gz", "--out", tmp_path / "n.json")
    assert "grid" in refused("morphometry", head.flair, "--mask", head.thalami, "--out", tmp_path / "n.json")


def test_a_journal_of_other_images_is_refused(head, refused: Refused, tmp_path: Path) -> None:
    folder = tmp_path / "d" / "sub-ball" / "anat"
    folder.mkdir(parents=True)
    journal = folder / "sub-ball_desc-edits.jsonl"
    journal.write_text('{"thaliron-journal":1,"program":"0","images":{"qsm":"00"}}\n{"do":{}}\n')
    said = refused("report", head.folder, "--derivatives", tmp_path / "d", "--out", tmp_path / "r.html")
    assert "another QSM file" in said
    assert not (tmp_path / "r.html").exists()
