"""Who reads: asked once and never again, each in a folder apart, blinded to the others until told otherwise."""

import gzip
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from npe2 import PluginManifest
from qtpy.QtCore import QEvent, Qt, QThreadPool
from qtpy.QtGui import QKeyEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QPushButton

from thaliron_napari.case import Case, Role, open_case
from thaliron_napari.case.worklist import finish
from thaliron_napari.viewer import preferences
from thaliron_napari.viewer.app import make_window
from thaliron_napari.viewer.hand import Hand
from thaliron_napari.viewer.panel import Panel
from thaliron_napari.viewer.reader import ReaderDialog
from thaliron_napari.viewer.scripted_reader import wait_until
from thaliron_napari.viewer.steps.study import StudyStep
from thaliron_napari.viewer.steps.thalamus import ThalamusStep

NAME = "thaliron-napari"
SUFFIX: dict[Role, str] = {"qsm": "Chimap", "flair": "FLAIR"}


@pytest.fixture
def dataset(phantom: dict[Role, Path], tmp_path: Path) -> Path:
    """Two subjects."""
    root = tmp_path / "study"
    for subject in ("1", "2"):
        anat = root / f"sub-{subject}" / "anat"
        anat.mkdir(parents=True)
        for role, suffix in SUFFIX.items():
            shutil.copy(phantom[role], anat / f"sub-{subject}_{suffix}.nii.gz")
    return root


@pytest.fixture
def restart(plugin_settings: None, npe2pm: Any) -> Callable[[], None]:
    """Settings of this test alone; called, they are read from disk again, as in another process."""
    npe2pm.register(PluginManifest.from_distribution(NAME))

    def again() -> None:
        npe2pm.disable(NAME)
        npe2pm.enable(NAME)

    return again


@pytest.fixture
def new_window(make_napari_viewer_proxy: Callable[..., Any], restart: Callable[[], None]) -> Iterator[Callable]:
    """Opens windows as the program does, each as after a new start."""

    def make(case: Case | None = None, **options: Any) -> Panel:
        restart()
        viewer = make_napari_viewer_proxy(show=True)
        viewer.window.resize(1000, 900)
        return make_window(case, viewer=viewer, **options)

    yield make
    QThreadPool.globalInstance().waitForDone(30_000)


def dialog() -> ReaderDialog | None:
    found = [w for w in QApplication.topLevelWidgets() if isinstance(w, ReaderDialog) and w.isVisible()]
    assert len(found) < 2
    return found[0] if found else None


def asked() -> ReaderDialog:
    wait_until(lambda: dialog() is not None, "the question", 10)
    found = dialog()
    assert found is not None
    return found


def click(button: QPushButton) -> None:
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


def type_name(name: str) -> None:
    """Type a name and press Enter."""
    question = asked()
    question.name.clear()
    for sign in name:  # QTest's own typing knows ASCII only
        QApplication.sendEvent(question.name, QKeyEvent(QEvent.Type.KeyPress, 0, Qt.KeyboardModifier.NoModifier, sign))
    QTest.keyClick(question.name, Qt.Key.Key_Return)
    assert dialog() is None


def folder_of(panel: Panel, name: str) -> str:
    """Name of the derivative in which the open case is kept."""

    def is_open() -> bool:
        case = panel.reading.case
        return case is not None and case.name == name and not panel.reading.opening

    wait_until(is_open, name)
    case = panel.reading.case
    assert case is not None
    assert case.folder is not None
    assert case.reader == panel.reading.reader
    return case.folder.parents[1].name


def others(step: StudyStep) -> tuple[bool, list[str], str]:
    """Whether the column of other readers shows, its cells, and all tool tips of the list."""
    model, table = step.worklist.model, step.worklist.table
    tips = [model.index(row, 0).data(Qt.ItemDataRole.ToolTipRole) for row in range(len(model.entries))]
    return (not table.isColumnHidden(4), [model.index(row, 4).data() for row in range(len(tips))], "\n".join(tips))


def read_by(dataset: Path, reader: str, *subjects: str) -> None:
    """Finish readings as someone."""
    for subject in subjects:
        case = open_case([dataset / f"sub-{subject}"], reader=reader)
        case.apply(finish(case))
        case.close()


