"""Step 1: choose the patient or a list of them, see what was read, correct the unit."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from napari.utils.notifications import show_warning
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QComboBox, QFileDialog

from thaliron_napari.case import ROLE_NAME, Case, Edit, Role
from thaliron_napari.case.bids import BidsCase, case_around, is_dataset
from thaliron_napari.case.images import Found
from thaliron_napari.case.opening import default_derivatives, journal_of
from thaliron_napari.case.worklist import FINISHED, FLAGGED, WorklistEntry, flag, read_entry, read_worklist
from thaliron_napari.imaging import holds_dicom_only
from thaliron_napari.viewer import preferences
from thaliron_napari.viewer.ahead import Wanted
from thaliron_napari.viewer.canvas import canvas_widget
from thaliron_napari.viewer.case_steps import CaseSteps, FlagDialog, header_doubts, tell_no_more
from thaliron_napari.viewer.import_dialog import ImportDialog
from thaliron_napari.viewer.opening import Opener, Request
from thaliron_napari.viewer.reader import ReaderRow
from thaliron_napari.viewer.reading import Reading
from thaliron_napari.viewer.steps.step import IMAGE_FILES, Step, button, fill_table, table, text
from thaliron_napari.viewer.steps.unit import UnitRow
from thaliron_napari.viewer.work import run_in_background
from thaliron_napari.viewer.worklist import Worklist


class StudyStep(Step):
    """The worklist of a dataset, and the images of the case."""

    title = "Study"

    def __init__(self, reading: Reading) -> None:
        super().__init__(reading)
        self.opener = Opener(reading, self)
        self.opener.opened = self._opened
        self.opener.reader_changed = self._now_reads
        self._derivatives: Path | None = None
        self._root: Path | None = None
        self._listed_for = ""
        self._asked = ""
        self._going = 1
        self._flagging: FlagDialog | None = None
        self.opener.next_wanted = self._next_wanted
        self.add_row(
            button(
                "Open folder…",
                "Open the folder of one patient, or of a BIDS dataset for the list of its cases.",
                self.ask_folder,
            ),
            button("Open files…", "Open the image files of one patient.", self.ask_files),
            button("Import DICOM…", "Convert the scanner's files of one patient, then open them.", self.ask_dicom),
        )
        self.who = ReaderRow(reading)
        self.who.change_asked.connect(self.ask_reader)
        self.column.addWidget(self.who)
        self.worklist = Worklist()
        self.worklist.setVisible(False)
        preferences.follow_blinded(self, self.worklist.set_blinded)
        self.worklist.chosen.connect(self.open_case)
        self.worklist.order_changed.connect(self.opener.ahead.plan)
        self.column.addWidget(self.worklist)
        self.steps = CaseSteps(self.open_unread, reading.toggle_finished, self.toggle_flag)
        """Buttons from case to case, for the foot of the dock: they are wanted in every step."""
        self.steps.setVisible(False)
        self.images = table(["Image", "Grid"])
        header = self.images.horizontalHeader()
        header.setStretchLastSection(False)
        header.setSectionResizeMode(0, header.ResizeMode.Stretch)
        self.images.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.images.setWordWrap(False)
        self.images.setMinimumHeight(150)
        self.column.addWidget(self.images)
        self.choices = QComboBox()
        for role, name in ROLE_NAME.items():
            self.choices.addItem(name, role)
        self.add_row(
            self.choices,
            button("Choose file…", "Say which file is this image, where the name misled.", self.ask_one),
        )
        self.unit = UnitRow(reading)
        self.column.addWidget(self.unit)
        self.note = text()
        self.column.addWidget(self.note)
        reading.unread_asked.connect(self.open_unread)
        reading.case_asked.connect(self.open_named)
        reading.flag_asked.connect(self.flag_and_go_on)
        reading.case_opened.connect(self._show_open_case)
        reading.saved.connect(self._show_row)
        reading.changed.connect(self._on_edit)

    def enter(self) -> None:
        """Show how far the open case is by now."""
        super().enter()
        self._show_open_case()

    def ask_folder(self) -> None:
        """Let the reader choose a folder."""
        folder = QFileDialog.getExistingDirectory(self, "Folder of one patient, or of a BIDS dataset")
        if folder and holds_dicom_only(Path(folder)):
            self.import_dicom(Path(folder))
        elif folder:
            self.open([Path(folder)], {})

    def ask_dicom(self) -> None:
        """Let the reader choose a folder of DICOM files."""
        folder = QFileDialog.getExistingDirectory(self, "Folder of one patient's DICOM files")
        if folder:
            self.import_dicom(Path(folder))

    def import_dicom(self, folder: Path) -> ImportDialog:
        """Ask which of a folder's series is which image; the case opens when they are converted."""
        dialog = ImportDialog(folder, self)
        dialog.imported.connect(lambda patient: self.open([patient], {}))
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()
        return dialog

    def ask_files(self) -> None:
        """Let the reader choose files."""
        files, _ = QFileDialog.getOpenFileNames(self, "Images of one patient", "", IMAGE_FILES)
        if files:
            self.open([Path(f) for f in files], {})

    def ask_one(self) -> None:
        """Let the reader choose the file of one image."""
        role: Role = self.choices.currentData()
        file, _ = QFileDialog.getOpenFileName(self, ROLE_NAME[role], "", IMAGE_FILES)
        if file:
            self.choose(role, Path(file))

    def open(self, paths: list[Path], images: Mapping[Role, Path], derivatives: Path | None = None) -> None:
        """Open a case, or the worklist of a dataset, in the background; the case that is open stays until then.

        Who reads is asked before where that is not known.
        """
        self.who.when_known(lambda: self._open(paths, images, derivatives))

    def _open(self, paths: list[Path], images: Mapping[Role, Path], derivatives: Path | None) -> None:
        if len(paths) == 1 and not images and is_dataset(paths[0]):
            self.open_dataset(paths[0], derivatives)
        else:
            self._asked = ""
            self.opener.open(Request(paths, images, derivatives))

    def open_dataset(self, root: Path, derivatives: Path | None = None) -> None:
        """Show the cases of a dataset; where there is one only, open it."""
        reader, prefer = self.reading.reader, dict(self.opener.prefer)
        self.reading.set_opening("the worklist")
        self._root = root = Path(os.path.abspath(root))
        self.opener.ahead.drop()

        def finished(entries: list[WorklistEntry]) -> None:
            if self._root != root:
                return  # another one was asked for since
            self._derivatives, self._listed_for = derivatives, reader
            self.worklist.set_entries(entries)
            for widget in (self.worklist, self.steps):
                widget.setVisible(True)
            self._show_open_case()
            if len(entries) == 1:
                self.open_case(entries[0].case)

        def ended() -> None:
            if self.reading.opening == "the worklist":
                self.reading.set_opening("")

        run_in_background(
            lambda _progress: list(read_worklist(root, derivatives=derivatives, reader=reader, prefer=prefer)),
            owner=self,
            finished=finished,
            ended=ended,
        )

    def open_case(self, case: BidsCase) -> None:
        """Open a case of the worklist; the one that is open already stays as it is."""
        self._asked = case.name
        if self._of_worklist(self.reading.case) == case and self.opener.next_reader is None:
            self.opener.drop()
        else:
            self.opener.open(Request([case.folder], derivatives=self._derivatives))

    def open_named(self, name: str) -> None:
        """Open a case of the worklist by its name."""
        entry = self.worklist.entry(name)
        if entry is None:
            show_warning(f"{name} is not among the cases of the open dataset; open its folder here.")
            return
        self.open_case(entry.case)

    def open_unread(self, step: int) -> None:
        """Open the unread case after (1) or before (-1) the one that was asked for last."""
        if not self.worklist.model.entries:
            return
        self._going = step
        case = self.worklist.unread(step, self._asked)
        if case is None:
            tell_no_more(step)
        else:
            self.open_case(case)

    @property
    def flagged(self) -> bool:
        """Whether the open case is flagged."""
        return self.reading.case is not None and FLAGGED in self.reading.case.annotations.facts

    def toggle_flag(self) -> None:
        """Flag the open case for a reason, which is asked for; or take the flag away."""
        if self.flagged:
            self.reading.make(lambda case: flag(case, None))
        else:
            self.ask_flag()

    def flag_and_go_on(self) -> None:
        """Flag the open case, and go to the next unread one."""
        if self.flagged:
            self.open_unread(1)
        else:
            self.ask_flag(then=lambda: self.open_unread(1))

    def ask_flag(self, then: Callable[[], object] = lambda: None) -> None:
        """Ask for the reason and flag the case that was open when it was asked."""
        case = self.reading.case
        self.steps.flagged.setChecked(False)  # not before the answer
        if not self.reading.may_change() or self._flagging is not None:
            return

        def given(reason: str) -> None:
            if self.reading.case is case and self.reading.make(lambda one: flag(one, reason)):
                then()

        def closed() -> None:
            self._flagging = None

        self._flagging = dialog = FlagDialog(self.worklist.reasons, self)
        dialog.given.connect(given)
        dialog.finished.connect(closed)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def _next_wanted(self) -> Wanted | None:
        """The unread case to which the reader will go on, in the direction gone last."""
        case = self.worklist.unread(self._going, self._asked) if self.reading.case is not None else None
        if case is None:
            return None
        return Wanted(case.folder, self._derivatives, self.reading.reader, dict(self.opener.prefer))

    def choose(self, role: Role, file: Path) -> None:
        """Open the case that is open again, with another file as one of its images."""
        self.who.when_known(lambda: self._choose(role, file))

    def _choose(self, role: Role, file: Path) -> None:
        case = self.reading.case
        derivatives = None
        if case is not None and case.folder is not None and not self._is_in_usual_place(case):
            derivatives = case.folder.parents[2 if case.session else 1]
        place = self._of_worklist(case) or next((c for f in self._files().values() if (c := case_around(f))), None)
        if place is None:
            self.opener.open(Request([], self._files() | {role: file}, derivatives))
        else:
            self.opener.open(Request([place.folder], {role: file}, derivatives, frozenset({role})))

    def open_with_qsm(self, folder: Path, qsm: Path) -> None:
        """Open the case of a folder with a map that was made of its phase."""
        if self.reading.case is not None and case_around(folder) is None:
            self.choose("qsm", qsm)  # files that were named one by one stay those of the case
        else:
            self.who.when_known(lambda: self.opener.open(Request([folder], {"qsm": qsm}, self._derivatives)))

    def ask_reader(self) -> None:
        """Ask who reads from now on."""
        case, named = self.reading.case, self._derivatives
        if case is not None and not self._is_in_usual_place(case):
            named = case.folder
        if named is not None:
            show_warning(f"Your work goes to the folder that was named for it, {named}; start anew for another reader.")
        else:
            self.who.ask(self.read_as)

    def read_as(self, name: str) -> None:
        """Open the case and the worklist that are open again as another reader, each with that reader's own work.

        The case on the screen and its edits stay as they are, and whose they are, until the other is there.
        """
        case = self.reading.case
        if name == self.reading.reader:
            if self.opener.next_reader is not None:
                self.opener.drop()
            self.who.set_reader(name)
        elif case is None or case.folder is None:
            if case is not None:
                case.reader = name
            self._now_reads(name)
        else:
            asked = self.opener.shown or Request([], self._files())
            images = {role: file for role, file in asked.images.items() if role not in asked.by_hand}
            self.opener.next_reader = name
            self.opener.open(Request(asked.paths, images))

    def refresh(self) -> None:
        """Show what was read."""
        case = self.reading.case
        if case is None:
            return
        rows = []
        for role, volume in case.images.items():
            shape = " × ".join(str(n) for n in volume.grid.shape[::-1])
            spacing = " × ".join(f"{s:.2f}".rstrip("0").rstrip(".") for s in volume.spacing[::-1])
            axes = volume.source.grid.axis_codes if volume.source else "LPS"
            name = volume.source.path.name if volume.source else "in memory"
            rows.append([f"{ROLE_NAME[role]}\n{name}", f"{shape}\n{spacing} mm, {axes}"])
        fill_table(self.images, rows)
        for row, volume in enumerate(case.images.values()):
            self.images.item(row, 0).setToolTip(str(volume.source.path) if volume.source else "")
        self.images.resizeRowsToContents()
        self.unit.refresh()
        where = f"Work is kept in {case.folder}" if case.folder else "This case is in memory only."
        self.note.setText("\n".join([*self.opener.notes, *header_doubts(case), where]))

    def done(self) -> bool:
        """Whether images are open and the unit is known."""
        case = self.reading.case
        return case is not None and (case.unit is not None or "qsm" not in case.images)

    def missing(self) -> str:
        """What is missing, in short."""
        return "" if self.reading.case is None or self.done() else "unit not known"

    def next(self) -> str:
        """What is missing."""
        if self.reading.case is None:
            return "open a case of the list" if self.worklist.model.entries else "open a patient's folder or files"
        return "" if self.done() else "say in which unit the QSM is"

    def _files(self) -> dict[Role, Path]:
        case = self.reading.case
        if case is None:
            return {}
        return {role: v.source.path for role, v in case.images.items() if v.source is not None}

    def _now_reads(self, name: str) -> None:
        self.who.set_reader(name)
        self.opener.ahead.drop()
        if self._root is not None and name != self._listed_for:
            self.worklist.set_entries([])  # how far someone else is, is not for this reader's eyes
            self.open_dataset(self._root)

    def _is_in_usual_place(self, case: Case) -> bool:
        """Whether a case's work lies where its reader's goes unless a folder is named for it, or nowhere."""
        files = self._files()
        first = files.get("qsm") or files.get("flair")
        if case.folder is None or first is None:
            return case.folder is None
        place = next((c.folder for f in files.values() if (c := case_around(f))), first)
        return journal_of(default_derivatives(place, case.reader), case.subject, case.session).parent == case.folder

    def _of_worklist(self, case: Case | None) -> BidsCase | None:
        """A case where it is one of the worklist."""
        entry = self.worklist.entry(case.name) if case is not None else None
        if case is None or case.folder is None or entry is None:
            return None
        usual = default_derivatives(entry.case.folder, self.reading.reader)
        journal = journal_of(self._derivatives or usual, entry.case.subject, entry.case.session)
        return entry.case if journal.parent == case.folder else None

    def _on_edit(self, edit: Edit) -> None:
        if edit.touches(FINISHED) or edit.touches(FLAGGED):
            self._show_open_case()

    def _opened(self, found: Found) -> None:
        if found.case is not None and found.case.root == self._root and found.case not in self.worklist.cases:
            self.open_dataset(found.case.root, self._derivatives)  # it joined since, such as by an import
        self.opener.ahead.plan()
        canvas = canvas_widget(self)
        if canvas is not None:
            canvas.setFocus()  # the reading's keys work at once

    def _show_row(self, case: Case | None) -> None:
        """Show how far a case of the worklist is, as its files say."""
        listed = self._of_worklist(case)
        if listed is not None:
            self.worklist.set_entry(
                read_entry(listed, derivatives=self._derivatives, reader=self.reading.reader, prefer=self.opener.prefer)
            )

    def _show_open_case(self) -> None:
        """Show the row of the open case as its files say."""
        case = self._of_worklist(self.reading.case)
        self.worklist.set_open(case.name if case is not None else "")
        if case is not None:
            self._asked = self._asked or case.name
            self._show_row(self.reading.case)
        self.steps.finished.setEnabled(self.reading.case is not None)
        self.steps.finished.setChecked(self.reading.finished)
        self.steps.flagged.setEnabled(self.reading.case is not None)
        self.steps.flagged.setChecked(self.flagged)
