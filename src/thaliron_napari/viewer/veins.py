"""The deep veins over the picture: found in a worker when they are first wanted, then only shown and hidden."""

from weakref import WeakKeyDictionary, WeakSet

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal
from qtpy.QtCore import QObject

from thaliron_napari.case import Case
from thaliron_napari.case.veins import FoundVeins, find_case_veins
from thaliron_napari.viewer.display import Display
from thaliron_napari.viewer.work import run_in_background


class Veins:
    """The veins of the case on show, to be kept out of the thalami.

    Parameters
    ----------
    display : Display
    """

    changed = Signal()
    """They are shown, hidden, sought or found."""

    def __init__(self, display: Display) -> None:
        self.display = display
        self.shown = False
        """Whether the reader wants to see them, in the next case too."""
        self._owner: QObject | None = None
        self._found: WeakKeyDictionary[Case, FoundVeins] = WeakKeyDictionary()
        self._sought: WeakSet[Case] = WeakSet()

    def attach(self, owner: QObject) -> None:
        """Name the widget for which they are found: once it is gone, nobody waits for them."""
        self._owner = owner

    @property
    def sought(self) -> bool:
        """Whether those of the open case are being found."""
        return self.display.case in self._sought

    def show(self, shown: bool = True) -> None:
        """Show them, as soon as they are found, or hide them."""
        self.shown = shown
        if shown:
            self.mask()
        self._lay()

    @property
    def found(self) -> NDArray[np.bool_] | None:
        """Veins (z, y, x) on the QSM grid of the open case, where they are found already."""
        case = self.display.case
        found = None if case is None else self._found.get(case)
        return found.mask if case is not None and found is not None and found.hold_for(case) else None

    def mask(self) -> NDArray[np.bool_] | None:
        """Veins (z, y, x) on the QSM grid of the open case; None: they are not found yet, and looked for from now."""
        found, case = self.found, self.display.case
        if found is None and case is not None:
            self._seek(case)
        return found

    def _seek(self, case: Case) -> None:
        if self._owner is None or case in self._sought:
            return

        def found(veins: FoundVeins) -> None:
            self._found[case] = veins

        def ended() -> None:
            self._sought.discard(case)
            if case is self.display.case:
                self.shown &= case in self._found  # else the reader was told why
                self._lay()

        self._sought.add(case)
        run_in_background(lambda _progress: find_case_veins(case), owner=self._owner, finished=found, ended=ended)

    def _lay(self) -> None:
        """Have the display show them as they stand."""
        case = self.display.case
        found = None if case is None else self._found.get(case)
        if self.shown and found is not None:
            self.display.show_veins(found.mask)
        elif not self.shown:
            self.display.show_veins(None)
        self.changed.emit()
