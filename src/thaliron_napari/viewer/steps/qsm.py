"""Step 2: make the susceptibility map from the scanner's phase, where there is none or another is wanted."""

from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

from napari.utils.notifications import show_info
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QComboBox, QFileDialog, QLineEdit, QProgressBar

from thaliron_napari.case import Case, Edit
from thaliron_napari.case.bids import case_around, dataset_root, identify, image_files
from thaliron_napari.case.chimap import flip_chimap, is_made_here, is_read_upon
from thaliron_napari.case.edits import fact_change
from thaliron_napari.case.gre import GreFiles, chimap_path, find_gre
from thaliron_napari.case.qsmxt import find_qsmxt, run_qsmxt
from thaliron_napari.case.reconstruction import MadeMap, MapSettings, make_map, memory_needed
from thaliron_napari.errors import ThalIronError
from thaliron_napari.imaging.units import parse_unit, vendor_unit
from thaliron_napari.qsm import Begun
from thaliron_napari.qsm.arrays import installed_libraries
from thaliron_napari.qsm.memory import free_bytes
from thaliron_napari.qsm.scan import scan_shape
from thaliron_napari.viewer import colours
from thaliron_napari.viewer.reading import Reading
from thaliron_napari.viewer.steps.step import IMAGE_FILES, Step, button, narrow, text
from thaliron_napari.viewer.work import run_in_background

_METHODS = (
    ("MEDI", "medi", "Morphology-enabled dipole inversion: the map to read. Some minutes."),
    ("closed form (quick)", "closed form", "A quick look in seconds, by least squares; smooth, with streaks."),
    ("TKD (quick)", "tkd", "A quick look in seconds, by division in k-space; noisy, and too low by a tenth or more."),
)
_DESC = {"medi": "", "closed form": "l2", "tkd": "tkd"}
_BACKGROUNDS = (
    ("PDF", "pdf", "Fields from outside the brain by projection onto dipole fields."),
    ("V-SHARP", "v-sharp", "Fields from outside the brain by spheres; loses a rim of the brain."),
)
_QSMXT = "qsmxt"


