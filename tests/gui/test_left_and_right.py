"""Radiological and neurological display: by real Qt events at pixels, whatever the camera makes of them."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from napari.settings import get_plugin_settings
from npe2 import PluginManifest
from numpy.typing import NDArray
from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtGui import QWheelEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from thaliron_napari.case import SIDE_LABEL, Case
from thaliron_napari.viewer import hand as hand_module
from thaliron_napari.viewer.canvas import canvas_widget, to_pixel
from thaliron_napari.viewer.hand import Hand
from thaliron_napari.viewer.panel import Panel
from thaliron_napari.viewer.planes import Planes, PlaneView
from thaliron_napari.viewer.steps.thalamus import ThalamusStep

CONTROL = Qt.KeyboardModifier.ControlModifier


@pytest.fixture
def choose(plugin_settings: None, npe2pm: Any, panel: Panel) -> Callable[[str], None]:
    """Says in napari's Preferences which display is wanted, to a window opened before or after that."""
    npe2pm.register(PluginManifest.from_distribution("thaliron-napari"))
    from thaliron_napari.viewer import preferences

    preferences.follow_neurological(panel, panel.reading.display.set_neurological)

    def chosen(display: str) -> None:
        get_plugin_settings("thaliron-napari").reading.display = display
        QTest.qWait(100)

    return chosen


@pytest.fixture
def pixels(monkeypatch: pytest.MonkeyPatch, panel: Panel) -> Hand:
    """A hand that is told where to go in pixels (y, x) of the canvas."""
    QTest.qWait(700)
    monkeypatch.setattr(hand_module, "to_pixel", lambda _viewer, _canvas, at: QPointF(at[1], at[0]))
    return Hand(panel.reading.viewer, panel)


def letters(panel: Panel) -> str:
    overlays = panel.reading.viewer.canvas.overlays
    return "".join(overlays[f"letter_{place}"].text.strip() for place in ("top", "bottom", "left", "right"))


def under(hand: Hand, at: tuple[float, float]) -> NDArray[np.float64]:
    """Where napari says that a pixel lies, (y, x) in mm."""
    for place in ((at[0] + 3, at[1] + 3), at):
        QTest.qWait(60)  # a move that follows too fast is dropped
        hand.move(place)
    return np.array(hand.viewer.cursor.position[-2:])


def wheel_at(hand: Hand, at: tuple[float, float], notches: int) -> None:
    place = QPointF(at[1], at[0])
    for _ in range(notches):
        turn = QPoint(0, 120)
        everywhere = QPointF(hand.canvas.mapToGlobal(place.toPoint()))
        button, phase = Qt.MouseButton.NoButton, Qt.ScrollPhase.NoScrollPhase
        event = QWheelEvent(place, everywhere, QPoint(), turn, button, CONTROL, phase, False)
        QApplication.sendEvent(hand.canvas, event)
        QTest.qWait(15)


def ring(centre: tuple[float, float], radius: float) -> NDArray[np.float64]:
    angles = np.linspace(0, 2 * np.pi, 16, endpoint=False)
    return np.array(centre) + radius * np.column_stack([np.sin(angles), np.cos(angles)])


def coloured(rgb: NDArray[Any]) -> NDArray[np.bool_]:
    """Where the colour of a thalamus is."""
    return np.asarray(np.abs(rgb[..., 2].astype(int) - rgb[..., 0]) > 90)


def grabbed(view: PlaneView) -> NDArray[Any]:
    image = view.grab().toImage()
    rows, columns = range(image.height()), range(image.width())
    return np.array([[image.pixelColor(x, y).getRgb()[:3] for x in columns] for y in rows])


@pytest.mark.parametrize("display", ["radiological", "neurological"])
def test_the_hand_finds_the_side_that_the_letters_name(
    panel: Panel, pixels: Hand, choose: Callable[[str], None], phantom_case: Case, display: str
) -> None:
    reading = panel.reading
    assert letters(panel) == "APRL"
    choose("neurological")
    assert letters(panel) == "APLR"
    choose(display)
    left_is_left = display == "neurological"
    assert letters(panel) == ("APLR" if left_is_left else "APRL")
    height, width = pixels.canvas.height(), pixels.canvas.width()
    centre = (height * 0.55, width * 0.35)

    # What is drawn on one half of the canvas is on that side of the patient, and painted where the hand was.
    panel.open_step(next(i for i, step in enumerate(panel.steps) if isinstance(step, ThalamusStep)))
    pixels.drag(ring(centre, 40))
    z = reading.display.slice_shown()
    labels = phantom_case.annotations.maps["thalami"][z]
    drawn = labels > 0
    assert drawn.sum() > 100
    assert set(labels[drawn]) == {SIDE_LABEL["left" if left_is_left else "right"]}
    (rows, columns), grid = np.nonzero(drawn), phantom_case.volume("qsm").grid
    for y, x in zip(rows, columns, strict=True):
        assert (grid.world(np.array((z, y, x)))[0] < grid.world((np.array(grid.shape) - 1) / 2)[0]) == left_is_left
    pixels.key(Qt.Key.Key_Escape)
    pixels.move((5, 5))
    reading.display.labels.set_outlines(False)
    QTest.qWait(100)
    picture = reading.viewer.screenshot(canvas_only=True, flash=False)
    ys, xs = np.nonzero(coloured(picture))
    scale = np.array(picture.shape[:2]) / (height, width)
    assert np.abs((ys.mean(), xs.mean()) / scale - centre).max() < 4
    assert np.abs((np.ptp(ys), np.ptp(xs)) / scale - 80).max() < 12

    # The pen, the crosshair, the zoom and the pan find the place that napari finds.
    for at in (centre, (height * 0.3, width * 0.7)):
        found = to_pixel(reading.viewer, pixels.canvas, under(pixels, at))
        assert np.abs((found.y() - at[0], found.x() - at[1])).max() < 1
    mm_per_pixel = 1 / reading.viewer.scene.camera.zoom
    here = under(pixels, centre)
    wheel_at(pixels, centre, 3)
    assert reading.viewer.scene.camera.zoom * mm_per_pixel == pytest.approx(1.15**3)
    assert np.abs(under(pixels, centre) - here).max() < mm_per_pixel
    to = (centre[0] - 40, centre[1] + 70)
    pixels.drag([centre, (centre[0] - 10, centre[1] + 20), to], button=Qt.MouseButton.MiddleButton)
    assert np.abs(under(pixels, to) - here).max() < mm_per_pixel
    pixels.click(to)
    np.testing.assert_allclose((reading.display.place() * reading.display.grid.spacing)[1:], here, atol=mm_per_pixel)

    # Nothing that was drawn depends on the display.
    before = phantom_case.annotations.maps["thalami"].copy()
    choose("radiological")
    np.testing.assert_array_equal(phantom_case.annotations.maps["thalami"], before)
    assert len(phantom_case.done) == 1


