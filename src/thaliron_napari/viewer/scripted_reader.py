"""The scripted reading: the phantom patient read from images to regression in the real window, by mouse and keys.

The reader knows the phantom's truth as an expert knows anatomy: where to draw, where to click. What is measured then
comes from what the tools made of it.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from thaliron_napari.case import SIDE_LABEL, SIDES, Side
from thaliron_napari.errors import CaseError
from thaliron_napari.viewer.hand import Hand
from thaliron_napari.viewer.panel import Panel
from thaliron_napari.viewer.phantom_case import Knowledge
from thaliron_napari.viewer.planes import Planes
from thaliron_napari.viewer.steps.fusion import FusionStep
from thaliron_napari.viewer.steps.measurements import MeasurementStep
from thaliron_napari.viewer.steps.morphometry import MorphometryStep
from thaliron_napari.viewer.steps.qsm import QsmStep
from thaliron_napari.viewer.steps.regression import RegressionStep
from thaliron_napari.viewer.steps.thalamus import ThalamusStep

Picture = Callable[[str], None]
_KEYS = 4


def read_case(
    panel: Panel, knowledge: Knowledge, folder: Path, picture: Picture | None = None
) -> Counter[tuple[str, str]]:
    """Walk through the steps by mouse and keys, in as few of them as it takes.

    Parameters
    ----------
    panel : Panel
        With the phantom's case open.
    knowledge : Knowledge
    folder : Path
        Where tables and reports go.
    picture : callable, optional
        Is given a name after each step. With it things are shown, too, that the reading does not need.

    Returns
    -------
    Counter
        What the hand did, by step and kind: see :class:`Hand`.
    """
    hand = Hand(panel.reading.viewer, panel)
    QTest.qWait(300)
    show = picture or (lambda _name: None)
    show("1-study")
    if picture is not None:
        _open(panel, hand, QsmStep)
        picture("2-qsm")
    _fuse(panel, hand, show)
    if picture is not None:
        _compare(panel, hand, picture)
    _contour(panel, hand, knowledge, picture)
    show("4-thalamus")
    _place_circles(panel, hand, knowledge)
    show("5-csf")
    if picture is not None:
        _black_outline(panel, picture)
    _click_lesions(panel, hand, knowledge)
    show("6-lesions")
    if picture is not None:
        _purple_lesions(panel, picture)
        _in_3d(panel, hand, picture)
    if picture is not None:
        _look_at_brain(panel, hand, folder, picture)
    _measure(panel, hand, folder)
    show("8-measurements")
    acts = hand.acts.copy()
    _regress(panel, folder)
    show("9-regression")
    if picture is not None:
        _in_light(panel, hand, picture)
    return acts


def _open(panel: Panel, hand: Hand, kind: type[Any]) -> Any:
    """Open a step by its header, as a hand does."""
    place = next(i for i, step in enumerate(panel.steps) if isinstance(step, kind))
    hand.press(panel.headers[place])
    QTest.qWait(100)
    return panel.steps[place]


def _go_to(panel: Panel, hand: Hand, index: Sequence[float]) -> None:
    """Bring an axial slice on show: by the wheel where it is the next one, else by a click on the sagittal plane."""
    reading = panel.reading
    away = round(index[0]) - reading.display.slice_shown()
    if abs(away) == 1:
        hand.wheel(away)
    elif away:
        view = panel.window().findChild(Planes).views["sagittal"]
        hand.click_plane(view, view.pixel(index).toPoint())
        hand.scroll_to(round(index[0]), reading.display.slice_shown)  # thin slices are missed by one at times


def _fuse(panel: Panel, hand: Hand, picture: Picture) -> None:
    hand.step = "fusion"
    step = _open(panel, hand, FusionStep)
    hand.press(step.start)
    wait_until(lambda: step.done(), "the registration")
    hand.key(Qt.Key.Key_X)  # QSM and FLAIR in turn: does one move on the other?
    hand.key(Qt.Key.Key_X)
    step.blend.setValue(40)
    picture("3-fusion")


def _compare(panel: Panel, hand: Hand, picture: Picture) -> None:
    """The FLAIR's edges over the QSM: how a reader sees that the two fit."""
    images = panel.reading.display.images
    images.set_comparison("edges")
    hand.key(Qt.Key.Key_X)
    picture("3-fusion-edges")
    hand.key(Qt.Key.Key_X)
    images.set_comparison("blend")


def _contour(panel: Panel, hand: Hand, knowledge: Knowledge, picture: Picture | None) -> None:
    hand.step = "thalamus"
    hand.key(Qt.Key.Key_D)
    reading = panel.reading
    case, spacing = reading.case, reading.display.grid.spacing
    assert case is not None
    reading.display.images.set_share(0.0)
    if picture is not None:
        reading.viewer.scene.camera.zoom *= 1.8
    keys: dict[int, list[Side]] = {}
    for side in SIDES:
        slices = np.flatnonzero((knowledge.thalami == SIDE_LABEL[side]).any(axis=(1, 2)))
        for z in np.unique(np.linspace(slices[0], slices[-1], _KEYS).round().astype(int)):
            keys.setdefault(int(z), []).append(side)
    for z, sides in sorted(keys.items()):
        outlines = [outline(knowledge.thalami[z] == SIDE_LABEL[side], spacing[1:]) for side in sides]
        _go_to(panel, hand, (z, *(outlines[0][0] / spacing[1:])))
        for path in outlines:
            hand.drag(path)
    hand.key(Qt.Key.Key_F)
    wait_until(lambda: panel.step(ThalamusStep).done(), "the slices between")
    if picture is not None:
        picture("4-thalamus-filled")
    hand.key(Qt.Key.Key_V)
    wait_until(lambda: reading.veins.mask() is not None, "the veins")
    for side in SIDES:
        _cut_vein(panel, hand, side)
    if picture is not None:
        _nudge(panel, hand, picture)


