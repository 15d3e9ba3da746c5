"""The window stands bad input, napari's freedom with layers, and readings with one image only."""

import gzip
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from qtpy.QtTest import QTest

from thaliron_napari.case import Case, Role, open_case
from thaliron_napari.viewer.hand import Hand
from thaliron_napari.viewer.panel import Panel
from thaliron_napari.viewer.plugin import get_reader, write_labels
from thaliron_napari.viewer.scripted_reader import wait_until
from thaliron_napari.viewer.steps.lesions import LesionStep
from thaliron_napari.viewer.steps.study import StudyStep
from thaliron_napari.viewer.steps.thalamus import ThalamusStep


def missing(folder: Path, _phantom: dict[Role, Path]) -> Path:
    return folder / "sub-1_FLAIR.nii.gz"


def text(folder: Path, _phantom: dict[Role, Path]) -> Path:
    path = folder / "sub-1_FLAIR.nii.gz"
    path.write_text("not an image")
    return path


def truncated(folder: Path, phantom: dict[Role, Path]) -> Path:
    path = folder / "sub-1_FLAIR.nii.gz"
    path.write_bytes(phantom["flair"].read_bytes()[:20_000])
    return path


def four_dimensional(folder: Path, _phantom: dict[Role, Path]) -> Path:
    path = folder / "sub-1_FLAIR.nii.gz"
    nib.save(nib.Nifti1Image(np.ones((5, 5, 5, 4), np.float32), np.eye(4)), path)
    return path


def not_a_number(folder: Path, _phantom: dict[Role, Path]) -> Path:
    path = folder / "sub-1_FLAIR.nii.gz"
    data = np.ones((5, 5, 5), np.float32)
    data[2, 2, 2] = np.nan
    nib.save(nib.Nifti1Image(data, np.eye(4)), path)
    return path


def elsewhere(folder: Path, phantom: dict[Role, Path]) -> Path:
    path = folder / "sub-1_FLAIR.nii.gz"
    image = nib.load(phantom["flair"])
    affine = image.affine.copy()
    affine[:3, 3] += 1000
    nib.save(nib.Nifti1Image(np.asanyarray(image.dataobj), affine), path)
    return path


@pytest.mark.parametrize("make", [missing, text, truncated, four_dimensional, not_a_number, elsewhere])
def test_bad_input_is_told_in_one_sentence_and_nothing_is_lost(
    make: Callable[[Path, dict[Role, Path]], Path],
    panel: Panel,
    phantom: dict[Role, Path],
    phantom_case: Case,
    tmp_path: Path,
    told: Callable[[], list[str]],
) -> None:
    panel.open_step(3)
    hand = Hand(panel.reading.viewer, panel)
    hand.drag([(90, 50), (90, 70), (110, 70), (110, 50)])
    edits = len(phantom_case.done)
    path = make(tmp_path, phantom)
    panel.step(StudyStep).open([], {"qsm": phantom["qsm"], "flair": path})
    wait_until(lambda: not panel.reading.opening, "the refusal")
    messages = told()
    assert len(messages) == 1
    assert "\n" not in messages[0]
    assert path.name in messages[0] or "do not overlap" in messages[0]
    assert panel.reading.case is phantom_case
    hand.drag([(92, 52), (92, 72), (112, 72), (112, 52)])
    assert len(phantom_case.done) == edits + 1


def test_an_ambiguous_unit_is_asked_for_before_anything_is_measured(panel: Panel, tmp_path: Path) -> None:
    path = tmp_path / "sub-2_Chimap.nii.gz"
    values = np.random.default_rng(0).normal(0, 3, (40, 40, 30)).astype(np.float32)
    nib.save(nib.Nifti1Image(values, np.eye(4)), path)
    study = panel.step(StudyStep)
    study.open([path], {})
    wait_until(lambda: not panel.reading.opening, "the QSM")
    case = panel.reading.case
    assert case is not None
    assert case.unit is None
    assert "unit" in study.next()
    panel.open_step(0)
    choice = study.unit.choice
    choice.setCurrentIndex(choice.findData("ppb"))
    choice.activated.emit(choice.currentIndex())
    assert case.unit == "ppb"
    np.testing.assert_allclose(case.qsm_ppb.max(), values.max(), rtol=1e-6)
    panel.reading.undo()
    assert case.unit is None


