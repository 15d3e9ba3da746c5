"""From case to case: the buttons for it, and the question why a case is flagged."""

from collections.abc import Callable, Iterable

from napari.utils.notifications import show_info
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QDialog, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from thaliron_napari.case import ROLE_NAME, Case
from thaliron_napari.viewer.steps.step import button, text


class CaseSteps(QWidget):
    """Buttons from case to case, and the reader's word that a reading is finished or flagged."""

    def __init__(self, go: Callable[[int], None], finish: Callable[[], None], flag: Callable[[], None]) -> None:
        super().__init__()
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(4)
        self.previous = button("◂ Unread", "Open the unread case before this one. Ctrl+PageUp", lambda: go(-1))
        self.next = button("Unread ▸", "Open the next unread case. Ctrl+PageDown", lambda: go(1))
        self.finished = button(
            "Finished", "Say that this reading is done, or take that back. Ctrl+Enter does so and goes on.", finish
        )
        self.flagged = button(
            "⚑ Flag",
            "Put this case aside for a reason, or take that back: it counts as neither unread nor done, and the filter "
            "finds it. Ctrl+Shift+Enter does so and goes on.",
            flag,
        )
        for made in (self.finished, self.flagged):
            made.setCheckable(True)
        for made in (self.previous, self.next, self.flagged, self.finished):
            row.addWidget(made, 1)


class FlagDialog(QDialog):
    """Asks why a case is flagged; the reason may stay empty.

    Parameters
    ----------
    reasons : iterable of str
        To choose from; another one can be written.
    parent : QWidget, optional
    """

    given = Signal(str)
    """Emitted with the reason; not when the dialog is closed without an answer."""

    def __init__(self, reasons: Iterable[str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Flag the case")
        self.setMinimumWidth(380)
        column = QVBoxLayout(self)
        column.addWidget(text("Why is this case flagged? The reason may stay empty."))
        self.reason = QComboBox()
        self.reason.setEditable(True)
        self.reason.addItems(["", *reasons])
        column.addWidget(self.reason)
        row = QHBoxLayout()
        row.addStretch(1)
        self.take = QPushButton("Flag")
        self.take.setDefault(True)
        self.take.clicked.connect(self._give)
        row.addWidget(self.take)
        column.addLayout(row)
        self.reason.setFocus()

    def _give(self) -> None:
        self.accept()
        self.given.emit(self.reason.currentText())


def tell_no_more(step: int) -> None:
    """Say that there is no unread case in a direction."""
    show_info(f"There is no unread case {'after' if step > 0 else 'before'} this one in the list.")


def header_doubts(case: Case) -> list[str]:
    """What in the images' headers contradicts itself, one line each."""
    sources = {role: volume.source for role, volume in case.images.items()}
    return [f"⚠ {ROLE_NAME[role]}: {note}." for role, source in sources.items() if source for note in source.notes]
