"""thaliron qsm: from a scanner's files to a map in ppm that says how it was made."""

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from gre_files import ECHO_TIMES_S, PALLIDUM_PPB, SHAPE, map_ppb, write_gre

from thaliron_napari.case import open_case
from thaliron_napari.case.chimap import flip_chimap
from thaliron_napari.case.gre import chimap_path, find_gre
from thaliron_napari.case.reconstruction import MapSettings, make_map
from thaliron_napari.case.worklist import flag
from thaliron_napari.cli import main
from thaliron_napari.errors import CaseError
from thaliron_napari.imaging import Volume, read_volume, write_label_map


@pytest.fixture(scope="module")
def scan(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, np.ndarray]:
    """Folder of a patient's echoes, and where the pallida are."""
    folder = tmp_path_factory.mktemp("data") / "sub-01" / "anat"
    return folder, write_gre(folder)


def contrast(values: np.ndarray, pallida: np.ndarray) -> float:
    """Pallidum above the rest of the brain."""
    inside = values != 0
    return float(values[pallida & inside].mean() - np.median(values[inside & ~pallida]))


def test_a_folder_gives_a_map_in_ppm_with_all_parameters(
    scan: tuple[Path, np.ndarray], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, pallida = scan
    out = tmp_path / "sub-01_Chimap.nii.gz"
    assert main(["qsm", str(folder), "--out", str(out), "--keep"]) == 0
    said = capsys.readouterr()
    assert str(out) in said.out
    assert "upside" not in said.out
    assert "GiB" in said.err
    assert "inversion" in said.err
    assert contrast(map_ppb(out), pallida) == pytest.approx(PALLIDUM_PPB, rel=0.2)
    image, echo = nib.load(out), nib.load(folder / "sub-01_echo-1_part-mag_MEGRE.nii.gz")
    assert image.shape == echo.shape
    np.testing.assert_array_equal(image.affine, echo.affine)
    about = json.loads((tmp_path / "sub-01_Chimap.json").read_text())
    assert about["EchoTime"] == list(ECHO_TIMES_S)
    assert about["MagneticFieldStrength"] == 3
    assert about["PhaseUnit"] == "0..4095"
    assert about["Medi"]["reweight"] is True
    assert len(about["Sources"]) == 2 * len(ECHO_TIMES_S)
    assert len(about["Sources"][0]["SHA256"]) == 64
    local = map_ppb(tmp_path / "sub-01_desc-local_fieldmap.nii.gz")
    total = map_ppb(tmp_path / "sub-01_desc-total_fieldmap.nii.gz")
    brain = nib.load(tmp_path / "sub-01_desc-brain_mask.nii.gz").get_fdata().transpose(2, 1, 0) > 0
    assert np.std(local[brain]) < np.std(total[brain])
    assert 0.8 < brain.sum() / (4 / 3 * np.pi * 40 * 56 * 48 / 27) < 1.05


def test_files_a_mask_and_values_given_by_hand_do_as_well(scan: tuple[Path, np.ndarray], tmp_path: Path) -> None:
    _folder, pallida = scan
    write_gre(tmp_path / "bare", "x", sidecars=False)
    files = {p: sorted(str(f) for f in (tmp_path / "bare").glob(f"*part-{p}*.nii.gz")) for p in ("mag", "phase")}
    volume = read_volume(files["mag"][0])
    mask = ~np.zeros(SHAPE, bool) & (volume.data > 300)
    write_label_map(tmp_path / "mask.nii.gz", mask, Volume(volume.data, volume.grid, volume.source))
    times = ",".join(f"{1000 * t:g}" for t in ECHO_TIMES_S)
    named = ["--magnitude", *files["mag"], "--phase", *files["phase"], "--te", times, "--field", "3"]
    for method in ("tkd", "l2"):
        out = tmp_path / f"{method}.nii"
        more = ["--mask", str(tmp_path / "mask.nii.gz"), "--method", method, "--background", "v-sharp"]
        assert main(["qsm", *named, *more, "--out", str(out)]) == 0
        assert contrast(map_ppb(out), pallida) == pytest.approx(PALLIDUM_PPB, rel=0.4)
        about = json.loads((tmp_path / f"{method}.json").read_text())
        assert (about["BrainMask"], about["BackgroundRemoval"]) == ("mask.nii.gz", "v-sharp")


def test_a_phase_of_the_other_sign_is_said_and_turned(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pallida = write_gre(tmp_path / "sub-02" / "anat", "sub-02", sign=-1)
    out = tmp_path / "q.nii.gz"
    call = ["qsm", str(tmp_path / "sub-02"), "--method", "l2", "--out", str(out)]
    assert main(call) == 0
    assert "upside down" in capsys.readouterr().out
    assert contrast(map_ppb(out), pallida) < 0
    assert main([*call, "--flip"]) == 0
    assert "upside down" not in capsys.readouterr().out
    assert contrast(map_ppb(out), pallida) > 0


def test_what_is_missing_is_said_in_one_line(
    scan: tuple[Path, np.ndarray], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, _ = scan
    out = ["--out", str(tmp_path / "q.nii.gz")]

    def refused(*arguments: str, code: int = 1) -> str:
        assert main(["qsm", *arguments, *out]) == code
        said = [line for line in capsys.readouterr().err.splitlines() if "GiB needed" not in line and "%" not in line]
        assert len(said) == 1
        assert not (tmp_path / "q.nii.gz").exists()
        return said[0]

    magnitude, phase = (sorted(map(str, folder.glob(f"*part-{p}*.nii.gz"))) for p in ("mag", "phase"))
    assert "--phase" in refused(code=2)
    assert "phase" in refused("--magnitude", *magnitude)
    assert "no folder" in refused(str(tmp_path / "nowhere"))
    (tmp_path / "empty").mkdir()
    assert "No gradient echo" in refused(str(tmp_path / "empty"))
    assert "3" in refused("--magnitude", *magnitude, "--phase", *phase[:2])
    write_gre(tmp_path / "bare", "x", sidecars=False)
    assert "--te" in refused(str(tmp_path / "bare"))
    assert "--field" in refused(str(tmp_path / "bare"), "--te", "5,11,17")
    assert "grid" in refused(str(folder), "--mask", str(_elsewhere(tmp_path)))
    monkeypatch.setattr("thaliron_napari.qsm.memory.free_bytes", lambda: 2**20)
    assert "memory" in refused(str(folder))


def test_the_map_of_a_dataset_opens_as_the_cases_qsm(tmp_path: Path) -> None:
    anat = tmp_path / "sub-03" / "anat"
    pallida = write_gre(anat, "sub-03")
    (gre,) = find_gre(sorted(anat.glob("*.nii.gz")))
    made = make_map(gre, chimap_path(gre), MapSettings(inversion="closed form"), of_dataset=True)
    case = open_case([tmp_path / "sub-03"])
    assert case.images["qsm"].source is not None
    assert case.images["qsm"].source.path == made.path
    assert contrast(case.qsm_ppb, pallida) == pytest.approx(PALLIDUM_PPB, rel=0.4)
    about = json.loads(made.files[1].read_text())
    assert about["Sources"][0] == "bids:raw:sub-03/anat/sub-03_echo-1_part-mag_MEGRE.nii.gz"


def test_a_map_that_was_read_on_is_not_written_over_by_anyone(tmp_path: Path) -> None:
    anat = tmp_path / "sub-04" / "anat"
    write_gre(anat, "sub-04")
    (gre,) = find_gre(sorted(anat.glob("*.nii.gz")))
    quick = MapSettings(inversion="tkd")
    made = make_map(gre, chimap_path(gre), quick, of_dataset=True)
    make_map(gre, chimap_path(gre), quick, of_dataset=True)  # nobody read on it yet
    case = open_case([tmp_path / "sub-04"], reader="Anna")
    case.apply(flag(case, "motion"))
    assert case.close()
    before = made.path.read_bytes()
    for change in (
        lambda: make_map(gre, chimap_path(gre), quick, of_dataset=True),
        lambda: flip_chimap(made.path),
    ):
        with pytest.raises(CaseError, match="has been read on"):
            change()
        assert made.path.read_bytes() == before
    assert open_case([tmp_path / "sub-04"], reader="Anna").done[0].words.startswith("flag")


def _elsewhere(folder: Path) -> Path:
    data = np.ones((5, 6, 7), np.uint8)
    nib.save(nib.Nifti1Image(data, np.diag([2.0, 2, 2, 1])), folder / "elsewhere.nii.gz")
    return folder / "elsewhere.nii.gz"