class QsmStep(Step):
    """Which echoes, how, start, progress, cancel; and the sign."""

    title = "QSM"

    made = Signal(object, object)
    """A map is there: the case's folder, and the map (Path)."""
    _line = Signal(str)

    def __init__(self, reading: Reading) -> None:
        super().__init__(reading)
        self.gre: GreFiles | None = None
        self.mask: Path | None = None
        self._case: Case | None = None
        self._folder: Path | None = None
        self._stop: Event | None = None
        self._doubt: Path | None = None
        self._begun = Begun()
        self.headline = text()
        self.column.addWidget(self.headline)
        self.scans = QComboBox()
        self.scans.setToolTip("The gradient echo of which the map is made.")
        self.scans.currentIndexChanged.connect(lambda _i: self._take(self.scans.currentData()))
        self.add_row(*narrow(self.scans))
        self.add_row(
            *narrow(
                button("Folder…", "Look for a gradient echo with its phase in a folder.", self.ask_folder),
                button("Magnitude…", "Choose the magnitude: one file an echo, or one with all.", self.ask_magnitude),
                button("Phase…", "Choose the phase: one file an echo, or one with all.", self.ask_phase),
            )
        )
        self.times = QLineEdit()
        self.times.setPlaceholderText("echo times, ms: from the sidecars")
        self.times.setToolTip("Such as 4.3, 9.1, 13.9; needed where no sidecar says them.")
        self.field = QLineEdit()
        self.field.setPlaceholderText("field, T: from the sidecars")
        self.field.setToolTip("Such as 3; needed where no sidecar says it.")
        self.add_row(*narrow(self.times, self.field))
        self.method, self.background = _choice(_METHODS), _choice(_BACKGROUNDS)
        program = find_qsmxt()
        if program is not None:
            self.method.addItem(program, _QSMXT)
        self.add_row(*narrow(self.method, self.background))
        self.brain = button("Brain: estimated", "Choose a brain mask on the grid of the echoes.", self.ask_mask)
        self.csf = QCheckBox("CSF is zero")
        self.csf.setToolTip("Find the CSF of the ventricles by its slow decay, make it uniform, and 0 (MEDI+0).")
        self.keep = QCheckBox("keep fields")
        self.keep.setToolTip("Write local field, total field, its noise and the brain mask beside the map too.")
        self.add_row(*narrow(self.brain, self.csf, self.keep))
        self.library = QComboBox()
        self.library.setToolTip("Where the transforms are done: on the processor, or by a library that knows the GPU.")
        for name in ("numpy", *installed_libraries()):
            self.library.addItem(f"by {name}", name)
        self.library.setVisible(self.library.count() > 1)
        self.column.addWidget(self.library)
        self.memory = text()
        self.column.addWidget(self.memory)
        self.start = button("Compute", "Make the map, in the background.", self.run)
        self.cancel = button("Cancel", "Stop; the case stays as it is.", self.stop)
        self.flip = button("Flip sign", "Turn a map upside up whose veins and pallidum are negative.", self.flip_sign)
        self.add_row(self.start, self.cancel, self.flip)
        self.progress = QProgressBar()
        self.progress.setRange(0, 1000)
        self.column.addWidget(self.progress)
        self.said = text()
        self.column.addWidget(self.said)
        self._line.connect(self._say)
        reading.case_opened.connect(self._look)
        self._show_running()

    def enter(self) -> None:
        """Look what there is by now."""
        super().enter()
        self._look()

    def ask_folder(self) -> None:
        """Let the reader choose a folder."""
        folder = QFileDialog.getExistingDirectory(self, "Folder with the echoes of a gradient echo")
        if folder:
            self.look_in(Path(folder))

    def look_in(self, folder: Path) -> None:
        """Offer the gradient echoes of a folder."""
        if folder != self._folder:
            self._forget()
        self._folder = folder
        self._offer(find_gre(image_files(folder)))
        if self.gre is None:
            self._say(f"No gradient echo with a phase is found in {folder}; choose its files.", wrong=True)

    def ask_magnitude(self) -> None:
        """Let the reader choose the magnitude."""
        files, _ = QFileDialog.getOpenFileNames(self, "Magnitude", "", IMAGE_FILES)
        if files:
            self.take_files(magnitude=[Path(f) for f in files])

    def ask_phase(self) -> None:
        """Let the reader choose the phase."""
        files, _ = QFileDialog.getOpenFileNames(self, "Phase", "", IMAGE_FILES)
        if files:
            self.take_files(phase=[Path(f) for f in files])

    def take_files(self, **parts: list[Path]) -> None:
        """Take files for parts of the scan; the other parts stay."""
        gre = replace(self.gre or GreFiles(), **{part: tuple(sorted(files)) for part, files in parts.items()})
        self._folder = None
        self._offer([gre])

    def ask_mask(self) -> None:
        """Let the reader choose a brain mask; the estimated one again where none is chosen."""
        path, _ = QFileDialog.getOpenFileName(self, "Brain mask on the grid of the echoes", "", IMAGE_FILES)
        self.mask = Path(path) if path else None
        self.refresh()

    def settings(self) -> MapSettings:
        """What is chosen.

        Raises
        ------
        ThalIronError
            When a number cannot be read.
        """
        times = [v / 1000 for v in _numbers(self.times.text(), "echo times in ms, such as 4.3, 9.1, 13.9")]
        field = _numbers(self.field.text(), "one field in tesla, such as 3")
        return MapSettings(
            inversion=self.method.currentData(),
            background=self.background.currentData(),
            mask=self.mask,
            csf="ventricles" if self.csf.isChecked() else None,
            echo_times_s=times or None,
            field_t=field[0] if field else None,
            keep=self.keep.isChecked(),
            library=self.library.currentData(),
        )

    def run(self) -> None:
        """Begin."""
        gre = self.gre
        if gre is None or self._stop is not None:
            return
        try:
            settings = self.settings()
        except ThalIronError as error:
            self._say(str(error), wrong=True)
            return
        out = chimap_path(gre, _DESC.get(settings.inversion, ""))
        around = case_around(gre.first)
        folder = around.folder if around is not None else self._folder or gre.first.parent
        self._stop = stop = Event()
        self._doubt, case = None, self.reading.case
        self._say("")
        self._show_running()
        stage, begun, by_program = [""], self._begun, self.method.currentData() == _QSMXT

        def work(progress: Any) -> MadeMap | Path:
            if by_program:
                root, (subject, session) = dataset_root(gre.first), identify(gre.first)
                return run_qsmxt(root, subject, session, root or folder, on_line=self._line.emit, cancelled=stop.is_set)

            def tell(name: str, share: float) -> None:
                stage[0] = name
                progress(share)

            return make_map(gre, out, settings, of_dataset=True, begun=begun, progress=tell, cancelled=stop.is_set)

        run_in_background(
            work,
            owner=self,
            finished=lambda made: self._finished(case, folder, made),
            progress=lambda share: self._show_progress(stage[0], share),
            ended=self._ended,
            name="reconstruction of the QSM",
            cancel=stop.set,
        )

    def stop(self) -> None:
        """Ask the work to end."""
        if self._stop is not None:
            self._stop.set()
            self._say("Stopping …")

    def flip_sign(self) -> None:
        """Turn the sign of the open case's map: in its file while nothing was read on it, else as an edit."""
        case = self.reading.case
        source = None if case is None or "qsm" not in case.images else case.images["qsm"].source
        if case is None or source is None:
            return
        if not case.done and not case.undone and is_made_here(source.path) and not is_read_upon(source.path):
            try:
                flip_chimap(source.path)
            except (ThalIronError, OSError) as error:
                self._say(str(error), wrong=True)
                return
            self._doubt = None
            self.made.emit(_folder_of(self._paths(case)), source.path)
        else:
            step, zero = parse_unit(case.unit or "ppm")
            unit = vendor_unit(-step, zero)
            if self.reading.make(lambda one: Edit("flip the QSM's sign", fact_change(one.annotations, "unit", unit))):
                self._doubt = None
        self.refresh()

    def refresh(self) -> None:
        """Show what can be made."""
        case = self.reading.case
        qsm = None if case is None else case.images.get("qsm")
        name = "" if qsm is None or qsm.source is None else qsm.source.path.name
        found = "Its gradient echo:" if self.gre is not None else "No gradient echo with a phase is known; choose one."
        self.headline.setText(f"The QSM is {name}. {found}" if name else found)
        self.start.setEnabled(self.gre is not None and self.gre.complete)
        self.flip.setEnabled(qsm is not None and case is not None and case.unit is not None)
        self.brain.setText("Brain: estimated" if self.mask is None else f"Brain: {self.mask.name}")

    def done(self) -> bool:
        """Whether there is a map."""
        return self.reading.case is not None and "qsm" in self.reading.case.images

    def missing(self) -> str:
        """What is missing, in short."""
        if self._doubt is not None:
            return "upside down?"
        return "to be made" if self._is_wanted() else ""

    def next(self) -> str:
        """What to do next."""
        if self._doubt is not None:
            return "flip the sign of the QSM if veins and pallidum are negative"
        return "make the QSM from the phase" if self._is_wanted() and self._stop is None else ""

    def _is_wanted(self) -> bool:
        case = self.reading.case
        return case is not None and "qsm" not in case.images and self.gre is not None

    def _look(self) -> None:
        """Find the gradient echo of the case that is open, once."""
        case = self.reading.case
        if case is None or case is self._case:
            return
        if self._case is not None and case.name != self._case.name:
            self._forget()
        self._case, self._doubt = case, self._doubt if self._is_of(case, self._doubt) else None
        folder = _folder_of(self._paths(case))
        self._folder = folder
        self._offer([] if folder is None else find_gre(image_files(folder)))

    def _forget(self) -> None:
        """What was said of one patient's scan does not hold for the next."""
        self.mask = None
        self.times.clear()
        self.field.clear()

    @staticmethod
    def _paths(case: Case) -> list[Path]:
        return [volume.source.path for volume in case.images.values() if volume.source is not None]

    def _is_of(self, case: Case, path: Path | None) -> bool:
        return path is not None and path in set(self._paths(case))

    def _offer(self, found: list[GreFiles]) -> None:
        self.scans.blockSignals(True)
        self.scans.clear()
        for gre in found:
            self.scans.addItem(gre.words, gre)
        self.scans.blockSignals(False)
        self.scans.setVisible(bool(found))
        self._take(found[0] if found else None)

    def _take(self, gre: GreFiles | None) -> None:
        if gre != self.gre and self._stop is None:
            self._begun = Begun()
        self.gre = gre
        words = ""
        if gre is not None and gre.complete:
            try:
                (z, y, x), echoes, _spacing = scan_shape(gre.magnitude or gre.real)
                needed, free = memory_needed(gre) / 2**30, free_bytes() / 2**30
                words = (
                    f"{x} × {y} × {z}, {echoes} echo{'es' if echoes > 1 else ''}: takes at most {needed:.1f} GiB of "
                    f"memory; {free:.1f} GiB are free."
                )
            except ThalIronError as error:
                words = str(error)
        self.memory.setText(words)
        self.refresh()

    def _finished(self, case: Case | None, folder: Path, made: MadeMap | Path) -> None:
        path = made if isinstance(made, Path) else made.path
        if case is not self.reading.case:  # the reader went on: nothing is opened over what is being read
            doubt = "; it looks upside down" if isinstance(made, MadeMap) and made.is_upside_down else ""
            show_info(f"The QSM of {path.name.split('_Chimap')[0]} is made{doubt}: {path}")
            return
        if isinstance(made, MadeMap):
            self._tell(made)
        self.made.emit(folder, path)

    def _tell(self, made: MadeMap) -> None:
        self._begun = Begun()  # it holds images
        self._doubt = made.path if made.is_upside_down else None
        lines = [*made.notes, f"{made.made.wraps} wraps left; {sum(made.made.seconds.values()):.0f} s."]
        if made.is_upside_down:
            lines.insert(0, "The map looks upside down: veins and pallidum are negative. Flip its sign?")
        self._say("\n".join(lines), wrong=made.is_upside_down)

    def _ended(self) -> None:
        if self._stop is not None and self._stop.is_set():
            self._say("Stopped. Compute goes on from there.")
        self._stop = None
        self._show_running()
        self.refresh()

    def _show_progress(self, stage: str, share: float) -> None:
        if self._stop is not None and not self._stop.is_set():
            self.progress.setFormat(f"{stage} %p%")
            self.progress.setValue(round(1000 * share))

    def _show_running(self) -> None:
        goes_on = self._stop is not None
        self.start.setVisible(not goes_on)
        self.flip.setVisible(not goes_on)
        self.cancel.setVisible(goes_on)
        self.progress.setVisible(goes_on)
        self.progress.setValue(0)

    def _say(self, words: str, *, wrong: bool = False) -> None:
        shown = words.replace("\n", "<br>")
        self.said.setText(f"<span style='color:{colours.WARNING}'>{shown}</span>" if wrong else shown)


def _folder_of(paths: list[Path]) -> Path | None:
    """The folder that holds a case's own images; a map among the derivatives tells of the dataset it belongs to."""
    for path in sorted(paths, key=lambda path: "derivatives" in path.parts):
        if "derivatives" in path.parts:
            place = path.parts.index("derivatives")
            root, below = Path(*path.parts[:place]), path.parts[place + 2 : -2]
            return root.joinpath(*below) if root.joinpath(*below).is_dir() else root
        around = case_around(path)
        return around.folder if around is not None else path.parent
    return None


def _choice(items: tuple[tuple[str, str, str], ...]) -> QComboBox:
    box = QComboBox()
    for row, (words, value, tip) in enumerate(items):
        box.addItem(words, value)
        box.setItemData(row, tip, 3)  # Qt.ItemDataRole.ToolTipRole
    box.setToolTip("\n".join(f"{words}: {tip}" for words, _value, tip in items))
    return box


def _numbers(words: str, wanted: str) -> list[float]:
    try:
        return [float(part) for part in words.replace(";", " ").replace(", ", " ").split() for part in part.split(",")]
    except ValueError:
        raise ThalIronError(f"{words!r} cannot be read; write {wanted}.") from None