def test_the_name_is_asked_once_and_never_again(new_window: Callable[..., Panel], dataset: Path) -> None:
    panel = new_window(asks=True)
    step = panel.step(StudyStep)
    assert dialog() is None  # nothing was opened yet
    step.open([dataset / "sub-1"], {})
    type_name("Dr. Müller")
    assert folder_of(panel, "sub-1") == "thaliron-DrMüller"
    assert step.who.label.text() == "Reader: Dr. Müller"
    step.open([dataset], {})
    wait_until(lambda: step.worklist.isVisible(), "the worklist")
    assert dialog() is None

    panel = new_window(asks=True)
    step = panel.step(StudyStep)
    wait_until(lambda: step.who.label.text() == "Reader: Dr. Müller", "the name")
    step.open([dataset / "sub-2"], {})
    assert folder_of(panel, "sub-2") == "thaliron-DrMüller"
    assert dialog() is None


def test_to_read_without_a_name_is_an_answer(new_window: Callable[..., Panel], dataset: Path) -> None:
    panel = new_window(asks=True)
    panel.step(StudyStep).open([dataset / "sub-1"], {})
    click(asked().nameless)
    assert folder_of(panel, "sub-1") == "thaliron"
    panel = new_window(asks=True)
    step = panel.step(StudyStep)
    wait_until(lambda: step.who.label.text() == "Reader: without a name", "the answer")
    step.open([dataset], {})
    wait_until(lambda: step.worklist.isVisible(), "the worklist")
    assert dialog() is None
    assert preferences.reader() == ""


def test_a_question_that_is_closed_opens_nothing_and_comes_again(
    new_window: Callable[..., Panel], dataset: Path
) -> None:
    panel = new_window(asks=True)
    step = panel.step(StudyStep)
    step.open([dataset / "sub-1"], {})
    QTest.keyClick(asked(), Qt.Key.Key_Escape)
    QTest.qWait(100)
    assert dialog() is None
    assert panel.reading.case is None
    assert preferences.reader() is None
    step.open([dataset / "sub-2"], {})
    question = asked()
    step.open([dataset / "sub-1"], {})  # asked once, and the last one is opened
    assert asked() is question
    type_name("李明")
    assert folder_of(panel, "sub-1") == "thaliron-李明"


def test_what_cannot_be_a_name_cannot_be_taken(new_window: Callable[..., Panel], dataset: Path) -> None:
    panel = new_window(asks=True)
    panel.step(StudyStep).open([dataset / "sub-1"], {})
    question = asked()
    assert not question.take.isEnabled()
    QTest.keyClicks(question.name, "!? ")
    assert not question.take.isEnabled()
    assert "neither letter nor digit" in question.note.text()
    QTest.keyClick(question.name, Qt.Key.Key_Return)
    assert dialog() is question
    question.name.setText("")
    QTest.keyClicks(question.name, " Dr.  No ")
    assert question.note.text() == "Your work lies in the folder thaliron-DrNo."
    click(question.take)
    assert folder_of(panel, "sub-1") == "thaliron-DrNo"
    assert panel.reading.reader == "Dr. No"


def test_windows_opened_by_a_program_never_ask(
    new_window: Callable[..., Panel], dataset: Path, phantom_case: Case
) -> None:
    preferences.set_reader("Anna")
    panel = new_window()
    panel.step(StudyStep).open([dataset / "sub-1"], {})
    assert folder_of(panel, "sub-1") == "thaliron"
    panel = new_window(phantom_case, reader="Ben")
    assert panel.step(StudyStep).who.label.text() == "Reader: Ben"
    assert dialog() is None
    assert preferences.reader() == "Anna"


def test_the_dock_in_napari_asks_too(
    make_napari_viewer_proxy: Callable[..., Any], restart: Callable[[], None], dataset: Path
) -> None:
    from thaliron_napari.viewer import make_dock

    viewer = make_napari_viewer_proxy(show=True)
    panel = make_dock(viewer)
    viewer.window.add_dock_widget(panel, area="right")
    panel.step(StudyStep).open([dataset / "sub-1"], {})
    type_name("Anna")
    assert folder_of(panel, "sub-1") == "thaliron-Anna"
    QThreadPool.globalInstance().waitForDone(30_000)