def test_side_planes_and_the_swipe_turn_with_the_axial_plane(
    panel: Panel, choose: Callable[[str], None], phantom_case: Case
) -> None:
    QTest.qWait(700)
    display, hand = panel.reading.display, Hand(panel.reading.viewer, panel)
    planes = panel.window().findChild(Planes)
    assert planes is not None
    coronal, sagittal = planes.views["coronal"], planes.views["sagittal"]
    panel.open_step(3)
    hand.drag(ring((100, 60), 10))
    hand.key(Qt.Key.Key_Escape)
    hand.click((100, 60))
    z, y, _ = (round(v) for v in display.place())
    row = np.flatnonzero(phantom_case.annotations.maps["thalami"][z, y])
    before = {name: display.place() for name in planes.views}
    seen = {}
    for name in ("radiological", "neurological"):
        choose(name)
        seen[name] = [grabbed(view) for view in (coronal, sagittal)]
        ys, xs = np.nonzero(coloured(seen[name][0]))
        edges = sorted((coronal.pixel((z, y, row[0] - 0.5)).x(), coronal.pixel((z, y, row[-1] + 0.5)).x()))
        assert np.abs(np.subtract((xs.min(), xs.max()), edges)).max() <= 2
        assert abs(ys.mean() - coronal.pixel((z, y, 0)).y()) <= 2
    np.testing.assert_array_equal(seen["radiological"][1], seen["neurological"][1])
    # The middle of the picture, away from the letters and the crosshair.
    top, bottom = round(coronal.pixel((28, 0, 0)).y()), round(coronal.pixel((18, 0, 0)).y())
    radiological, neurological = (seen[name][0][top:bottom].astype(int) for name in ("radiological", "neurological"))
    grey = ~coloured(radiological) & ~coloured(neurological[:, ::-1])
    assert np.median(np.abs(radiological - neurological[:, ::-1])[grey]) <= 3
    assert np.median(np.abs(radiological - neurological)[grey]) > 3
    assert (display.place() == before["coronal"]).all()

    shape = display.grid.shape
    QTest.mouseClick(coronal, Qt.MouseButton.LeftButton, pos=coronal.rect().center() - QPoint(40, 0))
    assert display.grid.world(display.place())[0] < display.grid.world((np.array(shape) - 1) / 2)[0]  # patient's left
    at = coronal.pixel((15, 0, 70)).toPoint()
    QTest.mouseClick(coronal, Qt.MouseButton.LeftButton, pos=at)
    assert np.abs(display.place() - (15, y, 70)).max() <= 1
    at = sagittal.pixel((10, 30, 0)).toPoint()
    QTest.mouseClick(sagittal, Qt.MouseButton.LeftButton, pos=at)
    assert np.abs(display.place() - (10, 30, round(display.place()[2]))).max() <= 1

    images = display.images
    images.set_comparison("swipe")
    images.set_share(0.25)
    for name, hidden in (("neurological", -1), ("radiological", 0)):
        choose(name)
        over = images.layer(images.over)
        assert over is not None
        gone = np.isnan(over.data).all(axis=(0, 1))
        assert gone[hidden]
        assert gone.mean() == pytest.approx(0.25, abs=0.01)


def test_whatever_turns_the_picture_the_letters_follow(panel: Panel) -> None:
    """A viewer set otherwise in napari's own preferences must not show a letter on the wrong side."""
    QTest.qWait(300)
    viewer = panel.reading.viewer
    viewer.scene.camera.orientation2d = ("up", "left")
    assert letters(panel) == "PALR"
    canvas = canvas_widget(panel)
    assert canvas is not None
    y, x = np.add(viewer.scene.camera.center[-2:], 10)
    assert to_pixel(viewer, canvas, (y, x)).x() < canvas.width() / 2
    assert to_pixel(viewer, canvas, (y, x)).y() < canvas.height() / 2
    viewer.dims.order = (2, 0, 1)
    assert letters(panel) == "SIPA"
