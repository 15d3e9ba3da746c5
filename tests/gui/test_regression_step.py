"""The step Regression by mouse and keys: the study's numbers, a case added and completed, and input that is wrong."""

import csv
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import PathCollection
from napari.utils.notifications import notification_manager
from napari.utils.theme import get_theme
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QDockWidget, QLineEdit, QPushButton, QWidget

from thaliron_napari.case import Case, CsfCircle
from thaliron_napari.case.csf import place_circle
from thaliron_napari.case.thalamus import set_contour
from thaliron_napari.cohort import read_table, synthetic_cohort
from thaliron_napari.cohort.agreement import compare_readings
from thaliron_napari.errors import TableError
from thaliron_napari.imaging import Grid, Volume
from thaliron_napari.statistics import fit, study_columns
from thaliron_napari.statistics.logistic import fit_logistic
from thaliron_napari.viewer.app import make_window
from thaliron_napari.viewer.cohort_table import set_cell
from thaliron_napari.viewer.ladder_dialog import HISTOGRAMS, QUANTILES
from thaliron_napari.viewer.scripted_reader import wait_until
from thaliron_napari.viewer.steps.regression import RegressionStep

with (Path(__file__).parents[1] / "reference" / "study_tables.csv").open(encoding="utf-8") as file:
    PRINTED = list(csv.DictReader(file))

# The study's table prints .02 where its text, and every rounding of the interval printed beside it, says .028.
PRINTED_OTHERWISE = {("age", "after"): ".028"}
LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def step(make_napari_viewer_proxy: Callable[..., Any]) -> Iterator[RegressionStep]:
    """The step, open in a window on a small screen."""
    viewer = make_napari_viewer_proxy(show=True)
    panel = make_window(viewer=viewer)
    viewer.window.resize(1280, 800)
    panel.open_step(panel.steps.index(panel.step(RegressionStep)))
    notification_manager.records.clear()
    yield panel.step(RegressionStep)
    notification_manager.records.clear()


def press(parent: QWidget, name: str) -> None:
    """Click the push button of this name."""
    found = [made for made in parent.findChildren(QPushButton) if made.text() == name]
    assert len(found) == 1
    QTest.mouseClick(found[0], LEFT)
    QApplication.processEvents()