def _cut_vein(panel: Panel, hand: Hand, side: Side) -> None:
    """Go over the vein that the contour takes in most of, on one slice."""
    case, veins = panel.reading.case, panel.reading.veins.mask()
    assert case is not None
    assert veins is not None
    inside = veins & (case.annotations.label_map("thalami") == SIDE_LABEL[side])
    if not inside.any():
        return
    z = int(inside.sum(axis=(1, 2)).argmax())
    vein = np.argwhere(inside[z])
    _go_to(panel, hand, (z, *vein.mean(axis=0)))
    along = vein[np.argsort(vein @ np.linalg.svd(vein - vein.mean(axis=0), full_matrices=False)[2][0])]
    hand.drag(list(along[:: max(1, len(along) // 8)] * case.volume("qsm").spacing[1:]))


def _nudge(panel: Panel, hand: Hand, picture: Picture) -> None:
    """Push the edge of the left thalamus a little, with the veins in sight, and take that back."""
    reading, case = panel.reading, panel.reading.case
    assert case is not None
    inside = case.annotations.label_map("thalami") == SIDE_LABEL["left"]
    z, spacing = int(inside.sum(axis=(1, 2)).argmax()), case.volume("qsm").spacing[1:]
    hand.key(Qt.Key.Key_N)
    _go_to(panel, hand, (z, *np.argwhere(inside[z]).mean(axis=0)))
    lateral = np.argwhere(inside[z])[np.argwhere(inside[z])[:, 1].argmax()] * spacing
    edits = len(case.done)
    path = [lateral + np.array((0.0, mm)) for mm in np.arange(6, 0, -0.5)]
    hand.drag(path, while_down=lambda: picture("4-thalamus-nudge"))
    if len(case.done) > edits:
        reading.undo()


def _place_circles(panel: Panel, hand: Hand, knowledge: Knowledge) -> None:
    hand.step = "CSF"
    hand.key(Qt.Key.Key_C)
    spacing = panel.reading.display.grid.spacing
    for side in SIDES:
        _go_to(panel, hand, knowledge.atria[side])
        hand.click(np.array(knowledge.atria[side]) * spacing)


def _click_lesions(panel: Panel, hand: Hand, knowledge: Knowledge) -> None:
    hand.step = "lesions"
    hand.key(Qt.Key.Key_S)
    case, display = panel.reading.case, panel.reading.display
    assert case is not None
    wait_until(lambda: "normal_tissue" in vars(case), "what normal tissue looks like")
    spacing = display.grid.spacing
    panel.reading.viewer.reset_view()
    for index, enhancing in knowledge.lesions:
        before = len(list(case.annotations.lesions()))
        _go_to(panel, hand, index)
        hand.click(np.array(index) * spacing)
        if enhancing and len(list(case.annotations.lesions())) > before:
            hand.key(Qt.Key.Key_G)
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


def _in_3d(panel: Panel, hand: Hand, picture: Picture) -> None:
    """What was drawn, and the veins, as surfaces."""
    hand.key(Qt.Key.Key_Y)
    wait_until(lambda: panel.surfaces.shown, "the surfaces")
    QTest.qWait(1000)
    picture("3d")
    hand.key(Qt.Key.Key_Y)


def _in_light(panel: Panel, hand: Hand, picture: Picture) -> None:
    """The same window in napari's light theme."""
    viewer = panel.reading.viewer
    dark, viewer.theme = viewer.theme, "light"
    for step, name in ((ThalamusStep, "light-thalamus"), (RegressionStep, "light-regression")):
        _open(panel, hand, step)
        picture(name)
    viewer.theme = dark


def _look_at_brain(panel: Panel, hand: Hand, folder: Path, picture: Picture) -> None:
    """FreeSurfer's numbers, its surfaces on all planes, the mark that they were checked, and the six panels."""
    step = _open(panel, hand, MorphometryStep)
    wait_until(lambda: bool(step.checks.text()), "the checks")
    hand.press(step.surfaces)
    wait_until(lambda: not panel.reading.segmentation.being_prepared, "the surfaces")
    hand.press(step.mark)
    picture("7-morphometry")
    hand.press(step.surfaces)
    step.overlays["segmentation"].click()
    panel.reading.turn_outlines()
    picture("segmentation")
    panel.reading.turn_outlines()
    step.overlays["segmentation"].click()
    step.show_six()
    wait_until(lambda: not step.dialog.picture.pixmap().isNull(), "the six panels")
    (folder / "pictures").mkdir(parents=True, exist_ok=True)
    step.dialog.save(folder / "pictures" / "figure-morphometry.png")
    step.dialog.close()


def _measure(panel: Panel, hand: Hand, folder: Path) -> None:
    hand.step = "measurements"
    step = _open(panel, hand, MeasurementStep)
    hand.key(Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)  # done; with a worklist the next case comes
    (folder / "tables").mkdir(parents=True, exist_ok=True)
    step.export(folder / "tables" / "measurements.csv")
    page = folder / "reports" / "case.html"
    step.report(page)
    panel.reading.save_now()
    wait_until(lambda: not panel.reading.unsaved and page.exists(), "the case's files")


def _regress(panel: Panel, folder: Path) -> None:
    step = next(s for s in panel.steps if isinstance(s, RegressionStep))
    panel.open_step(panel.steps.index(step))
    step.use_synthetic()
    step.add_case()
    step.fit("lesion_ml", ["chi_ppb"], ["age", "sex", "duration", "dmt"], log=True)
    step.export(folder / "reports" / "cohort")
    QTest.qWait(300)


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
