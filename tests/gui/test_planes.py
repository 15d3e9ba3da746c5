"""Three planes through one place: what is shown, and how the hand moves it, by real Qt events."""

import numpy as np
import pytest
from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtGui import QWheelEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from thaliron_napari.case import Case
from thaliron_napari.viewer.hand import Hand
from thaliron_napari.viewer.panel import Panel
from thaliron_napari.viewer.phantom_case import learn
from thaliron_napari.viewer.plane import PLANES, image_sheet
from thaliron_napari.viewer.planes import Planes, PlaneView


@pytest.fixture
def planes(panel: Panel) -> Planes:
    QTest.qWait(700)
    found = panel.window().findChild(Planes)
    assert found is not None
    assert found.isVisible()
    return found


def place(panel: Panel) -> list[int]:
    return [round(v) for v in panel.reading.display.place()]


def pixels(view: PlaneView) -> np.ndarray:
    """What a plane shows, without its crosshair and letters: red, green, blue."""
    image = view.grab().toImage()
    return np.array(
        [[image.pixelColor(x, y).getRgb()[:3] for x in range(image.width())] for y in range(image.height())]
    )


def wheel(view: PlaneView, notches: int, modifiers=Qt.KeyboardModifier.NoModifier) -> None:
    middle = QPointF(view.width() / 2, view.height() / 2)
    for _ in range(abs(notches)):
        turn = QPoint(0, 120 if notches > 0 else -120)
        event = QWheelEvent(
            middle,
            QPointF(view.mapToGlobal(middle.toPoint())),
            QPoint(),
            turn,
            Qt.MouseButton.NoButton,
            modifiers,
            Qt.ScrollPhase.NoScrollPhase,
            False,
        )
        QApplication.sendEvent(view, event)