def choose(step: RegressionStep, outcome: str, predictors: list[str], covariates: list[str], *, log: bool) -> None:
    """Choose a model by clicks: the outcome in its list, predictors and covariates by their boxes."""
    view = step.view
    view.outcome.showPopup()
    items = view.outcome.view()
    index = view.outcome.model().index(view.outcome.findText(outcome), 0)
    items.scrollTo(index)
    QTest.mouseClick(items.viewport(), LEFT, pos=items.visualRect(index).center())
    assert view.outcome.currentText() == outcome
    boxes = [(view.log, log)]
    boxes += [(box, name in predictors) for name, box in view.predictors.boxes.items()]
    boxes += [(box, name in covariates) for name, box in view.covariates.boxes.items()]
    for box, on in boxes:
        if box.isChecked() != on:
            QTest.mouseClick(box, LEFT, pos=QPoint(8, box.height() // 2))
        assert box.isChecked() == on


def type_into(step: RegressionStep, row: int, column: str, words: str) -> None:
    """Double-click a cell, type and press Enter."""
    table = step.view.cohort
    index = table.model().index(row, list(step.table.columns).index(column))
    table.scrollTo(index)
    at = table.visualRect(index).center()
    QTest.mouseClick(table.viewport(), LEFT, pos=at)
    QTest.mouseDClick(table.viewport(), LEFT, pos=at)
    [editor] = [found for found in table.viewport().findChildren(QLineEdit) if found.isVisible()]
    editor.selectAll()
    QTest.keyClicks(editor, words)
    QTest.keyClick(editor, Qt.Key.Key_Return)
    QApplication.processEvents()


def said() -> list[str]:
    """What the reader was told."""
    return [str(record.message) for record in notification_manager.records]


def printed(number: str) -> dict[tuple[str, str], dict[str, tuple[str, ...]]]:
    """The study's table: coefficient, low, high and P by outcome and predictor, before and after adjustment."""
    rows = {}
    for row in PRINTED:
        if row["table"] == number:
            rows[row["outcome"], row["predictor"]] = {
                when: (
                    *(row[f"{when}_{name}"] for name in ("coefficient", "ci_low", "ci_high")),
                    PRINTED_OTHERWISE.get((row["predictor"], when), row[f"{when}_p"]),
                )
                for when in ("before", "after")
            }
    return rows


def assert_agrees(cells: list[str], expected: dict[str, tuple[str, ...]]) -> None:
    """Shown and printed numbers are one number, each within half a unit of its last digit; P is printed the same."""
    for when, part in (("before", cells[1:5]), ("after", cells[5:9])):
        coefficient, interval, p, n = part
        shown = (coefficient, *interval.split(", "))
        for ours, theirs in zip(shown, expected[when][:3], strict=True):
            units = [10.0 ** -len(text.partition(".")[2]) for text in (ours, theirs)]
            assert abs(float(ours) - float(theirs)) <= 0.5 * sum(units) * (1 + 1e-9)
        assert p == expected[when][3] + ("*" if float(expected[when][3]) < 0.05 else "")
        assert n == "95"


def test_models_chosen_by_clicks_give_the_published_numbers(step: RegressionStep) -> None:
    press(step, "Synthetic cohort")
    assert "95 cases are synthetic" in step.note.text()
    covariates = ["age", "sex", "duration", "dmt"]
    for (outcome, predictor), expected in printed("1").items():
        column = outcome.removeprefix("ln(").removesuffix(")")
        choose(step, column, [predictor], covariates, log=outcome != column)
        press(step.view, "Fit")
        [row] = step.view.result_rows()
        assert_agrees(row, expected)
    assert "Adjusted for: age, sex, duration, dmt" in step.view.notes.text()
    assert "n = 95, 89 residual df" in step.view.notes.text()

    table = printed("2")
    choose(step, "chi_ppb", [predictor for _, predictor in table], [], log=False)
    press(step.view, "Fit")
    rows = dict(zip(step.view.predictors.chosen(), step.view.result_rows(), strict=True))
    for (_, predictor), expected in table.items():
        assert_agrees(rows[predictor], expected)
    assert said() == []


def test_presets_print_the_published_tables(step: RegressionStep) -> None:
    press(step, "Synthetic cohort")
    for number in ("1", "2"):
        press(step.view, f"Table {number}")
        shown = [row[1:] for row in step.view.result_rows()]
        expected = []
        for row in printed(number).values():
            cells = []
            for low_to_p in (row["before"], row["after"]):
                coefficient, low, high, p = low_to_p
                cells += [coefficient, f"{low}, {high}", p + ("*" if float(p) < 0.05 else ""), "95"]
            expected.append(cells)
        assert shown == expected
    press(step.view, "Age ≤ 50")
    [row] = step.view.result_rows()
    young = int((synthetic_cohort()["age"] <= 50).sum())
    assert row[4] == row[8] == str(young) != "95"
    assert "synthetic" in step.view.notes.text()


def small_case(thalamus_ppb: float) -> Case:
    """A case in memory: two cubes for thalami in empty space, circles of CSF behind them."""
    data = np.zeros((8, 40, 40), np.float32)
    data[2:6, 10:20, 5:35] = thalamus_ppb
    case = Case("new", {"qsm": Volume(data, Grid(data.shape, np.diag([-1.0, -1.0, 2.0, 1.0])))})
    for side, x in (("left", slice(24, 32)), ("right", slice(8, 16))):
        for z in range(2, 6):
            mask = np.zeros(data.shape[1:], bool)
            mask[11:19, x] = True
            case.apply(set_contour(case, side, z, mask, "draw"))
        case.apply(place_circle(case, side, CsfCircle((3.0, 32.0, (x.start + x.stop) / 2), 3.0)))
    return case


def test_a_case_with_typed_covariates_counts(step: RegressionStep) -> None:
    step.reading.open(small_case(-40.0))
    press(step, "Synthetic cohort")
    press(step, "Add this case")
    assert "96 cases" in step.count.text()
    assert "not saved" in step.count.text()
    assert "95 are synthetic" in step.note.text()
    last = step.table.iloc[-1]
    assert last["id"] == "sub-new"
    assert last["chi_ppb"] == pytest.approx(-40)
    choose(step, "thalamus_ml", ["chi_ppb"], ["age", "sex"], log=False)
    press(step.view, "Fit")
    [row] = step.view.result_rows()
    assert (row[4], row[8]) == ("96", "95")
    assert "1 left out for missing values" in step.view.notes.text()

    type_into(step, 95, "age", "44.5")
    type_into(step, 95, "sex", "F")
    [row] = step.view.result_rows()
    assert (row[4], row[8]) == ("96", "96")
    assert "left out" not in step.view.notes.text()
    expected = pd.concat(
        [
            synthetic_cohort(),
            pd.DataFrame([{"age": 44.5, "sex": 1, "chi_ppb": -40.0, "thalamus_ml": last["thalamus_ml"]}]),
        ]
    )
    x = np.column_stack([np.ones(96), expected[["chi_ppb", "age", "sex"]].to_numpy(float)])
    truth = np.linalg.lstsq(x, expected["thalamus_ml"].to_numpy(float), rcond=None)[0][1]
    assert float(row[5]) == pytest.approx(truth, abs=0.5 * 10.0 ** -len(row[5].partition(".")[2]))

    press(step, "Add this case")
    assert len(step.table) == 96
    assert step.table.iloc[-1]["age"] == 44.5
    press(step.view, "Undo")
    press(step.view, "Undo")
    assert np.isnan(step.table.iloc[-1]["sex"])
    assert said() == []


def test_a_cohort_begun_with_this_case_has_room_for_covariates(step: RegressionStep) -> None:
    press(step, "Add this case")
    assert "No patient is open" in said()[-1]
    assert step.table is None
    step.reading.open(small_case(-31.0))
    press(step, "Add this case")
    assert list(step.table.columns[:5]) == ["id", "age", "sex", "duration", "dmt"]
    QTest.keyClicks(step.view.cohort, "3")
    [editor] = step.view.cohort.viewport().findChildren(QLineEdit)
    QTest.keyClicks(editor, "8.5")
    QTest.keyClick(editor, Qt.Key.Key_Return)
    type_into(step, 0, "duration", "3.25")
    assert step.table.loc[0, ["age", "duration"]].tolist() == [38.5, 3.25]


def test_keys_typed_in_the_wide_view_do_not_reach_the_canvas(step: RegressionStep) -> None:
    pressed = []
    step.reading.viewer.bind_key("K", lambda _viewer: pressed.append("K"), overwrite=True)
    press(step, "Synthetic cohort")
    press(step.view, "Table 1")
    for inside in (step.view.result, step.view.cohort, step.view):
        QTest.keyClick(inside, Qt.Key.Key_K)
    assert pressed == []
    QTest.keyClick(step, Qt.Key.Key_K)
    assert pressed == ["K"]


def test_wrong_input_is_told_and_changes_nothing(step: RegressionStep, tmp_path: Path) -> None:
    press(step, "Synthetic cohort")
    press(step.view, "Fit")
    shown = step.view.result_rows()

    type_into(step, 2, "age", "old")
    assert "takes numbers" in said()[-1]
    assert step.table.loc[2, "age"] == 41.28

    broken = tmp_path / "broken.csv"
    broken.write_text("id,age,chi_ppb\na,40,-30\nb,forty,-20\n")
    assert not step.load(broken)
    assert "'forty'" in said()[-1]
    assert not step.load(tmp_path / "absent.csv")
    assert len(step.table) == 95

    assert not step.fit("lesion_ml", ["chi_ppb"], ["chi_ppb"], log=True)
    assert "named twice" in said()[-1]
    assert step.view.result_rows() == shown

    assert step.load(synthetic_cohort().assign(dmt=1))
    choose(step, "lesion_ml", ["dmt"], [], log=False)
    press(step.view, "Fit")
    assert "'dmt' is 1 in all 95 rows" in said()[-1]
    choose(step, "lesion_ml", ["chi_ppb"], ["age"], log=True)
    press(step.view, "Fit")
    assert step.view.result_rows()[0][4] == "95"
    assert len(said()) == 5


def test_wide_view_comes_back_with_its_results_and_follows_the_theme(step: RegressionStep) -> None:
    viewer = step.reading.viewer
    press(step, "Synthetic cohort")
    press(step.view, "Table 1")
    rows = step.view.result_rows()
    dock = step.view.parent()
    assert isinstance(dock, QDockWidget)
    viewer.window.remove_dock_widget(step.view)
    assert not step.view.isVisible()
    press(step, "Open wide view")
    assert step.view.isVisible()
    assert step.view.result_rows() == rows

    for theme in ("light", "dark"):
        viewer.theme = theme
        ground = np.array(step.view.plot.figure.get_facecolor()[:3]) * 255
        assert ground == pytest.approx(get_theme(theme).background.as_rgb_tuple()[:3], abs=0.5)

    panel = step.parentWidget()
    while not hasattr(panel, "open_step"):
        panel = panel.parentWidget()
    panel.open_step(0)
    assert not step.view.isVisible()
    panel.open_step(panel.steps.index(panel.step(RegressionStep)))
    assert step.view.isVisible()


def test_saved_and_exported_files_hold_what_is_shown(step: RegressionStep, tmp_path: Path) -> None:
    assert step.load(synthetic_cohort()[["id", "age", "chi_ppb", "lesion_ml"]])
    table = step.view.cohort
    QTest.mouseClick(table.viewport(), LEFT, pos=table.visualRect(table.model().index(0, 1)).center())
    QTest.keyClick(table, Qt.Key.Key_Delete)
    assert np.isnan(step.table.loc[0, "age"])
    QTest.keyClick(table, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert step.table.loc[0, "age"] == 31.21
    QTest.keyClick(table, Qt.Key.Key_Delete)
    assert step.save(tmp_path / "mine.tsv")
    assert "not saved" not in step.count.text()
    pd.testing.assert_frame_equal(read_table(tmp_path / "mine.tsv"), step.table)
    assert step.save(tmp_path / "mine.xlsx")
    pd.testing.assert_frame_equal(read_table(tmp_path / "mine.xlsx"), step.table)
    assert not step.save(tmp_path / "mine.pdf")
    assert ".xlsx" in said()[-1]

    press(step.view, "Table 1")
    row = step.view.result_rows()[-1]
    assert step.export(tmp_path / "out")
    written = read_table(tmp_path / "out" / "table1.csv")
    assert (row[4], row[8]) == ("95", "94") == (f"{written['before_n'].iloc[-1]:g}", f"{written['after_n'].iloc[-1]:g}")
    assert float(row[5]) == pytest.approx(written["after_coefficient"].iloc[-1], abs=0.0005)
    assert (tmp_path / "out" / "report.html").stat().st_size > 10_000


def test_cells_take_numbers_words_of_the_study_and_nothing_else() -> None:
    table = pd.DataFrame({"id": ["a", "b"], "age": [40, 50], "sex": [np.nan, 1.0], "centre": ["x", None]})
    assert set_cell(table, 0, "age", "41")["age"].tolist() == [41, 50]
    assert set_cell(table, 0, "age", "41")["age"].dtype == np.int64
    assert set_cell(table, 0, "age", "41.5")["age"].tolist() == [41.5, 50.0]
    assert np.isnan(set_cell(table, 1, "age", " n/a ")["age"][1])
    assert set_cell(table, 0, "sex", "female")["sex"].tolist() == [1.0, 1.0]
    assert set_cell(table, 1, "centre", "y")["centre"].tolist() == ["x", "y"]
    assert set_cell(table, 0, "centre", "")["centre"].isna().all()
    for column, words in (("age", "4,5"), ("age", "inf"), ("age", "F"), ("sex", "perhaps"), ("id", "b"), ("id", "")):
        with pytest.raises(TableError):
            set_cell(table, 0, column, words)
    assert table["age"].tolist() == [40, 50]


def type_line(line: QLineEdit, words: str) -> None:
    line.setFocus()
    line.selectAll()
    QTest.keyClick(line, Qt.Key.Key_Delete)
    QTest.keyClicks(line, words)
    QTest.keyClick(line, Qt.Key.Key_Return)
    QApplication.processEvents()


def test_the_analysis_is_of_the_cases_that_fulfil_a_condition_and_are_not_excluded(step: RegressionStep) -> None:
    press(step, "Synthetic cohort")
    press(step.view, "Table 1")
    assert step.view.result_rows()[0][4] == "95"
    young = int((step.table["age"] <= 50).sum())
    type_line(step.view.part.condition, "age <= 50")
    assert step.view.result_rows()[0][4] == str(young)  # the table that is shown follows
    assert step.view.part.words.text() == f"95 cases, {95 - young} not with age <= 50: {young} analysed"
    first = step.table["id"].iloc[int((step.table["age"] <= 50).argmax())]
    assert step.view.part.exclude(first, "image quality")
    assert step.view.result_rows()[0][4] == str(young - 1)
    assert "1 excluded (image quality 1)" in step.view.notes.text()
    type_line(step.view.part.condition, "agee <= 50")
    assert "no column 'agee'" in said()[-1]
    assert step.view.result_rows()[0][4] == str(young - 1)
    type_line(step.view.part.condition, "")
    assert step.view.result_rows()[0][4] == "94"
    press(step.view, "Undo")
    assert step.view.result_rows()[0][4] == "95"


def test_a_column_is_derived_and_regressed(step: RegressionStep) -> None:
    press(step, "Synthetic cohort")
    assert step.view.part.derive("age_squared = age ** 2")
    np.testing.assert_allclose(step.table["age_squared"], step.table["age"] ** 2)
    assert step.cohort is not None
    assert not step.cohort.saved
    type_line(step.view.formula, "ln(lesion_ml) ~ chi_ppb + age + age_squared")
    found = fit(study_columns(step.table), "ln(lesion_ml)", ["chi_ppb", "age", "age_squared"])
    assert [row[0] for row in step.view.result_rows()][2] == "age_squared"
    shown = float(step.view.result_rows()[0][5])
    assert shown == pytest.approx(found["chi_ppb"].estimate, rel=0.05)
    assert not step.view.part.derive("id = age")
    assert "already" in said()[-1]
    assert not step.view.part.derive("age ** 2")
    assert "name = sum" in said()[-1]


def test_errors_corrections_and_odds_are_chosen(step: RegressionStep) -> None:
    press(step, "Synthetic cohort")
    choose(step, "chi_ppb", ["age", "duration"], [], log=False)
    step.view.errors.setCurrentText("robust errors (HC3)")
    step.view.correction.setCurrentText("P by Holm")
    press(step.view, "Fit")
    table = study_columns(step.table)
    found = fit(table, "chi_ppb", ["age"], errors="hc3")["age"]
    cells = step.view.result_rows()[0]
    low, high = (float(words) for words in cells[2].split(", "))
    assert (low, high) == pytest.approx((found.ci_low, found.ci_high), rel=0.02)
    assert cells[3].endswith("]")  # the corrected P in brackets
    step.view.errors.setCurrentText("usual errors")
    step.view.kind.setCurrentText("logistic")
    choose(step, "enhancing", ["chi_ppb"], ["age"], log=False)
    press(step.view, "Fit")
    odds = fit_logistic(table, "enhancing", ["chi_ppb"]).odds_ratios[0]
    assert float(step.view.result_rows()[0][1]) == pytest.approx(odds.estimate, rel=0.02)
    assert step.view.result.horizontalHeaderItem(1).text() == "Before:\nodds ratio"
    press(step.view, "Table 1")  # the study's, whatever errors are chosen, and says so
    assert step.view.result.horizontalHeaderItem(1).text() == "Before:\ncoefficient"
    assert "Errors as least squares has them" in step.view.notes.text()


def test_a_click_on_a_point_asks_for_its_case(step: RegressionStep) -> None:
    press(step, "Synthetic cohort")
    press(step.view, "Table 1")
    plot, asked = step.view.plot, []
    step.reading.case_asked.connect(asked.append)
    for kind in (
        "Fit",
        "Added variable",
        "Residuals",
        "Normal quantiles",
        "Scale and location",
        "Leverage",
        "Influence",
    ):
        plot.kind.setCurrentText(kind)
        plot.canvas.draw()
        points = next(c for c in plot.figure.axes[0].collections if isinstance(c, PathCollection))
        x, y = points.get_offset_transform().transform(points.get_offsets())[7]
        ratio = plot.canvas.device_pixel_ratio
        place = QPoint(round(x / ratio), round((plot.figure.bbox.height - y) / ratio))
        QTest.mouseClick(plot.canvas, LEFT, pos=place)
        assert asked, kind
        row = step.view.cohort.currentIndex().row()
        assert asked.pop() == step.table["id"].iloc[row]
    plot.kind.setCurrentText("All coefficients")
    assert len(plot.figure.axes[0].get_yticklabels()) >= 4


def test_a_click_on_the_ladder_takes_that_transform(step: RegressionStep) -> None:
    press(step, "Synthetic cohort")
    choose(step, "lesion_ml", ["chi_ppb"], ["age"], log=True)
    press(step.view, "Fit")
    press(step.view, "Ladder…")
    ladder = step.view.ladder
    for kind in (HISTOGRAMS, QUANTILES):
        ladder.kind.setCurrentText(kind)
        ladder.canvas.draw()
        assert len(ladder.figure.axes) == 9
    box = ladder.figure.axes[3].get_window_extent()  # the square root
    ratio = ladder.canvas.device_pixel_ratio
    x, y = (box.x0 + box.x1) / 2, ladder.figure.bbox.height - (box.y0 + box.y1) / 2
    QTest.mouseClick(ladder.canvas, LEFT, pos=QPoint(round(x / ratio), round(y / ratio)))
    assert not ladder.isVisible()
    assert "sqrt(lesion_ml) ~ chi_ppb" in step.view.notes.text()
    found = fit(study_columns(step.table), "sqrt(lesion_ml)", ["chi_ppb"])["chi_ppb"]
    assert float(step.view.result_rows()[0][1]) == pytest.approx(found.estimate, rel=0.05)


def test_the_cohort_is_described(step: RegressionStep) -> None:
    press(step, "Synthetic cohort")
    press(step.view, "Describe")
    rows = {row[0]: row for row in step.view.result_rows()}
    age = next(row for label, row in rows.items() if label.startswith("Age"))
    head = [step.view.result.horizontalHeaderItem(column).text() for column in range(9)]
    assert (head[1], head[2].strip(), head[4].strip()) == ("Mean ± SD,\nor count", "Range", "n")
    mean, sd = (float(words) for words in age[1].split(" ± "))
    assert (mean, sd) == pytest.approx((step.table["age"].mean(), step.table["age"].std()), abs=0.5)
    assert age[4] == "95"


def test_power_finds_the_missing_one(step: RegressionStep) -> None:
    press(step, "Synthetic cohort")
    press(step, "Power…")
    power = step.power
    assert power.n.value() == 95
    power.r.setValue(0.28)
    assert "power 0.788" in power.answer.text()
    power.unknown.setCurrentIndex(1)
    assert "r = 0.2841" in power.answer.text()
    power.unknown.setCurrentIndex(2)
    assert "n = 98" in power.answer.text()
    power.unknown.setCurrentIndex(0)
    power.covariates.setValue(4)
    assert "power 0.770" in power.answer.text()
    power.n.setValue(5)
    assert "can be tested from 8 cases on" in power.answer.text()
    power.close()


def test_two_readings_are_compared(step: RegressionStep, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for reader in ("anna", "ben"):
        for case, chi in enumerate((-40.0, -30.0, -28.0, -20.0, -15.0)):
            anat = tmp_path / reader / f"sub-{case}" / "anat"
            anat.mkdir(parents=True)
            record = {"id": f"sub-{case}", "values": {"chi_ppb": chi + rng.normal(), "thalamus_ml": 12 + rng.normal()}}
            (anat / f"sub-{case}_desc-measurements.json").write_text(json.dumps(record), "utf-8")
    step.compare(tmp_path / "anna", tmp_path / "ben")
    wait_until(lambda: hasattr(step, "agreement"), "the agreement")
    dialog = step.agreement
    expected = compare_readings(tmp_path / "anna", tmp_path / "ben").numbers
    shown = [dialog.numbers.item(row, 0).text() for row in range(dialog.numbers.rowCount())]
    assert shown == expected["number"].tolist()
    column = list(expected.columns).index("bias")
    assert float(dialog.numbers.item(0, column).text()) == pytest.approx(expected["bias"].iloc[0], rel=1e-3)
    dialog.numbers.setCurrentCell(1, 0)
    assert "thalamus_ml" in dialog.figure.axes[0].get_xlabel() + dialog.figure.axes[0].get_ylabel()
    dialog.export(tmp_path / "agreement.csv")
    assert read_table(tmp_path / "agreement_cases.csv")["id"].tolist() == [f"sub-{case}" for case in range(5)]
    dialog.close()
    step.compare(tmp_path / "anna", tmp_path / "nobody")
    wait_until(lambda: any("not a folder" in words for words in said()), "the refusal")


def test_measured_cases_are_collected_and_joined_with_covariates(step: RegressionStep, tmp_path: Path) -> None:
    for case in range(6):
        anat = tmp_path / "thaliron" / f"sub-0{case}" / "anat"
        anat.mkdir(parents=True)
        record = {"id": f"sub-0{case}", "values": {"chi_ppb": -30.0 + case, "lesion_ml": 1.0 + case**2}}
        (anat / f"sub-0{case}_desc-measurements.json").write_text(json.dumps(record), "utf-8")
    assert not step.join(tmp_path / "none.csv")  # there is no cohort yet
    assert step.collect(tmp_path / "thaliron")
    assert step.table["id"].tolist() == [f"sub-0{case}" for case in range(6)]
    covariates = pd.DataFrame({"participant_id": ["01", "02", "03", "04", "05", "77"], "age": [30, 31, 40, 45, 50, 60]})
    covariates.to_excel(tmp_path / "covariates.xlsx", index=False)
    assert step.join(tmp_path / "covariates.xlsx")
    assert "cases without covariates: sub-00" in said()[-1]
    assert "covariates without a measured case: 77" in said()[-1]
    assert np.isnan(step.table["age"].iloc[0])
    assert step.table["age"].iloc[1:].tolist() == [30, 31, 40, 45, 50]
    assert step.fit("chi_ppb", ["age"])
    assert step.view.result_rows()[0][4] == "5"
    assert "1 left out for missing values" in step.view.notes.text()
    step.take_back()
    assert "age" not in step.table.columns
