"""Volume and thickness without FreeSurfer: a made brain whose every number is known, and refusals in words."""

import importlib.util
import json
import sys
from concurrent.futures import CancelledError
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from thaliron_napari.errors import MeasurementError
from thaliron_napari.imaging import Grid, Volume, read_label_map, read_volume
from thaliron_napari.measurement.morphometry import from_t1
from thaliron_napari.measurement.morphometry.ants_result import AntsResult, maps_beside
from thaliron_napari.measurement.morphometry.cells import cells_round
from thaliron_napari.measurement.morphometry.cortex import cortical_grey
from thaliron_napari.measurement.morphometry.from_t1 import morphometry_from_t1, read_ants_result, write_ants_result
from thaliron_napari.measurement.morphometry.numbers import ANTS_NUMBERS, Number
from thaliron_napari.measurement.morphometry.tissue_mixture import fit_mixture

needs_ants = pytest.mark.skipif(importlib.util.find_spec("ants") is None, reason="antspyx is not installed")
WHITE_MM, CORTEX_MM, CSF_MM = 10.0, 3.0, 3.0


def _volume(data: np.ndarray, spacing: tuple[float, float, float] = (1, 1, 1)) -> Volume:
    affine = np.zeros((4, 4))
    affine[2, 0], affine[1, 1], affine[0, 2], affine[3, 3] = spacing[0], -spacing[1], -spacing[2], 1
    return Volume(data.astype(np.float32), Grid(data.shape, affine))


def _ball() -> tuple[np.ndarray, float]:
    """Ball of white matter in 3 mm of cortex in CSF, mixed voxels at each border; and its grey matter in ml."""
    place = np.indices((40, 38, 36)) - np.array([19.3, 18.4, 17.7])[:, None, None, None]
    away = np.sqrt((place**2).sum(axis=0))
    white, tissue, brain = (np.clip(r + 0.5 - away, 0, 1) for r in np.cumsum([WHITE_MM, CORTEX_MM, CSF_MM]))
    signal = 620 * white + 390 * (tissue - white) + 110 * (brain - tissue)
    noise = np.random.default_rng(1).normal(0, 12, signal.shape)
    return np.where(brain > 0.5, np.maximum(signal + noise, 5), 0), float((tissue - white).sum()) / 1000


def _quietly(share: float, words: str) -> None:
    assert 0 <= share <= 1
    assert words


def _run(t1: Volume, **given: object) -> AntsResult:
    return morphometry_from_t1(t1, progress=_quietly, cancelled=lambda: False, **given)


@needs_ants
def test_a_ball_of_known_volume_and_thickness_twice_the_same() -> None:
    data, grey_ml = _ball()
    told: list[tuple[float, str]] = []
    first = morphometry_from_t1(
        _volume(data), progress=lambda share, words: told.append((share, words)), cancelled=lambda: False
    )
    assert first.numbers["ants_gm_ml"].value == pytest.approx(grey_ml, rel=0.05)
    assert first.numbers["ants_thickness_mm"].value == pytest.approx(CORTEX_MM, rel=0.1)
    assert first.program.startswith("ANTs ")
    assert [share for share, _ in told] == sorted(share for share, _ in told)
    assert len({words for _, words in told}) >= 5
    assert set(np.unique(first.labels)) == {0, 1, 2, 3}
    again = _run(_volume(data), mask=data > 0)
    assert again.labels.tobytes() == first.labels.tobytes()
    assert again.thickness_mm.tobytes() == first.thickness_mm.tobytes()
    assert again.numbers == first.numbers


