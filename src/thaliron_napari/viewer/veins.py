"""The deep veins over the picture: found in a worker when they are first wanted, shown, hidden and kept out."""

from collections.abc import Callable
from weakref import WeakKeyDictionary, WeakSet

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal
from qtpy.QtCore import QObject

from thaliron_napari.case import Case, Edit
from thaliron_napari.case.veins import (
    FoundVeins,
    VeinSettings,
    find_case_veins,
    keep_out,
    keeps_out,
    let_in,
    record_veins,
    recorded_veins,
)
from thaliron_napari.viewer.display import Display
from thaliron_napari.viewer.work import run_in_background

Make = Callable[[Callable[[Case], Edit]], bool]


class Veins:
    """The veins of the case on show, to be kept out of the thalami.

    To look at them changes no case. They become part of it with the edit that first uses them: a cut, or to keep them
    out, or to set what counts as one where they are part of it already.

    Parameters
    ----------
    display : Display
    make : callable
        Makes an edit of the open case.
    """

    changed = Signal()
    """They are shown, hidden, sought, found or kept out."""

    def __init__(self, display: Display, make: Make) -> None:
        self.display = display
        self.shown = False
        """Whether the reader wants to see them, in the next case too."""
        self._make = make
        self._settings = VeinSettings()
        self._owner: QObject | None = None
        self._found: WeakKeyDictionary[Case, FoundVeins] = WeakKeyDictionary()
        self._recorded: tuple[object, FoundVeins] | None = None
        self._sought: WeakSet[Case] = WeakSet()
        self._next: WeakKeyDictionary[Case, VeinSettings] = WeakKeyDictionary()  # set while others were sought
        self._wanted_out: WeakSet[Case] = WeakSet()

    def attach(self, owner: QObject) -> None:
        """Name the widget for which they are found: once it is gone, nobody waits for them."""
        self._owner = owner

    @property
    def sought(self) -> bool:
        """Whether those of the open case are being found."""
        return self.display.case in self._sought

    @property
    def settings(self) -> VeinSettings:
        """What counts as a vein: in the open case, or as last chosen."""
        recorded = self._recorded_now()
        return self._settings if recorded is None else recorded.settings

    @property
    def kept_out(self) -> bool:
        """Whether they are kept out of what is drawn in the open case, or will be once they are found."""
        case = self.display.case
        return case is not None and (keeps_out(case) or case in self._wanted_out)

    def show(self, shown: bool = True) -> None:
        """Show them, as soon as they are found, or hide them."""
        self.shown = shown
        if shown:
            self.mask()
        self.lay()

    def set(self, settings: VeinSettings) -> None:
        """Have them found anew with other settings, in the next cases too."""
        case = self.display.case
        if settings == self.settings and not self.sought:
            return
        self._settings = settings
        if case is not None and (self.shown or self.found is not None):
            self._seek(case, settings)

    def keep_out(self, wanted: bool) -> None:
        """Keep them out of what is filled, nudged and painted, as soon as they are found; or let them in."""
        case, found = self.display.case, self.current
        if case is None:
            return
        self._wanted_out.discard(case)
        if not wanted:
            self._make(let_in)
        elif found is not None:
            self._make(lambda case: keep_out(case, found))
        else:
            self._wanted_out.add(case)
            self._seek(case, self.settings)
        self.changed.emit()

    @property
    def current(self) -> FoundVeins | None:
        """Those of the open case, where they are found already."""
        case = self.display.case
        if case is None:
            return None
        for known in (self._recorded_now(), self._found.get(case)):
            if known is not None and known.hold_for(case):
                return known
        return None

    @property
    def found(self) -> NDArray[np.bool_] | None:
        """As :attr:`current`, the voxels (z, y, x) alone."""
        return None if self.current is None else self.current.mask

    def mask(self) -> NDArray[np.bool_] | None:
        """Veins (z, y, x) on the QSM grid of the open case; None: they are not found yet, and looked for from now."""
        found, case = self.found, self.display.case
        if found is None and case is not None:
            self._seek(case, self.settings)
        return found

    def lay(self) -> None:
        """Have the display show them as they stand."""
        found = self.found
        if self.shown and found is not None:
            self.display.show_veins(found)
        elif not self.shown:
            self.display.show_veins(None)
        self.changed.emit()

    def _recorded_now(self) -> FoundVeins | None:
        """Those that are part of the open case."""
        case = self.display.case
        fact = None if case is None else case.annotations.facts.get("veins")
        if case is None or fact is None:
            return None
        if self._recorded is None or self._recorded[0] is not fact:
            recorded = recorded_veins(case)
            assert recorded is not None
            self._recorded = fact, recorded
        return self._recorded[1]

    def _seek(self, case: Case, settings: VeinSettings) -> None:
        if self._owner is None:
            return
        if case in self._sought:
            self._next[case] = settings
            return

        def found(veins: FoundVeins) -> None:
            self._found[case] = veins
            if case is self.display.case and case in self._wanted_out:
                self._make(lambda case: keep_out(case, veins))
            elif case is self.display.case and "veins" in case.annotations.facts:
                self._make(lambda case: record_veins(case, veins))

        def ended() -> None:
            self._sought.discard(case)
            self._wanted_out.discard(case)
            then = self._next.pop(case, settings)
            if case is self.display.case:
                self.shown &= case in self._found  # else the reader was told why
                if then != settings:
                    self._seek(case, then)
                self.lay()

        self._sought.add(case)
        run_in_background(
            lambda _progress: find_case_veins(case, settings), owner=self._owner, finished=found, ended=ended
        )