def test_another_reader_gets_a_derivative_of_their_own_and_nothing_is_lost(
    new_window: Callable[..., Panel], dataset: Path
) -> None:
    panel = new_window(reader="Anna")
    step = panel.step(StudyStep)
    step.open([dataset], {})
    wait_until(lambda: step.worklist.isVisible(), "the worklist")
    step.open_case(step.worklist.cases[0])
    assert folder_of(panel, "sub-1") == "thaliron-Anna"
    panel.open_step(next(i for i, s in enumerate(panel.steps) if isinstance(s, ThalamusStep)))
    QTest.qWait(250)
    hand = Hand(panel.reading.viewer, panel)
    hand.drag([(90, 50), (90, 70), (110, 70), (110, 50)])
    hers = panel.reading.case
    assert hers is not None
    drawn = hers.annotations.maps["thalami"].copy()
    assert drawn.any()

    panel.open_step(0)
    click(step.who.change)
    type_name("Ben")
    panel.reading.stroke = "going on"  # a drag that goes on while the other case is read
    assert panel.reading.opening == "sub-1"
    wait_until(lambda: not panel.reading.opening, "Ben's case to be read")
    QTest.qWait(100)
    assert panel.reading.case is hers
    assert panel.reading.reader == "Anna"
    panel.reading.toggle_finished()  # made meanwhile: still hers
    panel.reading.stroke = ""
    wait_until(lambda: panel.reading.case is not hers, "Ben's case")
    assert folder_of(panel, "sub-1") == "thaliron-Ben"
    his = panel.reading.case
    assert his is not None
    assert not his.annotations.maps["thalami"].any()
    assert not panel.reading.finished
    assert step.who.label.text() == "Reader: Ben"
    wait_until(lambda: bool(step.worklist.model.entries), "Ben's worklist")
    assert [entry.state for entry in step.worklist.model.entries] == ["not begun", "not begun"]
    assert preferences.reader() == "Ben"
    assert (dataset / "derivatives/thaliron-Anna/sub-1/anat/sub-1_space-QSM_desc-thalamus_dseg.nii.gz").exists()

    click(step.who.change)
    type_name("Anna")
    wait_until(lambda: panel.reading.reader == "Anna", "Anna's case")
    assert folder_of(panel, "sub-1") == "thaliron-Anna"
    assert panel.reading.case is not None
    np.testing.assert_array_equal(panel.reading.case.annotations.maps["thalami"], drawn)
    assert panel.reading.finished
    wait_until(lambda: bool(step.worklist.model.entries), "Anna's worklist")
    assert [entry.state for entry in step.worklist.model.entries] == ["done", "not begun"]


def test_a_reader_whose_work_cannot_be_opened_does_not_draw_into_anothers(
    new_window: Callable[..., Panel], dataset: Path, tmp_path: Path, told: Callable[[], list[str]]
) -> None:
    other = tmp_path / "sub-1_Chimap.nii.gz"  # another file by its checksum, and no longer there
    other.write_bytes(gzip.compress(gzip.decompress((dataset / "sub-1/anat/sub-1_Chimap.nii.gz").read_bytes()), 1))
    begun = open_case([other], derivatives=dataset / "derivatives" / "thaliron-Ben", reader="Ben")
    begun.apply(finish(begun))
    begun.close()
    panel = new_window(reader="Anna")
    step = panel.step(StudyStep)
    step.open([dataset / "sub-1"], {})
    assert folder_of(panel, "sub-1") == "thaliron-Anna"
    hers = panel.reading.case
    click(step.who.change)
    type_name("Ben")
    wait_until(lambda: bool(told()), "what is wrong")
    QTest.qWait(100)
    assert panel.reading.case is hers
    assert (panel.reading.reader, step.who.label.text()) == ("Anna", "Reader: Anna")
    step.open([dataset / "sub-2"], {})
    assert folder_of(panel, "sub-2") == "thaliron-Anna"


def test_a_folder_that_was_named_is_not_shared_by_two_readers(
    new_window: Callable[..., Panel], phantom_case: Case, told: Callable[[], list[str]]
) -> None:
    panel = new_window(phantom_case)
    click(panel.step(StudyStep).who.change)
    assert dialog() is None
    assert ["folder that was named for it" in message for message in told()] == [True]


