"""The scripted reading: the phantom patient read from images to regression in the real window, by mouse and keys.

The reader knows the phantom's truth as an expert knows anatomy: where to draw, where to click. What is measured then
comes from what the tools made of it.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from thaliron_napari.annotation import find_veins
from thaliron_napari.case import SIDE_LABEL, SIDES, Case, Role, Side, open_case
from thaliron_napari.errors import CaseError
from thaliron_napari.imaging import Grid, read_label_map
from thaliron_napari.viewer.hand import Hand
from thaliron_napari.viewer.panel import Panel
from thaliron_napari.viewer.steps.csf import CsfStep
from thaliron_napari.viewer.steps.fusion import FusionStep
from thaliron_napari.viewer.steps.lesions import LesionStep
from thaliron_napari.viewer.steps.measurements import MeasurementStep
from thaliron_napari.viewer.steps.regression import RegressionStep
from thaliron_napari.viewer.steps.thalamus import ThalamusStep

Picture = Callable[[str], None]
_SUBJECT = "phantom"
_KEYS = 4


@dataclass(frozen=True, eq=False)
class Knowledge:
    """What the scripted reader knows of the phantom.

    Parameters
    ----------
    thalami : array (z, y, x)
        1 left, 2 right, on the QSM grid.
    atria : dict
        Index (z, y, x) of a point amid the CSF of each atrium, QSM grid.
    lesions : tuple
        Index (z, y, x) of a point inside each lesion and whether it enhances, FLAIR grid.
    relative_ppb : float
        True relative susceptibility of the thalami.
    thalami_ml, lesions_ml : float
        True volumes.
    """

    thalami: NDArray[np.int32]
    atria: dict[Side, tuple[float, float, float]]
    lesions: tuple[tuple[tuple[int, int, int], bool], ...]
    relative_ppb: float
    thalami_ml: float
    lesions_ml: float


def phantom_images(folder: Path, size: str) -> dict[Role, Path]:
    """Image files of the phantom patient in a folder; made there where they are missing.

    Parameters
    ----------
    folder : Path
    size : {"small", "full"}
    """
    from thaliron_napari.phantom import make_patient, write_patient

    root = folder / f"phantom-{size}"
    if not _truth_file(root).exists():  # it is written last
        print(f"making the phantom patient ({size}) in {root}", flush=True)
        write_patient(make_patient(size), root, _SUBJECT)
    from thaliron_napari.case.opening import find_images

    return find_images([root / f"sub-{_SUBJECT}"])


def learn(case: Case) -> Knowledge:
    """What there is to know of a phantom case, from the truth beside its images."""
    source = case.volume("qsm").source
    assert source is not None
    root = source.path.parents[2]
    truth = json.loads(_truth_file(root).read_text("utf-8"))
    labels = read_label_map(
        _truth_file(root).with_name(f"sub-{_SUBJECT}_space-QSM_desc-thalamus_dseg.nii.gz"), case.volume("qsm").grid
    )
    qsm, flair = case.volume("qsm").grid, case.volume("flair").grid
    atria = {side: _index(qsm, truth["atria_mm"][side]) for side in SIDES}
    from_below = sorted(truth["lesions"], key=lambda item: flair.nearest(item["centre"])[0])
    lesions = tuple((flair.nearest(item["centre"]), bool(item["enhancing"])) for item in from_below)
    return Knowledge(
        labels.data,
        atria,
        lesions,
        float(truth["relative_ppb"]),
        float(sum(truth["volumes_ml"].values())),
        float(sum(item["volume_ml"] for item in truth["lesions"])),
    )


def scripted_reading(images: dict[Role, Path], folder: Path) -> int:
    """Read the phantom in a real window and write pictures, tables and reports.

    Returns
    -------
    int
        0 when the numbers agree with the truth, 1 otherwise.
    """
    import napari

    from thaliron_napari.viewer.app import make_window

    derivatives = folder / "derivatives" / "thaliron"
    journal = derivatives / f"sub-{_SUBJECT}" / "anat" / f"sub-{_SUBJECT}_desc-edits.jsonl"
    journal.unlink(missing_ok=True)  # the demo starts from nothing each time
    case = open_case([], images=images, derivatives=derivatives)
    viewer = napari.Viewer(title="ThalIron")
    viewer.window.resize(1560, 960)
    panel = make_window(case, viewer=viewer)
    pictures = folder / "pictures"
    pictures.mkdir(parents=True, exist_ok=True)

    def picture(name: str) -> None:
        QTest.qWait(400)
        viewer.screenshot(str(pictures / f"{name}.png"), canvas_only=name.startswith("figure"), flash=False)

    knowledge = learn(case)
    read_case(panel, knowledge, folder, picture)
    values = _report(case, knowledge, folder, pictures)
    viewer.close()
    return values


def read_case(panel: Panel, knowledge: Knowledge, folder: Path, picture: Picture = lambda _name: None) -> None:
    """Walk through the seven steps by mouse and keys.

    Parameters
    ----------
    panel : Panel
        With the phantom's case open.
    knowledge : Knowledge
    folder : Path
        Where tables and reports go.
    picture : callable
        Is given a name after each step.
    """
    hand = Hand(panel.reading.viewer, panel)
    QTest.qWait(300)
    picture("1-study")
    _fuse(panel, hand)
    picture("2-fusion")
    _compare(panel, hand, picture)
    _contour(panel, hand, knowledge, picture)
    picture("3-thalamus")
    _place_circles(panel, hand, knowledge)
    picture("4-csf")
    _black_outline(panel, picture)
    _click_lesions(panel, hand, knowledge)
    picture("5-lesions")
    _purple_lesions(panel, picture)
    _measure(panel, hand, folder)
    picture("6-measurements")
    _regress(panel, folder)
    picture("7-regression")


def _open(panel: Panel, hand: Hand, kind: type[Any]) -> Any:
    """Open a step by its header, as a hand does."""
    place = next(i for i, step in enumerate(panel.steps) if isinstance(step, kind))
    hand.press(panel.headers[place])
    QTest.qWait(100)
    return panel.steps[place]


def _fuse(panel: Panel, hand: Hand) -> None:
    step = _open(panel, hand, FusionStep)
    hand.press(step.start)
    wait_until(lambda: step.done(), "the registration")
    step.blend.setValue(40)


def _compare(panel: Panel, hand: Hand, picture: Picture) -> None:
    """The FLAIR's edges over the QSM: how a reader sees that the two fit."""
    images = panel.reading.display.images
    images.set_comparison("edges")
    hand.key(Qt.Key.Key_X)
    picture("2-fusion-edges")
    hand.key(Qt.Key.Key_X)
    images.set_comparison("blend")


