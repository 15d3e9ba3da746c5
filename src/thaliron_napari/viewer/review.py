"""The review of lesions: which one is meant, what the reader says of it, and which comes next."""

from collections.abc import Callable

from napari.utils.notifications import show_info
from psygnal import Signal

from thaliron_napari.case import Case, Edit, lesions
from thaliron_napari.case.annotations import Lesion, LesionState
from thaliron_napari.viewer.display import Display

Make = Callable[[Callable[[Case], Edit]], bool]


class Review:
    """The lesions of the case on show, one at a time.

    Parameters
    ----------
    display : Display
    make : callable
        Makes an edit of the open case.
    """

    changed = Signal()
    """Another lesion is selected, or none."""

    def __init__(self, display: Display, make: Make) -> None:
        self.display = display
        self._make = make

    @property
    def lesion(self) -> Lesion | None:
        """The selected lesion."""
        number, case = self.display.labels.selected_lesion, self.display.case
        if case is None or number is None or f"lesion/{number}" not in case.annotations.facts:
            return None
        return case.annotations.lesion(number)

    def in_hand(self) -> int | None:
        """Number of the selected lesion; None, and words for it, where there is none."""
        lesion = self.lesion
        if lesion is None:
            show_info("No lesion is selected; click one.")
            return None
        return lesion.number

    def select(self, number: int | None) -> None:
        """Mark a lesion as the one that is meant."""
        self.display.labels.select_lesion(number)
        self.changed.emit()

    def show(self, number: int) -> None:
        """Select a lesion, go there and let it blink once."""
        if self.display.case is None:
            return
        self.display.show("flair")
        self.select(number)
        self.display.go_to(self.display.case.annotations.lesion(number).seed)
        self.display.labels.blink("lesions")

    def next(self, by: int, *, waiting: bool = False) -> None:
        """Show the next lesion of the list (1) or the one before (-1), after the last the first.

        Parameters
        ----------
        by : int
        waiting : bool
            Only lesions that wait for the reader's word count.
        """
        case = self.display.case
        if case is None:
            return
        numbers = [lesion.number for lesion in case.annotations.lesions() if not waiting or lesion.state == "proposed"]
        if not numbers:
            if not waiting:
                show_info("There are no lesions in the list yet.")
            return
        here = self.display.labels.selected_lesion or 0
        if by > 0:
            self.show(next((n for n in numbers if n > here), numbers[0]))
        else:
            self.show(next((n for n in reversed(numbers) if n < here), numbers[-1]))

    def judge(self, state: LesionState) -> None:
        """Accept, reject or flag the selected lesion; of those proposed all at once, go to the next that waits."""
        number = self.in_hand()
        if number is None:
            return
        made = self._make(lambda case: lesions.set_state(case, number, state))
        if made and self.lesion is not None and self.lesion.source != "click":
            self.next(1, waiting=True)

    def accept_grown(self) -> None:
        """Accept the lesion that was grown last, as the next click does."""
        lesion = self.lesion
        if lesion is not None and lesion.state == "proposed" and lesion.source == "click":
            self._make(lambda case: lesions.set_state(case, lesion.number, "accepted"))

    def grow(self, by: float) -> None:
        """Grow the selected lesion anew, more generous or, with a negative number, tighter."""
        number, lesion = self.in_hand(), self.lesion
        if number is None or lesion is None:
            return
        wanted = round(min(max(lesion.sensitivity + by, 0.0), 1.0), 2)
        if wanted != lesion.sensitivity:
            self._make(lambda case: lesions.regrow(case, number, wanted))

    def turn_enhancing(self) -> None:
        """Say of the selected lesion that it enhances, that it does not, or nothing: in turn."""
        number, lesion = self.in_hand(), self.lesion
        if number is None or lesion is None:
            return
        after: dict[bool | None, bool | None] = {None: True, True: False, False: None}
        self._make(lambda case: lesions.set_enhancing(case, number, after[lesion.enhancing]))

    def delete(self) -> None:
        """Delete the selected lesion; of those proposed all at once, go to the next that waits."""
        lesion = self.lesion
        if lesion is None or not self._make(lambda case: lesions.delete(case, lesion.number)):
            return
        if lesion.source == "click":
            self.select(None)
        else:
            self.next(1, waiting=True)