def test_reading_is_blinded_until_told_otherwise(new_window: Callable[..., Panel], dataset: Path) -> None:
    read_by(dataset, "Anna", "1")
    read_by(dataset, "", "1", "2")
    read_by(dataset, "Ben", "2")
    panel = new_window(reader="Ben")
    step = panel.step(StudyStep)
    step.open([dataset], {})
    wait_until(lambda: step.worklist.isVisible(), "the worklist")
    assert [entry.state for entry in step.worklist.model.entries] == ["not begun", "done"]
    is_shown, cells, tips = others(step)
    assert not is_shown
    assert cells == ["", ""]
    assert "ead by" not in tips
    assert not any(name in tips for name in ("Anna", "Ben", "no name", "thaliron"))

    from napari.settings import get_plugin_settings

    get_plugin_settings(NAME).reading.blinded = False  # as napari's Preferences set it
    is_shown, cells, tips = others(step)
    assert is_shown
    assert cells == ["no name, Anna", "no name"]
    assert "Also read by no name, Anna." in tips
    assert "Read by Ben." in tips

    step = new_window(reader="Ben").step(StudyStep)  # and so it stays
    step.open([dataset], {})
    wait_until(lambda: step.worklist.isVisible(), "the worklist")
    assert others(step)[0]
    get_plugin_settings(NAME).reading.blinded = True
    assert others(step)[:2] == (False, ["", ""])


@pytest.mark.parametrize(
    ("content", "reader"),
    [
        (b"reading:\n  reader: Anna\n", "Anna"),
        (b"rea", None),  # cut off while it was written
        (b"\xff\xfe\x00", None),
        (b"reading:\n  reader: [7\n", None),
        (b"reading:\n  reader: {a: 1}\n  blinded: perhaps\n", None),
        (b"reading:\n  reader: '!!'\n  ask: false\n", None),
        (b"reading:\n  ask: false\n", ""),
    ],
)
def test_a_damaged_file_of_preferences_stops_nothing(
    restart: Callable[[], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, reader: str | None
) -> None:
    monkeypatch.setattr(preferences, "get_settings", lambda: SimpleNamespace(config_path=tmp_path / "napari.yaml"))
    file = tmp_path / f"{NAME}.yaml"
    file.write_bytes(content)
    restart()
    assert preferences.reader() == reader
    assert preferences.is_blinded()
    preferences.set_reader("Ben")
    restart()
    assert preferences.reader() == "Ben"
    aside = tmp_path / f"{NAME}.damaged.yaml"
    assert not aside.exists() or aside.read_bytes() == content == b"rea"  # the others napari itself sees to


def test_preferences_that_cannot_be_written_are_told(
    restart: Callable[[], None], tmp_path: Path, told: Callable[[], list[str]]
) -> None:
    (tmp_path / f"{NAME}.yaml").mkdir()
    restart()
    assert preferences.reader() is None
    preferences.set_reader("Ben")
    assert ["could not be kept" in message for message in told()] == [True]


_PROGRAM = """
import os, sys
from pathlib import Path
import napari
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication
from thaliron_napari.viewer import app
from thaliron_napari.viewer.scripted_reader import wait_until
from thaliron_napari.viewer.panel import Panel
from thaliron_napari.viewer.reader import ReaderDialog

def shown(kind):
    return [w for w in QApplication.allWidgets() if isinstance(w, kind) and w.isVisible()]

def look(**_options):
    QTest.qWait(300)
    (panel,) = shown(Panel)
    is_asked = bool(shown(ReaderDialog))
    for dialog in shown(ReaderDialog):
        QTest.keyClicks(dialog.name, "Anna")
        dialog.take.click()
    wait_until(lambda: panel.reading.case is not None and not panel.reading.opening, "the case")
    print("asked" if is_asked else "not asked", panel.reading.case.folder.parents[1].name, flush=True)
    napari.current_viewer().close()

napari.run = look
path = Path(sys.argv[1])
if "first" in sys.argv:
    from thaliron_napari.viewer import demo
    from thaliron_napari.case.opening import find_images
    demo.phantom_images = lambda *_: find_images([path])
    app.run_demo(path.parent / "out", offscreen=False, size="small")
    app.open_window([path], {}, reader="Ben")
app.open_window([path], {})
os._exit(0)
"""


def test_the_program_asks_at_its_first_start_only_and_never_in_the_demo(dataset: Path, tmp_path: Path) -> None:
    def start(*arguments: str) -> list[str]:
        done = subprocess.run(
            [sys.executable, "-c", _PROGRAM, str(dataset / "sub-1"), *arguments],
            env={**os.environ, "NAPARI_CONFIG": str(tmp_path / "config" / "napari.yaml")},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        return [line for line in done.stdout.splitlines() if "asked" in line]

    assert start("first") == ["not asked thaliron", "not asked thaliron-Ben", "asked thaliron-Anna"]
    assert start() == ["not asked thaliron-Anna"]