def _contour(panel: Panel, hand: Hand, knowledge: Knowledge, picture: Picture) -> None:
    _open(panel, hand, ThalamusStep)
    reading = panel.reading
    reading.display.images.set_share(0.0)
    reading.viewer.scene.camera.zoom *= 1.8
    spacing = reading.display.grid.spacing
    for side in SIDES:
        if reading.side != side:
            hand.key(Qt.Key.Key_T)
        truth = knowledge.thalami == SIDE_LABEL[side]
        slices = np.flatnonzero(truth.any(axis=(1, 2)))
        for z in np.unique(np.linspace(slices[0], slices[-1], _KEYS).round().astype(int)):
            hand.scroll_to(int(z), panel.reading.display.slice_shown)
            hand.drag(outline(truth[z], spacing[1:]))
        hand.key(Qt.Key.Key_F)
    picture("3-thalamus-filled")
    for side in SIDES:
        if reading.side != side:
            hand.key(Qt.Key.Key_T)
        _nudge_off_vein(panel, hand, side)


def _nudge_off_vein(panel: Panel, hand: Hand, side: Side) -> None:
    """Push the contour off the vein it takes in most of, from outside inwards."""
    reading, case = panel.reading, panel.reading.case
    assert case is not None
    labels = case.annotations.label_map("thalami") == SIDE_LABEL[side]
    inside = labels & find_veins(case.qsm_ppb, case.volume("qsm").spacing, within=_around(labels))
    if not inside.any():
        return
    z = int(inside.sum(axis=(1, 2)).argmax())
    spacing = case.volume("qsm").spacing[1:]
    vein = np.argwhere(inside[z]).mean(axis=0) * spacing
    middle = np.argwhere(labels[z]).mean(axis=0) * spacing
    away = (vein - middle) / max(float(np.hypot(*(vein - middle))), 1e-6)
    steps = [vein + away * mm for mm in np.arange(0, 20, 0.5)]
    outside = next((p for p in steps if not labels[z][tuple(np.round(p / spacing).astype(int))]), vein) + away * 2.0
    hand.key(Qt.Key.Key_N)
    hand.scroll_to(z, panel.reading.display.slice_shown)
    reading.set_radius(1.5)
    hand.drag([outside + (vein - outside) * share for share in np.linspace(0, 1, 12)])


def _place_circles(panel: Panel, hand: Hand, knowledge: Knowledge) -> None:
    _open(panel, hand, CsfStep)
    spacing = panel.reading.display.grid.spacing
    for side in SIDES:
        centre = np.array(knowledge.atria[side])
        hand.scroll_to(round(centre[0]), panel.reading.display.slice_shown)
        hand.click(centre * spacing)


def _click_lesions(panel: Panel, hand: Hand, knowledge: Knowledge) -> None:
    step = _open(panel, hand, LesionStep)
    case, display = panel.reading.case, panel.reading.display
    assert case is not None
    wait_until(lambda: "normal_tissue" in vars(case), "what normal tissue looks like")
    spacing = display.grid.spacing
    panel.reading.viewer.reset_view()
    for index, enhancing in knowledge.lesions:
        before = len(list(case.annotations.lesions()))
        hand.scroll_to(index[0], panel.reading.display.slice_shown)
        hand.click(np.array(index) * spacing)
        if len(list(case.annotations.lesions())) > before:
            step.enhancing.setCurrentIndex(step.enhancing.findData(enhancing))
            step.enhancing.activated.emit(step.enhancing.currentIndex())
    hand.key(Qt.Key.Key_Return)
    QTest.qWait(100)