def test_mixed_voxels_are_counted_by_their_share() -> None:
    rng = np.random.default_rng(4)
    for levels in ((110, 390, 620), (60, 500, 640)):
        share = rng.uniform(0, 1, (2, 40_000))
        pure = np.repeat(levels, (8_000, 15_000, 60_000))
        mixed = [levels[k] * (1 - share[k]) + levels[k + 1] * share[k] for k in (0, 1)]
        values = np.concatenate([pure, *mixed]) + rng.normal(0, 14, 163_000)
        truth = 15_000 + share[0].sum() + (1 - share[1]).sum()
        found = fit_mixture(values)
        shares = found.shares(values)
        assert found.level == pytest.approx(levels, abs=12)
        assert shares.sum(axis=0) == pytest.approx(1, abs=1e-5)
        assert shares[1].sum() == pytest.approx(truth, rel=0.03)
        assert shares[1][8_000:23_000].mean() > 0.9
        scaled = fit_mixture(values * 7.5).shares(values * 7.5)
        assert scaled[1].sum() == pytest.approx(shares[1].sum(), rel=0.01)


def test_what_has_no_three_tissues_is_refused() -> None:
    rng = np.random.default_rng(6)
    for values in (rng.normal(100, 10, 50_000), np.full(50_000, 3.0), np.zeros(50_000), np.ones(10)):
        with pytest.raises(MeasurementError):
            fit_mixture(values)


def test_cells_keep_the_sum_and_go_back_to_their_voxels() -> None:
    rng = np.random.default_rng(8)
    brain = np.zeros((20, 41, 33), bool)
    brain[4:17, 5:38, 3:33] = True
    values = np.where(brain, rng.uniform(1, 2, brain.shape), 0)
    cells = cells_round(brain, np.array([1.2, 0.45, 0.5]))
    assert cells.block == (1, 2, 2)
    assert cells.spacing == pytest.approx([1.2, 0.9, 1.0])
    small = cells.average(values)
    assert small.sum(dtype=float) * 4 == pytest.approx(values.sum(), rel=1e-6)
    large = cells.back(small)
    assert large.shape == values.shape
    assert np.array_equal(cells.average(large)[:, :-1, :-1], small[:, :-1, :-1])  # the last hold half as many voxels


def test_cortex_is_near_the_surface_and_not_in_the_lower_back() -> None:
    place = np.indices((120, 150, 120)) - np.array([60, 75, 60])[:, None, None, None]
    away = np.sqrt((place**2).sum(axis=0))
    labels = np.select([away < 8, away < 12, away < 45, away < 48, away < 50], [1, 2, 3, 2, 1], 0)
    cortex = cortical_grey(labels, np.ones(3))
    assert not cortex[away < 20].any()  # round a ventricle
    outer = (labels == 2) & (away > 20)
    assert cortex[outer].mean() > 0.7
    assert cortex[outer & (place[0] > 0)].all()
    assert not cortex[outer & (place[0] < -30) & (place[1] > 20)].any()


def test_what_cannot_be_measured_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    data, _ = _ball()
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    head = np.random.default_rng(0).uniform(1, 100, (60, 60, 60))
    for t1, given, words in (
        (_volume(head), {}, "brain mask or a skull-stripped"),
        (_volume(head, (4, 4, 2)), {}, "2 mm"),
        (_volume(data), {"mask": np.ones((2, 2, 2))}, "other grids"),
        (_volume(data), {"mask": np.zeros(data.shape)}, "all but empty"),
        (_volume(np.zeros(data.shape)), {}, "all but empty"),
        (_volume(data), {"lesions": np.ones((2, 2, 2))}, "other grids"),
    ):
        with pytest.raises(MeasurementError, match=words):
            _run(t1, **given)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MeasurementError, match=r"pip install 'thaliron-napari\[morphometry\]'"):
        _run(_volume(data))


