"""Who reads: asked once, shown in the step Study, and changed there."""

from collections.abc import Callable

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import QDialog, QHBoxLayout, QLineEdit, QPushButton, QVBoxLayout, QWidget

from thaliron_napari.case.opening import reader_label
from thaliron_napari.errors import CaseError
from thaliron_napari.viewer import preferences
from thaliron_napari.viewer.reading import Reading
from thaliron_napari.viewer.steps.step import button, text

_QUESTION = (
    "Your name stands beside each of your edits, and your work is kept apart from that of other readers. It can be "
    "changed later in the step Study."
)


class ReaderDialog(QDialog):
    """The question who reads; answered with a name, or with the wish to read without one.

    Parameters
    ----------
    name : str
        What the field holds at first.
    parent : QWidget, optional
    """

    answered = Signal(str)
    """Emitted with the name; empty for none. Not emitted when the dialog is closed without an answer."""

    def __init__(self, name: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Who is reading?")
        self.setMinimumWidth(440)
        column = QVBoxLayout(self)
        column.addWidget(text("Who is reading?"))
        self.name = QLineEdit(name)
        self.name.setPlaceholderText("Name")
        self.name.setMaxLength(60)
        self.name.selectAll()
        column.addWidget(self.name)
        column.addWidget(text(_QUESTION))
        self.note = text()
        self.note.setTextFormat(Qt.TextFormat.PlainText)
        column.addWidget(self.note)
        row = QHBoxLayout()
        self.nameless = QPushButton("Read without a name")
        self.nameless.setAutoDefault(False)
        self.nameless.clicked.connect(lambda: self._answer(""))
        self.take = QPushButton("Continue")
        self.take.setDefault(True)
        self.take.clicked.connect(lambda: self._answer(" ".join(self.name.text().split())))
        row.addWidget(self.nameless)
        row.addStretch(1)
        row.addWidget(self.take)
        column.addLayout(row)
        self.name.textChanged.connect(self._check)
        self._check()

    def _check(self) -> None:
        """Say where the work will lie, or why this is no name."""
        words, is_name = "", False
        if self.name.text().strip():
            try:
                words, is_name = f"Your work lies in the folder thaliron-{reader_label(self.name.text())}.", True
            except CaseError as error:
                words = str(error)
        self.note.setText(words)
        self.take.setEnabled(is_name)

    def _answer(self, name: str) -> None:
        self.accept()
        self.answered.emit(name)


class ReaderRow(QWidget):
    """Says who reads, with a button to change it.

    Parameters
    ----------
    reading : Reading

    Attributes
    ----------
    asks : bool
        Whether to look for the name in the preferences, and to ask for it where none is there, before anything is
        opened. Off once it is known, and in windows that a program opens.
    """

    change_asked = Signal()

    def __init__(self, reading: Reading) -> None:
        super().__init__()
        self.reading = reading
        self.asks = not reading.reader
        self._then: Callable[[], object] = lambda: None
        self._dialog: ReaderDialog | None = None
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        self.label = text()
        self.label.setTextFormat(Qt.TextFormat.PlainText)
        row.addWidget(self.label, 1)
        self.change = button("Change…", "Read as someone else, in a folder apart.", self.change_asked.emit)
        row.addWidget(self.change)
        reading.case_opened.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show who reads."""
        self.label.setText(f"Reader: {self.reading.reader or 'without a name'}" if not self.asks else "Reader:")

    def set_reader(self, name: str) -> None:
        """Go on as this reader, and remember it."""
        self.reading.reader, self.asks = name, False
        preferences.set_reader(name)
        self.refresh()

    def when_known(self, then: Callable[[], object]) -> None:
        """Call `then` once it is known who reads: at once, or when that was answered; not at all without an answer."""
        self._look_up()
        if not self.asks:
            then()
            return
        self._then = then

        def answered(name: str) -> None:
            self.set_reader(name)
            self._then()

        self.ask(answered)

    def ask(self, answered: Callable[[str], object]) -> None:
        """Ask who reads; while that question stands open it is not asked twice."""
        if self._dialog is not None:
            self._dialog.raise_()
            return
        self._dialog = dialog = ReaderDialog(self.reading.reader, self)
        dialog.answered.connect(answered)
        dialog.finished.connect(self._closed)
        dialog.open()

    def showEvent(self, event: QShowEvent) -> None:
        """Show the name that was given before."""
        self._look_up()
        super().showEvent(event)

    def _look_up(self) -> None:
        known = preferences.reader() if self.asks else None
        if known is not None:
            self.reading.reader, self.asks = known, False
            self.refresh()

    def _closed(self) -> None:
        if self._dialog is not None:
            self._dialog.deleteLater()
            self._dialog = None
