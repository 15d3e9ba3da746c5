"""Answering the questions that the window asks in a box of its own."""

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication, QMessageBox


def answer(words: str, asked: list[str]) -> None:
    """Click the button that starts so in the next box that opens, and note what the box asked."""
    box = QApplication.activeModalWidget()
    if isinstance(box, QMessageBox):
        asked.append(box.text())
        next(b for b in box.buttons() if b.text().startswith(words)).click()
    else:
        QTimer.singleShot(10, lambda: answer(words, asked))
