"""What is said of an image: beside it, and in the folders above as BIDS inherits; damaged files say nothing."""

import json
from pathlib import Path
from typing import Any

import pytest

from thaliron_napari.imaging.sidecars import read_sidecar

IMAGE = "sub-01/ses-1/anat/sub-01_ses-1_acq-x_echo-2_part-phase_MEGRE.nii.gz"


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    root = tmp_path / "bids"
    (root / IMAGE).parent.mkdir(parents=True)
    say(root, "dataset_description.json", {"Name": "x"})
    return root


def say(root: Path, name: str, content: Any) -> None:
    (root / name).write_text(json.dumps(content), "utf-8")


def test_the_nearest_wins_key_by_key(dataset: Path) -> None:
    names = [
        "MEGRE.json",
        "acq-x_MEGRE.json",
        "sub-01/sub-01_MEGRE.json",
        "sub-01/ses-1/sub-01_ses-1_echo-2_MEGRE.json",
        "sub-01/ses-1/anat/sub-01_ses-1_acq-x_echo-2_MEGRE.json",
        IMAGE.replace(".nii.gz", ".json"),
    ]
    for n, name in enumerate(names):
        say(dataset, name, {"nearest": n, **{str(m): n for m in range(n, len(names))}, f"only in {n}": n})
    found = read_sidecar(dataset / IMAGE)
    assert found == {"nearest": 5, **{str(n): n for n in range(6)}, **{f"only in {n}": n for n in range(6)}}


@pytest.mark.parametrize(
    "name",
    [
        "T1w.json",
        "sub-02_MEGRE.json",
        "sub-01/ses-1/anat/sub-01_ses-1_acq-x_echo-1_part-phase_MEGRE.json",
        "sub-01/ses-1/anat/sub-01_ses-1_acq-x_echo-2_part-mag_MEGRE.json",
        "sub-01/ses-1/anat/sub-01_ses-1_acq-x_echo-2_part-phase_desc-x_MEGRE.json",
        "sub-01/ses-1/anat/sub-01_ses-1_acq-x_echo-2_part-phase_T2starw.json",
        "../MEGRE.json",
        "dataset_description.json",
    ],
)
def test_what_belongs_to_other_images_is_not_said_of_this_one(name: str, dataset: Path) -> None:
    say(dataset, name, {"EchoTime": 1})
    assert read_sidecar(dataset / IMAGE) == {}


@pytest.mark.parametrize("ending", [".nii", ".nii.gz", ".mgz"])
def test_a_name_that_is_not_bids_has_the_file_beside_it(ending: str, tmp_path: Path) -> None:
    say(tmp_path, "scan e1_ph.json", {"EchoTime": 0.005})
    say(tmp_path, "ph.json", {"EchoTime": 1})
    assert read_sidecar(tmp_path / f"scan e1_ph{ending}") == {"EchoTime": 0.005}
    assert read_sidecar(tmp_path / f"other{ending}") == {}
    assert read_sidecar(tmp_path / "missing" / f"other{ending}") == {}


def test_a_folder_that_is_no_dataset_inherits_nothing_from_above(tmp_path: Path) -> None:
    (tmp_path / "scans").mkdir()
    say(tmp_path, "phase.json", {"EchoTime": 1})
    assert read_sidecar(tmp_path / "scans" / "phase.nii") == {}
    assert read_sidecar(tmp_path / "scans" / "sub-01_phase.nii") == {}


DAMAGED = {
    "empty": b"",
    "half": b'{"EchoTime": 0.0',
    "a list": b"[1, 2]",
    "binary": bytes(range(256)),
    "latin": '{"Name": "é"}'.encode("latin-1"),
    "deep": b"[" * 200_000,
    "many digits": b'{"EchoTime": ' + b"9" * 10_000 + b"}",
}


@pytest.mark.parametrize("case", DAMAGED)
def test_a_damaged_file_says_nothing_and_the_others_are_heard(case: str, dataset: Path) -> None:
    say(dataset, "MEGRE.json", {"MagneticFieldStrength": 3})
    (dataset / IMAGE.replace(".nii.gz", ".json")).write_bytes(DAMAGED[case])
    (dataset / "sub-01" / "sub-01_MEGRE.json").mkdir()
    assert read_sidecar(dataset / IMAGE) == {"MagneticFieldStrength": 3}


def test_a_mark_of_byte_order_does_not_matter(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(b"\xef\xbb\xbf" + b'{"EchoTime": 0.01}')
    assert read_sidecar(tmp_path / "a.nii") == {"EchoTime": 0.01}
