"""What the program writes passes the BIDS validator, and leaves alone what a person wrote there."""

import json
import shutil
import subprocess
import sysconfig
from pathlib import Path

import pytest
from readings import move_qsm, read_head

from thaliron_napari.case import Case, files, open_case
from thaliron_napari.errors import CaseError
from thaliron_napari.measurement import write_lesions, write_record

VALIDATOR = shutil.which("bids-validator-deno", path=sysconfig.get_path("scripts"))


def errors_of(dataset: Path) -> set[tuple[str, str]]:
    """Code and file of every error that the validator finds."""
    if VALIDATOR is None:
        pytest.skip("bids-validator-deno is not installed (it comes with the development requirements)")
    run = subprocess.run([VALIDATOR, dataset, "--format", "json"], capture_output=True, text=True, check=False)
    found = json.loads(run.stdout)["issues"]["issues"]
    assert (run.returncode != 0) == any(issue["severity"] == "error" for issue in found)
    return {(issue["code"], issue["location"]) for issue in found if issue["severity"] == "error"}


def save_all(case: Case) -> None:
    files.save(case)
    write_record(case)
    write_lesions(case)


@pytest.fixture
def dataset(head, tmp_path: Path) -> Path:
    """A raw dataset with the head in it."""
    anat = tmp_path / "study" / "sub-ball" / "anat"
    anat.mkdir(parents=True)
    for image in (head.qsm, head.flair):
        shutil.copy(image, anat)
    (tmp_path / "study" / "README").write_text("A head made of balls, whose every number is known. " * 5)
    (tmp_path / "study" / "dataset_description.json").write_text(
        json.dumps({"Name": "Balls", "BIDSVersion": "1.10.0", "DatasetType": "raw"})
    )
    return tmp_path / "study"


@pytest.fixture
def case(head, dataset: Path) -> Case:
    """A reading in that dataset's derivatives, with all that a reading can leave behind."""
    case = move_qsm(read_head(head, open_case([dataset / "sub-ball"])), 1.5)
    save_all(case)
    case.close()
    return case


def test_derivative_has_no_error(case: Case, dataset: Path) -> None:
    derivative = dataset / "derivatives" / "thaliron"
    anat = derivative / "sub-ball" / "anat"
    (derivative / "cohort.tsv").write_text("id\tchi_ppb\nsub-ball\t-28.1\n")
    (derivative / "cohort.json").write_text("{}")
    (anat / ".writing-0123456789ab.nii.gz").write_bytes(b"left by a crash")
    assert {path.name.removeprefix("sub-ball_") for path in anat.glob("sub-*")} >= {
        "desc-edits.jsonl",
        "desc-lesions.tsv",
        "desc-measurements.json",
        "from-QSM_to-FLAIR_mode-image_xfm.tfm",
        "space-FLAIR_desc-lesions_dseg.nii.gz",
        "space-QSM_desc-csf_mask.nii.gz",
        "space-QSM_desc-thalamus_dseg.nii.gz",
    }
    assert errors_of(derivative) == set()


def test_dataset_with_the_derivative_in_it_has_no_error(case: Case, dataset: Path) -> None:
    assert errors_of(dataset) == set()


def test_validator_can_fail(case: Case, dataset: Path) -> None:
    derivative = dataset / "derivatives" / "thaliron"
    anat = derivative / "sub-ball" / "anat"
    (anat / "sub-ball_space-QSM_desc-csf_mask.nii.gz").rename(anat / "sub-ball_space-QSM_csf-mask.nii.gz")
    sidecar = anat / "sub-ball_space-QSM_desc-thalamus_dseg.json"
    sidecar.write_text(json.dumps(json.loads(sidecar.read_text()) | {"Sources": [{"File": "no URI"}]}))
    found = errors_of(derivative)
    assert ("NOT_INCLUDED", "/sub-ball/anat/sub-ball_space-QSM_csf-mask.nii.gz") in found
    assert ("JSON_SCHEMA_VALIDATION_ERROR", f"/sub-ball/anat/{sidecar.name}") in found


