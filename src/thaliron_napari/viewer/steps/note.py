"""A box for the reader's note on the case: what is typed becomes an edit as soon as the hand rests."""

from typing import Any

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QPlainTextEdit

from thaliron_napari.case.notes import note, set_note
from thaliron_napari.viewer.reading import Reading

_REST_MS = 800


class NoteBox(QPlainTextEdit):
    """The note on the open case.

    Parameters
    ----------
    reading : Reading
    """

    def __init__(self, reading: Reading) -> None:
        super().__init__()
        self.reading = reading
        self.setPlaceholderText("Note on this case")
        self.setTabChangesFocus(True)
        self.setMaximumHeight(64)
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(_REST_MS)
        self._rest.timeout.connect(self.commit)
        self.textChanged.connect(self._rest.start)
        reading.leaving.connect(self.commit)
        reading.case_opened.connect(self.refresh)
        reading.changed.connect(lambda edit: self.refresh() if edit.touches("note") else None)

    def refresh(self) -> None:
        """Show the note as the case has it."""
        case = self.reading.case
        said = note(case.annotations) if case is not None else ""
        self.setEnabled(case is not None)
        if said != self.toPlainText().strip():
            self.blockSignals(True)
            self.setPlainText(said)
            self.blockSignals(False)
        self._rest.stop()

    def commit(self) -> None:
        """Make what is typed the note."""
        if self._rest.isActive() or self.sender() is self._rest:
            self._rest.stop()
            self.reading.make(lambda case: set_note(case, self.toPlainText()))

    def focusOutEvent(self, event: Any) -> None:
        """Do not wait for the hand to rest."""
        self.commit()
        super().focusOutEvent(event)
