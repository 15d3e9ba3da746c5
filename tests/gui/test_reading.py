"""A whole reading in the real window, by mouse and keys, measured against the phantom's truth."""

from pathlib import Path

import numpy as np
import pytest

from thaliron_napari.case import Case, open_case
from thaliron_napari.cohort import read_table
from thaliron_napari.imaging import read_label_map
from thaliron_napari.viewer.panel import Panel
from thaliron_napari.viewer.phantom_case import learn
from thaliron_napari.viewer.scripted_reader import read_case


@pytest.fixture
def read(panel: Panel, phantom_case: Case, tmp_path: Path) -> Case:
    """The phantom's case, read from images to regression."""
    acts = read_case(panel, learn(phantom_case), tmp_path / "out")
    assert acts.total() <= 60, "clicks, drags, keys and notches of the wheel for a whole case"
    return phantom_case


def test_whole_reading_agrees_with_the_truth(read: Case, tmp_path: Path) -> None:
    truth = learn(read)
    table = read_table(tmp_path / "out" / "tables" / "measurements.csv")
    assert list(table["id"]) == ["sub-phantom"]
    exported = table.iloc[0]
    assert exported["chi_ppb"] == pytest.approx(truth.relative_ppb, abs=3)
    assert exported["thalamus_ml"] == pytest.approx(truth.thalami_ml, rel=0.10)
    assert exported["lesion_ml"] == pytest.approx(truth.lesions_ml, rel=0.15)
    assert exported["enhancing"] == 1

    # What lies on disk is what was drawn, on the file's own grid, and the left is the patient's left.
    assert read.folder is not None
    saved = read_label_map(
        read.folder / "sub-phantom_space-QSM_desc-thalamus_dseg.nii.gz", like=read.volume("qsm").grid
    )
    np.testing.assert_array_equal(saved.data, read.annotations.maps["thalami"])
    left, right = (saved.grid.world(np.argwhere(saved.data == label).mean(axis=0)) for label in (1, 2))
    assert left[0] < 0 < right[0]

    # The study's table stands in what the regression exported.
    tables = tmp_path / "out" / "reports" / "cohort"
    assert (tables / "report.html").stat().st_size > 10_000
    assert "0.029" in (tables / "table1.csv").read_text("utf-8")

    # The journal alone gives the same reading again, and undoing all of it gives nothing.
    assert read.close()
    again = open_case(
        [],
        images={role: v.source.path for role, v in read.images.items() if v.source is not None},
        derivatives=read.folder.parents[1],
    )
    for name, labels in read.annotations.maps.items():
        np.testing.assert_array_equal(again.annotations.maps[name], labels)
    assert again.annotations.facts == read.annotations.facts
    while again.undo() is not None:
        pass
    assert not again.annotations.facts
    assert not any(labels.any() for labels in again.annotations.maps.values())
    again.close()