def test_images_from_anywhere_are_named_in_words_that_bids_knows(head, tmp_path: Path) -> None:
    (qsm := tmp_path / "scanner 1" / "my QSM (3), größer.nii.gz").parent.mkdir()
    shutil.copy(head.qsm, qsm)
    case = open_case(images={"qsm": qsm, "flair": head.flair}, derivatives=tmp_path / "out")
    save_all(case)
    case.close()
    assert errors_of(tmp_path / "out") == set()
    beside = json.loads(next(tmp_path.rglob("*_desc-thalamus_dseg.json")).read_text("utf-8"))
    links = json.loads((tmp_path / "out" / "dataset_description.json").read_text("utf-8"))["DatasetLinks"]
    assert len(links) == 2
    assert [uri.partition(":")[0] for uri in beside["Sources"]] == ["bids", "bids"]
    assert {uri.split(":")[1] for uri in beside["Sources"]} == set(links)


def test_sources_lead_to_the_files(case: Case, dataset: Path) -> None:
    derivative = dataset / "derivatives" / "thaliron"
    links = json.loads((derivative / "dataset_description.json").read_text("utf-8"))["DatasetLinks"]
    sidecars = [*derivative.rglob("*_dseg.json"), *derivative.rglob("*_mask.json"), *derivative.rglob("*_xfm.json")]
    assert len(sidecars) == 4
    for sidecar in sidecars:
        for uri in json.loads(sidecar.read_text("utf-8"))["Sources"]:
            scheme, link, path = uri.split(":")
            assert scheme == "bids"
            assert (derivative / links[link] / path).resolve().parent == dataset / "sub-ball" / "anat"
            assert (derivative / links[link] / path).is_file()


def test_what_a_person_wrote_stays(case: Case, dataset: Path) -> None:
    derivative = dataset / "derivatives" / "thaliron"
    described, ignore = derivative / "dataset_description.json", derivative / ".bidsignore"
    written = json.loads(described.read_text("utf-8"))
    by_hand = written | {
        "Name": "Readings of Ward 7",
        "Authors": ["A. Reader", "B. Reader"],
        "GeneratedBy": [{"Name": "Segmenter", "Version": "2"}, {"Name": "ThalIron", "Version": "0", "Note": "by two"}],
        "DatasetLinks": {"study": "../..", "atlas": "doi:10.5281/zenodo.1"},
    }
    described.write_text(json.dumps(by_hand), "utf-8")
    ignore.write_bytes(b"notes.txt\r\n*_desc-edits*\r\n/extra")
    save_all(case)
    now = json.loads(described.read_text("utf-8"))
    version = written["GeneratedBy"][0]["Version"]
    assert now == by_hand | {
        "GeneratedBy": [{"Name": "ThalIron", "Version": version, "Note": "by two"}, by_hand["GeneratedBy"][0]]
    }
    lines = ignore.read_bytes().split()
    assert lines[:3] == [b"notes.txt", b"*_desc-edits*", b"/extra"]
    assert len(lines) == len(set(lines)) > 5
    sidecar = json.loads(next(derivative.rglob("*_desc-csf_mask.json")).read_text("utf-8"))
    assert sidecar["Sources"] == ["bids:study:sub-ball/anat/sub-ball_Chimap.nii.gz"]
    before = {path: path.stat().st_mtime_ns for path in (described, ignore)}
    save_all(case)
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_damaged_description_is_left_and_the_reading_saved(case: Case, dataset: Path) -> None:
    derivative = dataset / "derivatives" / "thaliron"
    (derivative / "dataset_description.json").write_text('{"Name": "half')
    for written in derivative.rglob("*.nii.gz"):
        written.unlink()
    with pytest.raises(CaseError, match=r"dataset_description.json is damaged"):
        files.save(case)
    assert (derivative / "dataset_description.json").read_text() == '{"Name": "half'
    assert len(list(derivative.rglob("*.nii.gz"))) == 3