def test_cancelling_and_failing_in_the_other_process(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    monkeypatch.setattr(from_t1.tempfile, "gettempdir", lambda: str(tmp_path))
    t1, told = _volume(_ball()[0]), []
    with pytest.raises(CancelledError):
        morphometry_from_t1(t1, progress=lambda share, words: told.append(words), cancelled=lambda: len(told) > 1)
    assert list(tmp_path.glob("*.log")) == []
    monkeypatch.setattr(from_t1, "_STAGES", "thaliron_napari.no_such_module")
    with pytest.raises(MeasurementError, match="no_such_module"):
        _run(t1)
    assert len(list(tmp_path.glob("*.log"))) == 1
    assert Path(sys.executable).exists()


@pytest.fixture
def result(tmp_path: Path) -> AntsResult:
    """A result on a T1 whose file lies as LIA, tilted."""
    rng = np.random.default_rng(3)
    affine = np.array([[-1.0, 0, 0.1, 5], [0, 0.1, 1.1, -7], [0.05, -0.9, 0, 9], [0, 0, 0, 1]])
    nib.save(nib.Nifti1Image(rng.uniform(0, 9, (6, 7, 8)).astype(np.float32), affine), tmp_path / "t1.nii.gz")
    t1 = read_volume(tmp_path / "t1.nii.gz")
    numbers = {name: Number(value, "as made") for name, value in zip(ANTS_NUMBERS, (512.5, 2.5), strict=True)}
    labels = rng.integers(0, 4, t1.data.shape).astype(np.uint8)
    thickness = np.where(labels == 2, rng.uniform(1, 4, labels.shape), 0).astype(np.float32)
    return AntsResult(t1, labels, thickness, numbers, "ANTs 0.5.3 (N4, DiReCT)", {"lesions_filled": True})


def test_written_and_read_again(result: AntsResult, tmp_path: Path) -> None:
    path = tmp_path / "out" / "sub-01_desc-ants_morphometry.json"
    assert write_ants_result(result, path, {"SourceHashes": {"t1": "abc"}}) == path
    read = read_ants_result(path)
    assert (read.program, read.path) == (result.program, path)
    assert {name: number.value for name, number in read.numbers.items()} == {
        "ants_gm_ml": 512.5,
        "ants_thickness_mm": 2.5,
    }
    content = json.loads(path.read_text())
    assert content["SourceHashes"] == {"t1": "abc"}
    assert content["Numbers"]["ants_gm_ml"]["Unit"] == "ml"
    dseg, thickness = maps_beside(path)
    assert [p.name for p in (dseg, thickness)] == [
        "sub-01_desc-ants_dseg.nii.gz",
        "sub-01_desc-ants_thickness.nii.gz",
    ]
    assert np.array_equal(read_label_map(dseg, like=result.t1.grid).data, result.labels)
    assert np.array_equal(read_volume(thickness).data, result.thickness_mm)
    own, t1 = nib.load(thickness), nib.load(tmp_path / "t1.nii.gz")
    assert own.shape == t1.shape
    assert own.affine.tobytes() == t1.affine.tobytes()
    assert own.get_data_dtype() == np.float32


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        "{}",
        '{"Program": "x", "Numbers": []}',
        '{"Program": "x", "Numbers": {"ants_gm_ml": 5}}',
        '{"Program": "x", "Numbers": {"ants_gm_ml": {"Value": "5", "Unit": "ml", "Source": ""}}}',
        '{"Program": "x", "Numbers": {"ants_gm_ml": {"Value": NaN, "Unit": "ml", "Source": ""}}}',
        '{"Program": "x", "Numbers": {"ants_gm_ml": {"Value": 5, "Unit": "mm3", "Source": ""}}}',
        "[" * 100_000,
        '"' + "x" * 2_000_000 + '"',
    ],
    ids=range(12),
)
def test_damaged_results_are_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(MeasurementError, match=r"x\.json"):
        read_ants_result(path)


def test_a_missing_number_says_so_and_a_missing_file_too(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text('{"Program": "x", "Numbers": {}}')
    assert read_ants_result(path).numbers["ants_gm_ml"] == Number(None, "x.json has no ants_gm_ml")
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(MeasurementError, match="damaged"):
        read_ants_result(path)
    with pytest.raises(MeasurementError, match="cannot be read"):
        read_ants_result(tmp_path / "none.json")
