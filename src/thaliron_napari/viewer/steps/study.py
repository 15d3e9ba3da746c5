"""Step 1: choose the images, see what was read, correct the unit."""

from pathlib import Path

from napari.utils.notifications import show_error
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QComboBox, QFileDialog, QHBoxLayout

from thaliron_napari.case import ROLE_NAME, Edit, Role, open_case
from thaliron_napari.case.edits import fact_change
from thaliron_napari.errors import ThalIronError
from thaliron_napari.viewer.reading import Reading
from thaliron_napari.viewer.steps.step import Step, button, fill_table, table, text


class StudyStep(Step):
    """The images of the case."""

    title = "Study"

    def __init__(self, reading: Reading) -> None:
        super().__init__(reading)
        self.add_row(
            button(
                "Open folder…", "Open the folder of one patient; images are told apart by their names.", self.ask_folder
            ),
            button("Open files…", "Open the image files of one patient.", self.ask_files),
        )
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
        row = QHBoxLayout()
        row.addWidget(text("QSM values are in", wraps=False))
        self.unit = QComboBox()
        self.unit.addItem("unknown: choose", None)
        self.unit.addItem("ppm", "ppm")
        self.unit.addItem("ppb", "ppb")
        self.unit.setToolTip("Unit of the values in the QSM file; everything here is shown and measured in ppb.")
        self.unit.activated.connect(self._correct_unit)
        row.addWidget(self.unit, 1)
        self.column.addLayout(row)
        self.note = text()
        self.column.addWidget(self.note)

    def ask_folder(self) -> None:
        """Let the reader choose a folder."""
        folder = QFileDialog.getExistingDirectory(self, "Folder of one patient")
        if folder:
            self.open([Path(folder)], {})

    def ask_files(self) -> None:
        """Let the reader choose files."""
        files, _ = QFileDialog.getOpenFileNames(self, "Images of one patient", "", _FILTER)
        if files:
            self.open([Path(f) for f in files], {})

    def ask_one(self) -> None:
        """Let the reader choose the file of one image."""
        role: Role = self.choices.currentData()
        file, _ = QFileDialog.getOpenFileName(self, ROLE_NAME[role], "", _FILTER)
        if file:
            self.open([], self._files() | {role: Path(file)})

    def open(self, paths: list[Path], images: dict[Role, Path]) -> None:
        """Open a case; where it cannot be, say why and keep the one that is open."""
        try:
            case = open_case(paths, images=images, reader=self.reading.reader)
        except ThalIronError as error:
            show_error(str(error))
            return
        self.reading.open(case)

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
        self.unit.setEnabled("qsm" in case.images)
        self.unit.setCurrentIndex(max(0, self.unit.findData(case.unit)))
        where = f"Work is kept in {case.folder}" if case.folder else "This case is in memory only."
        self.note.setText(where)

    def done(self) -> bool:
        """Whether images are open and the unit is known."""
        case = self.reading.case
        return case is not None and (case.unit is not None or "qsm" not in case.images)

    def next(self) -> str:
        """What is missing."""
        if self.reading.case is None:
            return "open a patient's folder or files"
        return "" if self.done() else "say in which unit the QSM is"

    def _files(self) -> dict[Role, Path]:
        case = self.reading.case
        if case is None:
            return {}
        return {role: v.source.path for role, v in case.images.items() if v.source is not None}

    def _correct_unit(self, _index: int) -> None:
        unit = self.unit.currentData()
        if unit is not None:
            words = f"QSM values are in {unit}"
            self.reading.make(lambda case: Edit(words, fact_change(case.annotations, "unit", unit)))


_FILTER = "Images (*.nii *.nii.gz *.mgz *.mgh)"
