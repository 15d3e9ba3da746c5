"""Whether the work is saved, in words that are true at any moment; and the questions before a window closes on it."""

import time

from qtpy.QtCore import QEvent, QObject
from qtpy.QtWidgets import QApplication, QFileDialog, QMessageBox, QWidget

from thaliron_napari.case import Case
from thaliron_napari.errors import ThalIronError
from thaliron_napari.viewer.reading import Reading
from thaliron_napari.viewer.work import running

_SLOW_S = 3.0
_CLOSING_S = 5.0  # how long the disk may take when the window closes
_STOPPING_S = 10.0  # how long work that was cancelled may take to end


def saved_words(reading: Reading) -> tuple[str, bool]:
    """What to say of the open case and those left before it, and whether it is trouble."""
    left = [f"{case.name} {words}" for case in reading.waiting if (words := _trouble(case))]
    here = "" if reading.case is None else _trouble(reading.case)
    if here or left:
        return "; ".join([*([here] if here else []), *left]), True
    case = reading.case
    if case is None or reading.read_only:
        return "" if case is None else "read only", False
    mirror = case.journal.mirror
    if mirror is None:
        return "in memory only", False
    if not mirror.saved:
        return "saving …", False
    if mirror.saved_at is None:
        return "saved" if case.done else "", False
    return f"saved {_ago(time.monotonic() - mirror.saved_at)}", False


def _trouble(case: Case) -> str:
    mirror = case.journal.mirror
    if mirror is None:
        return ""
    if mirror.problem:
        return f"not saved: {mirror.problem}"
    if not mirror.saved and mirror.silent_s > _SLOW_S:
        return f"not saved: the disk has not answered for {mirror.silent_s:.0f} s"
    return ""


def _ago(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.0f} s ago"
    if seconds < 3600:
        return f"{seconds / 60:.0f} min ago"
    return f"{seconds / 3600:.0f} h ago"


class ClosingGuard(QObject):
    """Stands between a window and its close button: asks whether work that is going on may be cancelled, and saves.

    Parameters
    ----------
    reading : Reading
    window : QWidget
        The main window.
    """

    def __init__(self, reading: Reading, window: QWidget) -> None:
        super().__init__(window)
        self.reading = reading
        window.installEventFilter(self)

    def eventFilter(self, window: QObject | None, event: QEvent | None) -> bool:
        """Let the window close, or not."""
        if event is not None and event.type() == QEvent.Type.Close and not (self._may_stop() and self._may_close()):
            event.ignore()
            return True
        return False

    def _may_stop(self) -> bool:
        """Ask whether what is going on may be cancelled, and wait for its end: the window would hang on it later."""
        window = self.parent()
        if not running(window):
            return True
        box = QMessageBox(window)
        box.setIcon(QMessageBox.Icon.Question)
        box.setWindowTitle("ThalIron")
        names = " and ".join(dict.fromkeys(job.name for job in running(window)))
        box.setText(f"The {names} is still going on.")
        box.setInformativeText("If you close now it is cancelled. All that you drew is kept.")
        stop = box.addButton("Cancel it and close", QMessageBox.ButtonRole.AcceptRole)
        stay = box.addButton("Stay", QMessageBox.ButtonRole.RejectRole)
        box.setDefaultButton(stay)
        box.setEscapeButton(stay)
        box.exec()
        if box.clickedButton() is not stop:
            return False
        for job in running(window):
            job.cancel()
        until = time.monotonic() + _STOPPING_S
        while running(window) and time.monotonic() < until:
            QApplication.processEvents()
            time.sleep(0.01)
        return True

    def _may_close(self) -> bool:
        while not self.reading.leave(_CLOSING_S):
            left = self.reading.waiting
            names = ", ".join(case.name for case in left)
            why = " ".join(dict.fromkeys(_trouble(case) or "not saved yet" for case in left))
            box = QMessageBox(self.parent())
            box.setIcon(QMessageBox.Icon.Warning)
            box.setWindowTitle("ThalIron")
            box.setText(f"The last work on {names} is in memory only: {why}.")
            box.setInformativeText("It is written as soon as the disk lets it. If you close now, it is lost.")
            again = box.addButton("Try again", QMessageBox.ButtonRole.AcceptRole)
            elsewhere = box.addButton("Save a copy elsewhere…", QMessageBox.ButtonRole.AcceptRole)
            lose = box.addButton("Close and lose it", QMessageBox.ButtonRole.DestructiveRole)
            stay = box.addButton("Stay", QMessageBox.ButtonRole.RejectRole)
            box.setDefaultButton(again)
            box.setEscapeButton(stay)
            box.exec()
            chosen = box.clickedButton()
            if chosen is lose or (chosen is elsewhere and self._save_elsewhere(left)):
                return True
            if chosen is stay:
                return False
        return True

    def _save_elsewhere(self, cases: list[Case]) -> bool:
        folder = QFileDialog.getExistingDirectory(self.parent(), "Folder for a copy of the journals")
        if not folder:
            return False
        try:
            for case in cases:
                case.journal.copy_to(folder)
        except ThalIronError as error:
            QMessageBox.warning(self.parent(), "ThalIron", str(error))
            return False
        return True
