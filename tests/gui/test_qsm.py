"""The step QSM: from the echoes of a folder to the case's map, by its buttons."""

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gre_files import PALLIDUM_PPB, map_ppb, write_gre
from qtpy.QtCore import QThreadPool
from qtpy.QtTest import QTest

from thaliron_napari.case import Case, open_case
from thaliron_napari.case.worklist import flag
from thaliron_napari.imaging import read_volume, write_image
from thaliron_napari.viewer.app import make_window
from thaliron_napari.viewer.hand import Hand
from thaliron_napari.viewer.panel import Panel
from thaliron_napari.viewer.scripted_reader import wait_until
from thaliron_napari.viewer.steps.qsm import QsmStep
from thaliron_napari.viewer.steps.study import StudyStep


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A patient with a FLAIR and the echoes of a gradient echo whose phase has the wrong sign."""
    anat = tmp_path / "data" / "sub-05" / "anat"
    write_gre(anat, "sub-05", sign=-1)
    echo = read_volume(anat / "sub-05_echo-1_part-mag_MEGRE.nii.gz")
    write_image(anat / "sub-05_FLAIR.nii.gz", echo.data, echo)
    return anat.parent


@pytest.fixture
def window(make_napari_viewer_proxy: Callable[..., Any], imports: None) -> Iterator[Callable[[Any], Panel]]:
    """Opens the window on a case."""

    def made(case: Any) -> Panel:
        viewer = make_napari_viewer_proxy(show=True)
        viewer.window.resize(1280, 800)
        panel = make_window(case, viewer=viewer)
        panel.open_step(panel.steps.index(panel.step(QsmStep)))
        QTest.qWait(100)
        return panel

    yield made
    QThreadPool.globalInstance().waitForDone(30_000)


def compute(panel: Panel, method: str) -> None:
    step = panel.step(QsmStep)
    step.method.setCurrentIndex(step.method.findData(method))
    Hand(panel.reading.viewer, panel).press(step.start)


def map_is_open(panel: Panel) -> bool:
    return panel.reading.case is not None and "qsm" in panel.reading.case.images and not panel.reading.opening


def above(values: np.ndarray, pallida: np.ndarray) -> float:
    inside = values != 0
    return float(values[pallida & inside].mean() - np.median(values[inside & ~pallida]))


def test_a_map_is_made_opens_is_said_to_be_upside_down_and_turned(
    window: Callable[[Any], Panel], folder: Path, tmp_path: Path
) -> None:
    panel = window(open_case([folder]))
    step, hand = panel.step(QsmStep), Hand(panel.reading.viewer, panel)
    assert "3 echoes" in step.memory.text()
    assert "GiB" in step.memory.text()
    assert panel.headers[panel.open_place].text().endswith("to be made")
    compute(panel, "closed form")
    wait_until(lambda: map_is_open(panel), "the map")
    QTest.qWait(200)
    path = panel.reading.case.images["qsm"].source.path
    assert path.parent.parent.parent.parent.name == "derivatives"
    assert "upside down" in step.said.text()
    assert "sub-05_Chimap" not in step.scans.currentText()
    assert step.start.isEnabled()  # its echoes are known still
    assert "upside down?" in panel.headers[panel.open_place].text()
    pallida = write_gre(tmp_path / "again")
    assert above(panel.reading.case.qsm_ppb, pallida) < -PALLIDUM_PPB / 2

    before = panel.reading.case
    hand.press(step.flip)  # nothing was read on it: the file itself is turned
    wait_until(lambda: panel.reading.case is not before and map_is_open(panel), "the map again")
    assert above(panel.reading.case.qsm_ppb, pallida) > PALLIDUM_PPB / 2
    assert above(map_ppb(path), pallida) > PALLIDUM_PPB / 2
    assert "upside" not in panel.headers[panel.open_place].text()
    assert panel.reading.case.unit == "ppm"

    panel.reading.make(lambda case: flag(case, "motion"))
    hand.press(step.flip)  # what was read on a file belongs to it: now an edit, which can be taken back
    assert above(panel.reading.case.qsm_ppb, pallida) < 0
    assert above(map_ppb(path), pallida) > 0
    panel.reading.undo()
    assert above(panel.reading.case.qsm_ppb, pallida) > 0


def test_a_run_is_cancelled_and_gone_on_with(window: Callable[[Any], Panel], folder: Path) -> None:
    panel = window(open_case([folder]))
    step, hand = panel.step(QsmStep), Hand(panel.reading.viewer, panel)
    compute(panel, "medi")
    assert not step.start.isVisible()
    wait_until(lambda: step.progress.text().startswith(("background", "inversion")), "progress")
    hand.press(step.cancel)
    wait_until(lambda: step.start.isVisible(), "the end")
    assert "Stopped" in step.said.text()
    assert not list(folder.parent.rglob("*_Chimap.nii.gz"))
    assert not map_is_open(panel)
    compute(panel, "medi")
    wait_until(lambda: map_is_open(panel), "the map", 60)
    assert panel.reading.case.images["qsm"].source.path.name == "sub-05_Chimap.nii.gz"


def test_who_went_on_to_another_case_is_not_taken_away_from_it(
    window: Callable[[Any], Panel], folder: Path, phantom_case: Case, told: Callable[[], list[str]]
) -> None:
    panel = window(open_case([folder]))
    compute(panel, "medi")
    panel.reading.open(phantom_case)
    wait_until(lambda: any("sub-05" in words for words in told()), "the word that it is made")
    QTest.qWait(300)
    assert panel.reading.case is phantom_case
    assert list(folder.parent.rglob("sub-05_Chimap.nii.gz"))


def test_what_was_read_on_the_flair_before_stays(window: Callable[[Any], Panel], folder: Path) -> None:
    panel = window(open_case([folder]))
    panel.reading.make(lambda case: flag(case, "motion"))
    compute(panel, "tkd")
    wait_until(lambda: map_is_open(panel), "the map")
    assert panel.reading.case.done[0].words.startswith("flag")


def test_without_a_flair_the_folder_is_opened_from_the_step(
    window: Callable[[Any], Panel], folder: Path, told: Callable[[], list[str]]
) -> None:
    (folder / "anat" / "sub-05_FLAIR.nii.gz").unlink()
    panel = window(None)
    panel.step(StudyStep).open([folder], {})
    wait_until(lambda: bool(told()), "the refusal")
    assert "step QSM" in told()[-1]
    step = panel.step(QsmStep)
    step.look_in(folder)
    step.times.setText("5; 11")  # by hand, and wrong
    compute(panel, "tkd")
    wait_until(lambda: len(told()) > 1, "the refusal")
    assert "echo" in told()[-1]
    assert step.start.isVisible()
    step.times.setText("")
    compute(panel, "tkd")
    wait_until(lambda: map_is_open(panel), "the map")
    assert panel.reading.case.name == "sub-05"
    assert step.start.isEnabled()


def test_numbers_that_are_none_are_refused_before_anything_starts(window: Callable[[Any], Panel], folder: Path) -> None:
    panel = window(open_case([folder]))
    step = panel.step(QsmStep)
    step.field.setText("three")
    compute(panel, "tkd")
    assert "three" in step.said.text()
    assert step.start.isVisible()
    step.times.setText("5, 11, 17")
    write_gre(folder.parent / "sub-06" / "anat", "sub-06")
    step.look_in(folder.parent / "sub-06")  # what was typed for one patient does not hold for the next
    assert (step.times.text(), step.field.text()) == ("", "")


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in is a shell script")
def test_qsmxt_is_offered_where_it_is_installed_and_its_map_opens(
    window: Callable[[Any], Panel], folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "bin" / "qsmxt"
    program.parent.mkdir()
    echo = folder / "anat" / "sub-05_FLAIR.nii.gz"
    program.write_text(
        '#!/bin/sh\n[ "$1" = --version ] && echo "qsmxt 9.1.0" && exit\necho "stage one"\n'
        'there="$3/derivatives/qsmxt/sub-05/anat"; mkdir -p "$there"\n'
        f'cp "{echo}" "$there/sub-05_Chimap.nii.gz"; echo \'{{"Units": "ppm"}}\' > "$there/sub-05_Chimap.json"\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    panel = window(open_case([folder]))
    step = panel.step(QsmStep)
    assert step.method.itemText(step.method.count() - 1) == "QSMxT 9.1.0"
    compute(panel, "qsmxt")
    wait_until(lambda: map_is_open(panel), "the map")
    assert "qsmxt" in panel.reading.case.images["qsm"].source.path.parts
