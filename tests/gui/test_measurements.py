"""The step Measurements by its buttons: what is exported, copied and shown is what is measured."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from qtpy.QtWidgets import QApplication, QPushButton

from thaliron_napari.case import SIDES, Case, CsfCircle, lesions, thalamus
from thaliron_napari.case.csf import place_circle
from thaliron_napari.cohort import read_table
from thaliron_napari.imaging import write_label_map
from thaliron_napari.measurement import measure_case
from thaliron_napari.viewer.hand import Hand
from thaliron_napari.viewer.panel import Panel
from thaliron_napari.viewer.phantom_case import learn
from thaliron_napari.viewer.scripted_reader import wait_until
from thaliron_napari.viewer.steps.measurements import MeasurementStep

DIALOGS = "thaliron_napari.viewer.steps.measurements.QFileDialog"


@pytest.fixture
def step(panel: Panel, phantom_case: Case) -> MeasurementStep:
    """The step on a case that was read: both thalami, both circles, two lesions."""
    known = learn(phantom_case)
    for side, label in (("left", 1), ("right", 2)):
        for z in np.flatnonzero((known.thalami == label).any(axis=(1, 2))).tolist():
            phantom_case.apply(thalamus.set_contour(phantom_case, side, z, known.thalami[z] == label, "draw"))
    for side in SIDES:
        z, y, x = known.atria[side]
        phantom_case.apply(place_circle(phantom_case, side, CsfCircle((round(z), y, x), 3.0)))
    for number, (index, _) in enumerate(known.lesions[:2], start=1):
        phantom_case.apply(lesions.grow(phantom_case, index))
        phantom_case.apply(lesions.set_state(phantom_case, number, "accepted"))
    panel.open_step(next(i for i, step in enumerate(panel.steps) if isinstance(step, MeasurementStep)))
    return panel.step(MeasurementStep)


@pytest.fixture
def press(panel: Panel, step: MeasurementStep) -> Callable[[str], None]:
    hand = Hand(panel.reading.viewer, panel)

    def press(words: str) -> None:
        hand.press(next(b for b in step.findChildren(QPushButton) if b.text() == words))

    return press


def shown(step: MeasurementStep) -> dict[str, str]:
    return {step.numbers.item(r, 0).text(): step.numbers.item(r, 1).text() for r in range(step.numbers.rowCount())}


def chosen(monkeypatch: pytest.MonkeyPatch, dialog: str, *answers: Path) -> None:
    left = list(answers)
    answer = (lambda *_a: str(left.pop(0))) if dialog == "getExistingDirectory" else lambda *_a: (str(left.pop(0)), "")
    monkeypatch.setattr(f"{DIALOGS}.{dialog}", answer)


@pytest.mark.parametrize("suffix", [".csv", ".xlsx", ".dta"])
def test_the_exported_table_holds_what_is_shown(
    phantom_case: Case, step: MeasurementStep, press, monkeypatch, tmp_path: Path, suffix: str
) -> None:
    chosen(monkeypatch, "getSaveFileName", tmp_path / f"numbers{suffix}")
    press("Export…")
    (row,) = read_table(tmp_path / f"numbers{suffix}").to_dict("records")
    assert row.pop("id") == phantom_case.name
    assert list(row) == list(shown(step)) == list(measure_case(phantom_case).values)
    for name, words in shown(step).items():
        assert np.isnan(row[name]) if words == "" else row[name] == pytest.approx(float(words), abs=1e-3)


def test_the_reverse_is_an_option_with_a_name_of_its_own(phantom_case: Case, step: MeasurementStep, press) -> None:
    before = shown(step)
    assert "csf_minus_thalamus_ppb" not in before
    step.reverse.click()
    after = shown(step)
    assert float(after["csf_minus_thalamus_ppb"]) == -float(before["chi_ppb"])
    assert after["chi_ppb"] == before["chi_ppb"]
    press("Copy")
    names, values = QApplication.clipboard().text().strip().splitlines()
    assert names.split("\t") == ["id", *after]
    copied = dict(zip(names.split("\t"), values.split("\t"), strict=True))
    assert float(copied["csf_minus_thalamus_ppb"]) == pytest.approx(-float(before["chi_ppb"]), abs=1e-3)


def test_lesions_are_exported_one_a_row(step: MeasurementStep, press, monkeypatch, tmp_path: Path) -> None:
    chosen(monkeypatch, "getSaveFileName", tmp_path / "lesions.xlsx")
    press("Lesions…")
    wait_until((tmp_path / "lesions.xlsx").exists, "the table")
    table = pd.read_excel(tmp_path / "lesions.xlsx", sheet_name="data")
    assert table["number"].tolist() == [1, 2]
    assert table["state"].tolist() == ["accepted", "accepted"]
    assert table["place"].notna().all()


def test_structures_of_a_label_map_are_measured_as_the_thalami_are(
    phantom_case: Case, step: MeasurementStep, press, monkeypatch, tmp_path: Path
) -> None:
    write_label_map(tmp_path / "x_dseg.nii.gz", phantom_case.annotations.maps["thalami"], phantom_case.images["qsm"])
    (tmp_path / "x_dseg.tsv").write_text("index\tname\n1\tone\n2\tother\n", "utf-8")
    chosen(monkeypatch, "getOpenFileName", tmp_path / "x_dseg.nii.gz")
    press("Others…")
    wait_until(lambda: hasattr(step, "shown_structures"), "the structures")
    dialog = step.shown_structures
    rows = [[dialog.table.item(r, c).text() for c in range(3)] for r in range(2)]
    values = measure_case(phantom_case).values
    assert rows == [
        ["1", "one", f"{values['chi_left_ppb']:.2f}"],
        ["2", "other", f"{values['chi_right_ppb']:.2f}"],
    ]
    dialog.export(tmp_path / "structures.csv")
    assert read_table(tmp_path / "structures.csv")["structure"].tolist() == ["one", "other"]
    dialog.copy()
    assert QApplication.clipboard().text().splitlines()[0].split("\t")[:3] == ["label", "structure", "chi_ppb"]
    dialog.close()


def test_figures_and_report_are_written_beside_the_window(
    step: MeasurementStep, press, monkeypatch, tmp_path: Path, told
) -> None:
    chosen(monkeypatch, "getExistingDirectory", tmp_path / "figures")
    press("Figures…")
    assert not step.figures_button.isEnabled()
    wait_until(lambda: step.figures_button.isEnabled(), "the figures")
    assert len(list((tmp_path / "figures").glob("*.png"))) >= 3
    assert "figures written" in told()[-1]
    chosen(monkeypatch, "getSaveFileName", tmp_path / "report.html")
    press("Report…")
    wait_until(lambda: step.report_button.isEnabled(), "the report")
    assert "Relative susceptibility" in (tmp_path / "report.html").read_text("utf-8")


def test_without_the_patients_dicom_there_are_words(
    step: MeasurementStep, press, monkeypatch, tmp_path: Path, told
) -> None:
    chosen(monkeypatch, "getExistingDirectory", tmp_path, tmp_path / "out")
    press("DICOM…")
    wait_until(lambda: step.dicom_button.isEnabled(), "the answer")
    assert "DICOM" in told()[-1]
    assert not (tmp_path / "out").exists()
