"""The window of the image in front, in a row that every step has; and the button for the list of keys."""

from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtGui import QKeySequence, QShortcut
from qtpy.QtWidgets import QDoubleSpinBox, QHBoxLayout, QLabel, QMenu, QToolButton, QWidget

from thaliron_napari.case import ROLE_NAME
from thaliron_napari.viewer.canvas import canvas_widget
from thaliron_napari.viewer.key_sheet import KeySheet
from thaliron_napari.viewer.reading import Reading

_MOST = 1e7


class WindowRow(QWidget):
    """Lowest and highest grey of the image in front, its usual windows, and a button for the list of keys.

    The boxes follow the right drag and napari's own controls, and these follow the boxes.

    Parameters
    ----------
    reading : Reading
    """

    def __init__(self, reading: Reading) -> None:
        super().__init__()
        self.reading = reading
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(4)
        self.name = QLabel()
        self.name.setToolTip("The image that shows most; X flips between two.")
        self.low, self.high = (self._box("lowest"), self._box("highest"))
        self.low.valueChanged.connect(lambda value: self._set(low=value))
        self.high.valueChanged.connect(lambda value: self._set(high=value))
        self.usual = _tool_button("Window ▾", "Usual windows of this image. Keys 1, 2 and 3.")
        self.usual.setStyleSheet("QToolButton::menu-indicator { image: none; }")
        self.usual.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.usual.setMenu(QMenu(self.usual))
        self.usual.menu().aboutToShow.connect(self._list_presets)
        self.keys = _tool_button("?", "All keys and what the mouse does. Key ? or F1.")
        QShortcut(QKeySequence("?"), self, self.toggle_sheet)  # napari knows no key of this name
        self.keys.clicked.connect(lambda _checked=False: self.toggle_sheet())
        row.addWidget(self.name)
        row.addWidget(self.low, 1)
        row.addWidget(QLabel("…"))
        row.addWidget(self.high, 1)
        row.addWidget(self.usual)
        row.addWidget(self.keys)
        self.sheet: KeySheet | None = None
        reading.display.images.changed.connect(self.refresh)
        reading.case_opened.connect(self.refresh)
        reading.keys_asked.connect(self.toggle_sheet)
        self.refresh()

    def refresh(self) -> None:
        """Show the window as it is."""
        images = self.reading.display.images
        is_open = images.case is not None
        for widget in (self.low, self.high, self.usual):
            widget.setEnabled(is_open)
        if not is_open:
            self.name.setText("")
            return
        role = images.front
        self.name.setText(ROLE_NAME[role] + (" ppb" if images.in_ppb(role) else ""))
        limits = images.limits(role)
        width = limits[1] - limits[0]
        for box, value in zip((self.low, self.high), limits, strict=True):
            box.blockSignals(True)
            if images.in_ppb(role):
                box.setDecimals(1)
                box.setSingleStep(10)
            else:
                box.setDecimals(0 if width >= 100 else 2 if width >= 1 else 5)
                box.setSingleStep(width / 20)
            box.setValue(value)
            box.blockSignals(False)

    def toggle_sheet(self) -> None:
        """Open the list of keys, or close it."""
        if self.sheet is None:
            self.sheet = KeySheet(self.reading, self.window())
        self.sheet.setVisible(not self.sheet.isVisible())

    def _set(self, *, low: float | None = None, high: float | None = None) -> None:
        """Set one end. The other stays, or goes along where the new one lies beyond it, or where 0 is the middle."""
        images = self.reading.display.images
        role = images.front
        old_low, old_high = images.limits(role)
        width = old_high - old_low
        if images.signed_qsm and role == "qsm" and images.in_ppb(role):
            half = abs(low if low is not None else high or 0.0)
            images.set_limits(role, -half, half)
        elif low is not None:
            images.set_limits(role, low, old_high if low < old_high else low + width)
        elif high is not None:
            images.set_limits(role, old_low if old_low < high else high - width, high)
        self.refresh()

    def _list_presets(self) -> None:
        """Fill the menu for the image in front."""
        images, menu = self.reading.display.images, self.usual.menu()
        menu.clear()
        role = images.front
        for place, preset in enumerate(images.presets(role)):
            menu.addAction(f"{place + 1}   {preset.words}", lambda place=place: images.use_preset(place))

    def _box(self, which: str) -> QDoubleSpinBox:
        box = _Number()
        box.setRange(-_MOST, _MOST)
        box.setKeyboardTracking(False)
        box.setMinimumWidth(72)
        box.setToolTip(f"The value that is shown as the {which} grey; a right drag on the picture changes both.")
        box.lineEdit().returnPressed.connect(self._back_to_canvas)
        return box

    def _back_to_canvas(self) -> None:
        """Let the next key be the picture's."""
        canvas = canvas_widget(self)
        if canvas is not None:
            canvas.setFocus()


class _Number(QDoubleSpinBox):
    """A box that writes no more decimals than a number has, and is not as wide as the widest number possible."""

    def textFromValue(self, value: float) -> str:
        """The number in the reader's language."""
        words, point = super().textFromValue(value), self.locale().decimalPoint()
        return words.rstrip("0").rstrip(point) if point in words else words

    def sizeHint(self) -> Any:
        """Room for six digits."""
        hint = super().sizeHint()
        hint.setWidth(80)
        return hint

    def minimumSizeHint(self) -> Any:
        """Room for five digits."""
        hint = super().minimumSizeHint()
        hint.setWidth(72)
        return hint


def _tool_button(words: str, tip: str) -> QToolButton:
    """A small button that takes no keyboard focus."""
    made = QToolButton()
    made.setText(words)
    made.setToolTip(tip)
    made.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    return made
