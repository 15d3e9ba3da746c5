"""The dialog that makes a case of a DICOM folder."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import dcm2niix
import pytest
from dicom_files import Made, write_classic
from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog

from thaliron_napari.case import open_case
from thaliron_napari.viewer.import_dialog import ImportDialog
from thaliron_napari.viewer.panel import Panel

ROLE, PROBLEM = 6, 7


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """T1, two FLAIRs (the second finer), one with a gap."""
    folder = tmp_path / "dicom"
    series = [Made("t1_mprage"), Made("flair"), Made("flair", spacing=(1, 1, 1)), Made("t1 +c", slices=[0, 1, 3])]
    for n, made in enumerate(series, start=1):
        write_classic(folder, replace(made, number=n))
    return folder


@pytest.fixture
def opened(qtbot: QtBot) -> Callable[[Path], ImportDialog]:
    """Open the dialog and wait until it has looked into the folder."""

    def open_it(folder: Path) -> ImportDialog:
        dialog = ImportDialog(folder)
        qtbot.addWidget(dialog)
        dialog.show()
        qtbot.waitUntil(lambda: not dialog.progress.isVisible(), timeout=20_000)
        return dialog

    return open_it


def shown(dialog: ImportDialog, column: int) -> list[str]:
    return [dialog.table.item(row, column).text() for row in range(dialog.table.rowCount())]


def choose(dialog: ImportDialog, row: int, name: str) -> None:
    box = dialog.role_box(row)
    box.setCurrentIndex(box.findText(name))
    box.activated.emit(box.currentIndex())


def test_the_series_are_listed_with_the_likely_choice(study: Path, opened) -> None:
    dialog = opened(study)
    assert shown(dialog, 0) == ["1", "2", "3", "4"]
    assert shown(dialog, 1) == ["t1_mprage", "flair", "flair", "t1 +c"]
    assert shown(dialog, 4)[:3] == ["2 × 3 × 4", "2 × 3 × 4", "1 × 1 × 1"]
    assert [dialog.role_box(row).currentText() for row in range(4)] == ["T1", "–", "FLAIR", "–"]
    assert [dialog.role_box(row).isEnabled() for row in range(4)] == [True, True, True, False]
    assert "1 slice is missing" in shown(dialog, PROBLEM)[3]


def test_an_image_is_one_series_only(study: Path, opened) -> None:
    dialog = opened(study)
    choose(dialog, 1, "FLAIR")
    assert [dialog.role_box(row).currentText() for row in range(4)] == ["T1", "FLAIR", "–", "–"]
    choose(dialog, 0, "–")
    choose(dialog, 1, "–")
    assert not dialog.start.isEnabled()


def test_what_is_chosen_becomes_a_case(study: Path, opened, qtbot: QtBot, tmp_path: Path) -> None:
    (tmp_path / "bids" / "sub-01").mkdir(parents=True)
    dialog = opened(study)
    assert dialog.subject.text() == "02"
    dialog.subject.clear()
    assert not dialog.start.isEnabled()
    qtbot.keyClicks(dialog.subject, "M S_1^4")
    assert dialog.subject.text() == "MS14"
    dialog.out.setText(str(tmp_path / "elsewhere"))
    with qtbot.waitSignal(dialog.imported, timeout=20_000) as told:
        qtbot.mouseClick(dialog.start, Qt.MouseButton.LeftButton)
    assert told.args == [tmp_path / "elsewhere" / "sub-MS14"]
    case = open_case(told.args, in_memory=True)
    assert (case.subject, set(case.images)) == ("MS14", {"t1", "flair"})
    assert case.images["flair"].spacing.tolist() == pytest.approx([1, 1, 1])
    assert dialog.result() == dialog.DialogCode.Accepted


def test_refusals_are_said_in_the_dialog_which_stays(study: Path, opened, qtbot: QtBot, tmp_path: Path) -> None:
    anat = tmp_path / "bids" / "sub-7" / "anat"
    anat.mkdir(parents=True)
    (anat / "sub-7_FLAIR.nii.gz").write_text("there")
    dialog = opened(study)
    dialog.subject.setText("7")
    dialog.convert()
    qtbot.waitUntil(lambda: "is in" in dialog.note.text() and dialog.start.isEnabled(), timeout=20_000)
    assert dialog.isVisible()
    dialog.overwrite.setChecked(True)
    with qtbot.waitSignal(dialog.imported, timeout=20_000):
        dialog.convert()


def test_a_series_that_fails_is_said_before_the_others_open(study: Path, opened, qtbot: QtBot) -> None:
    dialog = opened(study)
    for path in study.glob("001_*"):
        path.unlink()
    told: list[Path] = []
    dialog.imported.connect(told.append)
    dialog.convert()
    qtbot.waitUntil(lambda: dialog.start.text() == "Open the others", timeout=20_000)
    assert "Series 1 (t1_mprage) was not imported" in dialog.note.text()
    assert (told, dialog.isVisible()) == ([], True)
    qtbot.waitUntil(dialog.start.isEnabled, timeout=20_000)
    qtbot.mouseClick(dialog.start, Qt.MouseButton.LeftButton)
    assert [path.name for path in told] == ["sub-01"]


def test_cancel_stops_the_converter_and_closes(study: Path, opened, qtbot: QtBot, tmp_path: Path, monkeypatch) -> None:
    program, begun = tmp_path / "stuck", tmp_path / "begun"
    program.write_text(f"#!/bin/sh\ntouch {begun}\nexec sleep 600\n")
    program.chmod(0o755)
    monkeypatch.setattr(dcm2niix, "bin", str(program))
    dialog = opened(study)
    dialog.convert()
    qtbot.waitUntil(begun.exists, timeout=20_000)
    qtbot.mouseClick(dialog.cancel, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not dialog.isVisible(), timeout=20_000)
    assert dialog.result() == dialog.DialogCode.Rejected
    assert not (tmp_path / "bids").exists()


def test_a_dialog_that_goes_stops_the_converter_and_hears_no_more(
    study: Path, opened, qtbot: QtBot, tmp_path: Path, monkeypatch
) -> None:
    program, begun = tmp_path / "stuck", tmp_path / "begun"
    program.write_text(f"#!/bin/sh\necho $$ > {begun}\nexec sleep 600\n")
    program.chmod(0o755)
    monkeypatch.setattr(dcm2niix, "bin", str(program))
    dialog = ImportDialog(study)
    qtbot.waitUntil(dialog.start.isEnabled, timeout=20_000)
    dialog.convert()
    qtbot.waitUntil(lambda: begun.exists() and begun.read_text().strip() != "", timeout=20_000)
    process = int(begun.read_text())
    dialog.deleteLater()
    qtbot.waitUntil(lambda: not is_running(process), timeout=20_000)
    with qtbot.captureExceptions() as wrong:
        qtbot.wait(300)
    assert wrong == []


def is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_folder_without_dicom_says_so(opened, tmp_path: Path) -> None:
    dialog = opened(tmp_path)
    assert "There is no DICOM image" in dialog.note.text()
    assert not dialog.start.isEnabled()


def test_the_study_step_leads_there_and_opens_what_was_imported(
    study: Path, panel: Panel, qtbot: QtBot, monkeypatch
) -> None:
    step = panel.steps[0]
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(study))
    step.ask_dicom()
    step.ask_folder()
    dialogs = step.findChildren(ImportDialog)
    for dialog in dialogs:
        qtbot.waitUntil(dialog.start.isEnabled, timeout=20_000)
    dialogs[0].reject()
    with qtbot.waitSignal(dialogs[1].imported, timeout=20_000):
        dialogs[1].convert()
    qtbot.waitUntil(lambda: set(panel.reading.case.images) == {"t1", "flair"}, timeout=20_000)