def test_the_readings_layers_come_back_when_they_are_deleted(panel: Panel, phantom_case: Case) -> None:
    panel.open_step(next(i for i, s in enumerate(panel.steps) if isinstance(s, ThalamusStep)))
    hand = Hand(panel.reading.viewer, panel)
    hand.drag([(90, 50), (90, 70), (110, 70), (110, 50)])
    z = panel.reading.display.slice_shown()
    layers = panel.reading.viewer.layers
    layers["thalami"].name = "something else"
    for layer in list(layers):
        layers.remove(layer)
    panel.open_step(next(i for i, s in enumerate(panel.steps) if isinstance(s, LesionStep)))
    panel.open_step(next(i for i, s in enumerate(panel.steps) if isinstance(s, ThalamusStep)))
    assert {"QSM (ppb)", "FLAIR", "thalami"} <= {layer.name for layer in layers}
    shown = np.asarray(layers["thalami"].data)[z]
    np.testing.assert_array_equal(shown > 0, phantom_case.annotations.maps["thalami"][z] > 0)


def test_a_flair_alone_can_be_read_for_lesions(panel: Panel, phantom: dict[Role, Path], tmp_path: Path) -> None:
    panel.reading.open(open_case([], images={"flair": phantom["flair"]}, derivatives=tmp_path / "alone"))
    for place in range(len(panel.steps) - 1):
        panel.open_step(place)
        QTest.qWait(20)
    assert "FLAIR" in {layer.name for layer in panel.reading.viewer.layers}
    assert "QSM (ppb)" not in {layer.name for layer in panel.reading.viewer.layers}


def test_work_is_there_again_when_the_case_is_opened_again(
    panel: Panel, phantom: dict[Role, Path], phantom_case: Case, tmp_path: Path
) -> None:
    panel.open_step(3)
    Hand(panel.reading.viewer, panel).drag([(90, 50), (90, 70), (110, 70), (110, 50)])
    again = open_case([], images=phantom, derivatives=tmp_path / "thaliron")
    np.testing.assert_array_equal(again.annotations.maps["thalami"], phantom_case.annotations.maps["thalami"])
    panel.reading.open(again)
    assert "continued, 1 edit" in panel.case_label.text()


def test_reader_and_writer_keep_the_files_own_grid(
    make_napari_viewer_proxy: Any, phantom: dict[Role, Path], tmp_path: Path
) -> None:
    assert get_reader(str(tmp_path / "notes.txt")) is None
    viewer = make_napari_viewer_proxy()
    (layer,) = viewer.open(str(phantom["qsm"]), plugin="thaliron-napari")
    labels = np.zeros(layer.data.shape, np.uint8)
    labels[10, 20, 30] = 3
    added = viewer.add_labels(labels, scale=layer.scale, metadata=dict(layer.metadata))
    path = tmp_path / "labels.nii.gz"
    write_labels(str(path), np.asarray(added.data), {"scale": added.scale, "metadata": dict(added.metadata)})
    source, written = nib.load(phantom["qsm"]), nib.load(path)
    np.testing.assert_allclose(written.affine, source.affine)
    assert written.shape == source.shape
    (place,) = np.argwhere(np.asanyarray(written.dataobj))
    # Ours is (z to S, y to P, x to L); the phantom's files are LAS.
    assert tuple(place) == (30, source.shape[1] - 1 - 20, 10)


def test_a_gz_without_images_is_refused_by_the_reader(tmp_path: Path) -> None:
    from thaliron_napari.errors import ImageError

    path = tmp_path / "empty.nii.gz"
    path.write_bytes(gzip.compress(b""))
    reader = get_reader(str(path))
    assert reader is not None
    with pytest.raises(ImageError, match="empty"):
        reader(str(path))
    shutil.rmtree(tmp_path)
