"""Opening a case beside the window: the case that is open can be read on until the other one is there."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QInputDialog, QWidget

from thaliron_napari.case import ROLE_NAME, Case, Role
from thaliron_napari.case.bids import case_around, case_name
from thaliron_napari.case.images import Found, Variant, told_apart, variant_of
from thaliron_napari.case.opening import choose_image, look_for, open_found
from thaliron_napari.viewer.ahead import Ahead, Wanted
from thaliron_napari.viewer.on_grid import make_ready
from thaliron_napari.viewer.reading import Reading
from thaliron_napari.viewer.work import run_in_background


@dataclass(frozen=True, eq=False)
class Request:
    """What the reader asked to open.

    Parameters
    ----------
    paths : list of Path
        Files or folders; see :func:`find_images`.
    images : mapping
        Files by role that the reader named.
    derivatives : Path, optional
        Folder for the reader's work, where it is not the usual one.
    by_hand : frozenset
        Roles in which the reader decided between files; remembered with the case.
    """

    paths: list[Path]
    images: Mapping[Role, Path] = field(default_factory=dict)
    derivatives: Path | None = None
    by_hand: frozenset[Role] = frozenset()

    @property
    def name(self) -> str:
        """The case's name, where its folder says it."""
        case = case_around(self.paths[0]) if len(self.paths) == 1 else None
        return case_name(case.subject, case.session) if case is not None else ""


class Opener:
    """Opens cases in the background, the one asked for last.

    Parameters
    ----------
    reading : Reading
    parent : QWidget
        Under which questions to the reader appear.
    """

    def __init__(self, reading: Reading, parent: QWidget) -> None:
        self.reading = reading
        self.parent = parent
        self.notes: list[str] = []
        """What was chosen among several files of the open case, in words."""
        self.opened: Callable[[Found], None] = lambda _found: None
        self.reader_changed: Callable[[str], None] = lambda _name: None
        self.next_reader: str | None = None
        """Who reads from the case that is opened next on; None: who reads now. Until that case is there, the one on
        the screen, its edits and its folder stay those of the reader before."""
        self.shown: Request | None = None
        """How the case on the screen was asked for."""
        self._prefer: dict[Role, Variant] = {}
        self._request: Request | None = None
        self.next_wanted: Callable[[], Wanted | None] = lambda: None
        """Tells which case will be asked for next; it is read ahead."""
        self.ahead = Ahead(lambda: self.next_wanted(), lambda: bool(reading.opening or reading.stroke), parent)
        reading.case_opened.connect(self._forget_request)

    @property
    def prefer(self) -> Mapping[Role, Variant]:
        """Kind of scan by role that the reader chose where there were several; holds for the cases to come."""
        return self._prefer

    def open(self, request: Request) -> None:
        """Read the images of a case, then show it; where it cannot be opened, say why and keep the one that is open."""
        self._request = request
        self.reading.set_opening(request.name or "a case")
        prefer = dict(self._prefer)
        reader = self.reading.reader if self.next_reader is None else self.next_reader
        is_read = False

        def work(_progress: object) -> tuple[Found, Case | None]:
            found = Found(dict(request.images))
            if request.paths:
                found = look_for(
                    request.paths, request.images, derivatives=request.derivatives, reader=reader, prefer=prefer
                )
            if found.questions:
                return found, None
            case = None
            if len(request.paths) == 1 and not request.images:
                wanted = Wanted(request.paths[0], request.derivatives, reader, prefer)
                case = self.ahead.take(wanted, found)
            if case is None:
                case = open_found(found, fixed=request.images, derivatives=request.derivatives, reader=reader)
                make_ready(case)
            return found, case

        def finished(result: tuple[Found, Case | None]) -> None:
            nonlocal is_read
            is_read = True
            if self._request is not request:
                return  # another one was asked for since
            found, case = result
            if case is None:
                self._ask(request, found)
            else:
                self._show(request, found, case)

        def ended() -> None:
            if self._request is request:
                self.reading.set_opening("")
                if not is_read:
                    self.next_reader = None

        run_in_background(work, owner=self.parent, finished=finished, ended=ended)

    def drop(self) -> None:
        """Open nothing after all."""
        self._request = self.next_reader = None
        self.reading.set_opening("")

    def _show(self, request: Request, found: Found, case: Case) -> None:
        if self._request is not request:
            return
        if self.reading.stroke:  # a stroke belongs to the case that it was begun on
            QTimer.singleShot(30, lambda: self._show(request, found, case))
            return
        self.notes = found.notes
        is_another = self.next_reader is not None
        self.reading.reader, self.next_reader = case.reader, None
        self.reading.open(case)
        self.shown = request
        if is_another:
            self.reader_changed(case.reader)
        for role in (request.by_hand | found.preferred) if case.folder is not None and found.case is not None else ():
            self.reading.make(lambda opened, role=role: choose_image(opened, role, found.images[role]))
        self.opened(found)

    def _ask(self, request: Request, found: Found) -> None:
        """Ask which of several files is meant, then open; a dialog that is dropped opens nothing."""
        answers: dict[Role, Path] = {}
        for role, files in found.questions.items():
            names = [told_apart(file, files) for file in files]
            words = f"Which file is the {ROLE_NAME[role]}? The same kind is taken in the cases to come."
            name, agreed = QInputDialog.getItem(self.parent, request.name or "Images", words, names, 0, False)
            if not agreed:
                self.next_reader = None
                return
            answers[role] = files[names.index(name)]
            variant = variant_of(answers[role])
            if variant is not None:
                self._prefer[role] = variant
        by_hand = request.by_hand | set(answers)
        self.open(replace(request, images={**request.images, **answers}, by_hand=by_hand))

    def _forget_request(self) -> None:
        self.shown = None