def _black_outline(panel: Panel, picture: Picture) -> None:
    """The thalami on the susceptibility map as the study prints them: outlined in black."""
    display, case = panel.reading.display, panel.reading.case
    assert case is not None
    labels = case.annotations.maps["thalami"]
    display.go_to((float((labels > 0).sum(axis=(1, 2)).argmax()), *(np.array(labels.shape[1:]) / 2)))
    display.labels.recolour("thalami", "black")
    picture("figure-qsm-thalami")
    display.labels.recolour("thalami")


def _purple_lesions(panel: Panel, picture: Picture) -> None:
    """The lesions on the FLAIR as the study prints them: filled in purple."""
    display, case = panel.reading.display, panel.reading.case
    assert case is not None
    display.labels.select_lesion(None)
    display.labels.set_outlines(False)
    labels = case.annotations.maps["lesions"]
    display.go_to((float((labels > 0).sum(axis=(1, 2)).argmax()), *(np.array(labels.shape[1:]) / 2)))
    picture("figure-flair-lesions")
    display.labels.set_outlines(True)


def _measure(panel: Panel, hand: Hand, folder: Path) -> None:
    step = _open(panel, hand, MeasurementStep)
    panel.reading.save_now()
    (folder / "tables").mkdir(parents=True, exist_ok=True)
    step.export(folder / "tables" / "measurements.csv")
    step.report(folder / "reports" / "case.html")
    QTest.qWait(200)


def _regress(panel: Panel, folder: Path) -> None:
    step = next(s for s in panel.steps if isinstance(s, RegressionStep))
    panel.open_step(panel.steps.index(step))
    step.use_synthetic()
    step.add_case()
    step.fit("lesion_ml", ["chi_ppb"], ["age", "sex", "duration", "dmt"], log=True)
    step.export(folder / "reports" / "cohort")
    QTest.qWait(300)


def _report(case: Case, knowledge: Knowledge, folder: Path, pictures: Path) -> int:
    """Print what was measured beside the truth, and where everything is."""
    from thaliron_napari.measurement import measure_case

    values = measure_case(case).values
    rows = (
        ("relative susceptibility, ppb", values.get("chi_ppb"), knowledge.relative_ppb, 3.0),
        ("thalamic volume, ml", values.get("thalamus_ml"), knowledge.thalami_ml, 0.10 * knowledge.thalami_ml),
        ("lesion volume, ml", values.get("lesion_ml"), knowledge.lesions_ml, 0.15 * knowledge.lesions_ml),
    )
    print(f"\n{'':32}{'measured':>10}{'truth':>10}")
    good = True
    for words, value, truth, allowed in rows:
        print(f"{words:32}{value if value is None else format(value, '10.2f')}{truth:10.2f}")
        good &= isinstance(value, float) and abs(value - truth) <= allowed
    print(
        f"\npictures  {pictures}\ntables    {folder / 'tables'}\nreports   {folder / 'reports'}\n"
        f"case      {case.folder}"
    )
    return 0 if good else 1


def outline(mask: NDArray[np.bool_], spacing: NDArray[np.float64], step_mm: float = 1.0) -> list[NDArray[np.float64]]:
    """The longest outline of a mask (y, x) as points in mm, about a step apart, as a hand would draw it."""
    from skimage.measure import find_contours

    path = max(find_contours(np.pad(mask, 1).astype(float), 0.5), key=len) - 1
    path = path * spacing
    along = np.r_[0, np.cumsum(np.hypot(*np.diff(path, axis=0).T))]
    at = np.linspace(0, along[-1], max(8, int(along[-1] / step_mm)))
    return list(np.column_stack([np.interp(at, along, path[:, i]) for i in range(2)]))


def wait_until(ready: Callable[[], bool], what: str, seconds: float = 60) -> None:
    """Let the window work until something is ready.

    Raises
    ------
    CaseError
        When it takes too long.
    """
    for _ in range(int(seconds * 20)):
        if ready():
            return
        QTest.qWait(50)
    raise CaseError(f"The scripted reading waited {seconds:.0f} s for {what} in vain.")


def _around(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The bounding box of a mask, as a mask."""
    box = np.zeros(mask.shape, bool)
    spans = [np.flatnonzero(mask.any(axis=tuple(a for a in range(3) if a != axis))) for axis in range(3)]
    box[tuple(slice(max(0, s[0] - 8), s[-1] + 9) for s in spans)] = True
    return box


def _index(grid: Grid, point_mm: list[float]) -> tuple[float, float, float]:
    z, y, x = (float(v) for v in grid.index(point_mm))
    return float(round(z)), y, x


def _truth_file(root: Path) -> Path:
    return root / "derivatives" / "truth" / f"sub-{_SUBJECT}" / "anat" / "truth.json"
