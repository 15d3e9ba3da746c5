"""What is missing and what is doubtful is said, and nothing is said of a sound reading."""

import numpy as np
import pytest

from thaliron_napari.case import Case, CsfCircle, lesions, open_case, thalamus
from thaliron_napari.case.csf import place_circle
from thaliron_napari.case.edits import Edit, fact_change
from thaliron_napari.imaging import read_label_map
from thaliron_napari.measurement import measure_case
from thaliron_napari.measurement.quality import missing, remarks


@pytest.fixture
def case(head) -> Case:
    """The head, wholly and well read."""
    case = open_case([head.folder], in_memory=True)
    truth = read_label_map(head.thalami).data
    for side, label in (("left", 1), ("right", 2)):
        for z in np.flatnonzero((truth == label).any(axis=(1, 2))).tolist():
            case.apply(thalamus.set_contour(case, side, z, _wider(truth[z] == label), "draw"))
        _place(case, head, side, 4.0)
    case.apply(lesions.grow(case, case.images["flair"].grid.nearest(head.seeds[0])))
    case.apply(lesions.set_state(case, 1, "accepted"))
    case.apply(lesions.set_enhancing(case, 1, False))
    case.apply(Edit("register", fact_change(case.annotations, "registration/qsm", {"matrix": np.eye(4).tolist()})))
    return case


def _wider(mask: np.ndarray) -> np.ndarray:
    """The ellipsoids hold less than 2 ml each; a real thalamus holds more."""
    return mask | np.roll(mask, 2, axis=0) | np.roll(mask, -2, axis=0)


def _upper(case: Case) -> list[int]:
    return case.annotations.keys("left")[3:]


def _place(case: Case, head, side: str, radius_mm: float, shift: int = 0) -> None:
    index = case.images["qsm"].grid.index(head.atria[side])
    case.apply(place_circle(case, side, CsfCircle((round(index[0]), index[1] + shift, index[2]), radius_mm)))


def test_nothing_is_said_of_a_sound_reading(case: Case) -> None:
    assert missing(case) == []
    assert remarks(case, measure_case(case)) == []


def test_what_was_not_read_is_named(head) -> None:
    assert missing(open_case([head.folder], in_memory=True)) == [
        "The left thalamus is not contoured.",
        "The CSF circle in the left atrium is not placed.",
        "The right thalamus is not contoured.",
        "The CSF circle in the right atrium is not placed.",
        "Lesions are not read.",
    ]
    assert missing(open_case(images={"qsm": head.qsm}, in_memory=True))[-1].startswith("There is no FLAIR")
    assert missing(open_case(images={"flair": head.flair}, in_memory=True))[0].startswith("There is no QSM")


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda c, h: [_place(c, h, "left", 1.3), _place(c, h, "right", 1.3)], "voxels only"),
        (lambda c, h: _place(c, h, "left", 4.0, shift=-12), "The left CSF circle is not on CSF"),
        (lambda c, h: _place(c, h, "left", 4.0, shift=-5), "The left CSF circle touches"),
        (lambda c, h: c.apply(thalamus.clear_slice(c, "left", c.annotations.keys("left")[2])), "not filled between"),
        (lambda c, h: [c.apply(thalamus.clear_slice(c, "left", z)) for z in _upper(c)], "in volume"),
        (lambda c, h: c.apply(lesions.set_state(c, 1, "proposed")), "1 lesion is proposed"),
        (lambda c, h: [c.undo()], "not registered"),
    ],
)  # fmt: skip
def test_what_is_doubtful_is_said(case: Case, head, spoil, sentence: str) -> None:
    spoil(case, head)
    assert [s for s in remarks(case, measure_case(case)) if sentence in s]