def test_one_crosshair_goes_through_all_planes(panel: Panel, planes: Planes, phantom_case: Case) -> None:
    display, hand = panel.reading.display, Hand(panel.reading.viewer, panel)
    shape, spacing = display.grid.shape, display.grid.spacing
    assert place(panel) == [n // 2 for n in shape]
    # On the axial plane the hand without a tool sets the place.
    hand.drag(np.array([(60, 40), (50, 30)]) * spacing[1:])
    assert place(panel) == [shape[0] // 2, 50, 30]
    # A click on a side plane moves the slice of the axial one, and the other side plane.
    coronal, sagittal = planes.views["coronal"], planes.views["sagittal"]
    at = coronal.pixel((10, 50, 44)).toPoint()
    QTest.mouseClick(coronal, Qt.MouseButton.LeftButton, pos=at)
    assert np.abs(np.array(place(panel)) - (10, 50, 44)).max() <= 1
    assert display.slice_shown() == place(panel)[0]
    at = sagittal.pixel((15, 70, 44)).toPoint()
    QTest.mouseClick(sagittal, Qt.MouseButton.LeftButton, pos=at)
    assert np.abs(np.array(place(panel)) - (15, 70, 44)).max() <= 1
    # The wheel goes through the slices of the plane that it is turned on.
    before = place(panel)
    wheel(sagittal, 3)
    wheel(coronal, -2)
    assert place(panel) == [before[0], before[1] - 2, before[2] + 3]
    hand.wheel(4)
    assert place(panel) == [before[0] + 4, before[1] - 2, before[2] + 3]
    # Another grid, the same place in the patient.
    world = display.grid.world(display.place())
    display.show("flair")
    np.testing.assert_allclose(display.grid.world(display.place()), world, atol=2.0)


def test_side_planes_show_the_voxels_that_are_there_the_right_way_round(
    panel: Panel, planes: Planes, phantom_case: Case
) -> None:
    display = panel.reading.display
    truth = learn(phantom_case)
    for name, view in planes.views.items():
        index = round(display.place()[view.plane.across])
        sheet = image_sheet(display.images.layer("qsm"), view.plane, index)
        data = phantom_case.qsm_ppb
        cut = data[:, index, :] if name == "coronal" else data[:, :, index]
        low, high = display.images.limits("qsm")
        np.testing.assert_allclose(sheet.rgba[..., 0], 255 * np.clip((cut[::-1] - low) / (high - low), 0, 1), atol=1.01)
    # The right of the patient is on the left of the coronal picture, the front on the left of the sagittal one.
    z, y, x = truth.atria["right"]
    coronal, sagittal = planes.views["coronal"], planes.views["sagittal"]
    assert coronal.pixel((z, y, x)).x() < coronal.width() / 2
    assert coronal.pixel((z + 3, y, x)).y() < coronal.pixel((z, y, x)).y()
    assert sagittal.pixel((z, 10, x)).x() < sagittal.pixel((z, 40, x)).x()
    assert [PLANES[name].letters for name in ("coronal", "sagittal")] == [("S", "I", "R", "L"), ("S", "I", "A", "P")]


def test_each_way_of_comparing_shows_in_the_side_planes(panel: Panel, planes: Planes) -> None:
    images, coronal = panel.reading.display.images, planes.views["coronal"]
    images.set_share(0.5)
    seen = []
    for comparison in ("blend", "checkerboard", "swipe", "edges"):
        images.set_comparison(comparison)
        QTest.qWait(50)
        seen.append(pixels(coronal))
    for number, one in enumerate(seen):
        assert one.max() > 100
        for other in seen[:number]:
            assert (one != other).any(axis=-1).mean() > 0.01


def test_what_is_drawn_and_undone_shows_in_all_planes(panel: Panel, planes: Planes, phantom_case: Case) -> None:
    hand, display = Hand(panel.reading.viewer, panel), panel.reading.display
    panel.open_step(3)
    turns = np.linspace(0, 2 * np.pi, 16, endpoint=False)
    hand.drag(np.array((100, 60)) + 10 * np.column_stack([np.sin(turns), np.cos(turns)]))
    hand.key(Qt.Key.Key_Escape)
    hand.click((100, 60))
    QTest.qWait(100)
    coronal = planes.views["coronal"]
    orange = pixels(coronal)[..., 0].astype(int) - pixels(coronal)[..., 2] > 90
    ys, xs = np.nonzero(orange)
    z, y, _ = place(panel)
    row = np.flatnonzero(phantom_case.annotations.maps["thalami"][z, y] == 2)
    assert abs(xs.min() - coronal.pixel((z, y, row[0] - 0.5)).x()) <= 2
    assert abs(xs.max() - coronal.pixel((z, y, row[-1] + 0.5)).x()) <= 2
    assert abs(ys.mean() - coronal.pixel((z, y, 0)).y()) <= 2
    panel.reading.undo()
    QTest.qWait(100)
    shown = pixels(coronal)
    assert not (shown[..., 0].astype(int) - shown[..., 2] > 90).any()
    assert display.slice_shown() == z


def test_planes_zoom_pan_window_and_go_away(panel: Panel, planes: Planes) -> None:
    view, images = planes.views["coronal"], panel.reading.display.images
    at = view.pixel(panel.reading.display.place())
    wheel(view, 3, Qt.KeyboardModifier.ControlModifier)
    assert view.zoom == pytest.approx(1.15**3)
    low, high = images.limits(images.front)
    QTest.mousePress(view, Qt.MouseButton.RightButton, pos=at.toPoint())
    _move(view, at + QPointF(30, 0), Qt.MouseButton.RightButton)
    QTest.mouseRelease(view, Qt.MouseButton.RightButton, pos=(at + QPointF(30, 0)).toPoint())
    wider = images.limits(images.front)
    assert wider[1] - wider[0] == pytest.approx((high - low) * 1.1, rel=0.02)
    QTest.mousePress(view, Qt.MouseButton.MiddleButton, pos=at.toPoint())
    _move(view, at + QPointF(12, 7), Qt.MouseButton.MiddleButton)
    assert (view.shift_px.x(), view.shift_px.y()) != (0, 0)
    QTest.mouseDClick(view, Qt.MouseButton.LeftButton, pos=at.toPoint())
    assert (view.zoom, view.shift_px) == (1.0, QPointF(0, 0))
    hand = Hand(panel.reading.viewer, panel)
    hand.key(Qt.Key.Key_P)
    assert not planes.isVisible()
    hand.key(Qt.Key.Key_P)
    assert planes.isVisible()


def _move(view: PlaneView, to: QPointF, button: Qt.MouseButton) -> None:
    from qtpy.QtCore import QEvent
    from qtpy.QtGui import QMouseEvent

    everywhere = QPointF(view.mapToGlobal(to.toPoint()))
    event = QMouseEvent(
        QEvent.Type.MouseMove, to, everywhere, Qt.MouseButton.NoButton, button, Qt.KeyboardModifier.NoModifier
    )
    QApplication.sendEvent(view, event)
