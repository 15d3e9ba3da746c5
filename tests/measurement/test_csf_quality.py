"""What is said of CSF circles: nothing of clean ones, something of each kind of unclean one."""

from collections.abc import Iterator

import numpy as np
import pytest
from scipy import ndimage

from thaliron_napari.annotation import csf_roi
from thaliron_napari.case import CsfCircle
from thaliron_napari.errors import AnnotationError, MeasurementError
from thaliron_napari.measurement.csf_quality import CsfLimits, csf_limits, csf_remarks
from thaliron_napari.phantom import Patient, make_patient

SEEDS = (7, 23)


@pytest.fixture(scope="module", params=SEEDS)
def seen(request: pytest.FixtureRequest) -> tuple[Patient, np.ndarray, CsfLimits]:
    """A patient, the FLAIR on the grid of the QSM, and the limits of both."""
    patient = make_patient("small", request.param)
    qsm, flair = patient.images["qsm"], patient.images["flair"]
    there = np.linalg.inv(flair.affine) @ patient.truth.qsm_to_flair @ qsm.affine
    moved = ndimage.affine_transform(flair.data, there[:3, :3], there[:3, 3], output_shape=qsm.data.shape, order=1)
    return patient, moved, csf_limits(qsm.data, qsm.spacing, moved)


def _circles(patient: Patient, where: np.ndarray, radius_mm: float = 3.0, most: int = 150) -> Iterator[tuple]:
    """Circles about voxels, each with its mask's share of pure CSF."""
    qsm, truth = patient.images["qsm"], patient.truth
    pure = (truth.tissue == truth.tissue_names.index("csf")) & (np.abs(truth.chi_ppb) < 0.5)
    places = np.argwhere(where)
    for place in places[np.random.default_rng(1).permutation(len(places))[:most]]:
        centre = tuple(place.astype(float).tolist())
        mask = csf_roi(qsm.data.shape, centre, radius_mm, qsm.spacing)
        yield CsfCircle(centre, radius_mm), float(pure[mask].mean())


def _said(seen: tuple, with_flair: bool, *circles: CsfCircle, right: tuple[CsfCircle, ...] = ()) -> list[str]:
    patient, flair, limits = seen
    qsm = patient.images["qsm"]
    return csf_remarks(qsm.data, qsm.spacing, {"left": circles, "right": right}, limits, flair if with_flair else None)


def test_noise_is_that_of_the_map(seen) -> None:
    patient, _, limits = seen
    off = (patient.images["qsm"].data - patient.truth.chi_ppb)[patient.truth.csf_atria]
    assert off.std() * 0.8 < limits.noise_ppb < off.std() * 1.5
    assert limits.smooth_noise_ppb < limits.noise_ppb
    white, plexus = -49, 40
    assert white + 15 < limits.least_ppb < -10
    assert 10 < limits.most_ppb < plexus


@pytest.mark.parametrize("with_flair", [True, False])
def test_nothing_is_said_of_clean_circles(seen, with_flair: bool) -> None:
    clean = [circle for circle, share in _circles(seen[0], seen[0].truth.csf_atria) if share == 1]
    assert len(clean) > 30
    assert [words for circle in clean for words in _said(seen, with_flair, circle)] == []


def test_nothing_is_said_of_the_true_pair(seen) -> None:
    patient = seen[0]
    to_index = np.linalg.inv(patient.images["qsm"].affine)
    left, right = (to_index @ [*patient.truth.atria_mm[side], 1] for side in ("left", "right"))
    pair = [CsfCircle((float(round(c[0])), float(c[1]), float(c[2])), 3.0) for c in (left, right)]
    assert _said(seen, True, pair[0], right=(pair[1],)) == []


@pytest.mark.parametrize("with_flair", [True, False])
@pytest.mark.parametrize("kind", ["plexus", "wall", "white matter"])
def test_unclean_circles_are_named(seen, kind: str, with_flair: bool) -> None:
    truth = seen[0].truth
    if kind == "plexus":
        on = truth.tissue == truth.tissue_names.index("choroid plexus")
        circles = [circle for circle, share in _circles(seen[0], on) if share > 0.4]
    elif kind == "wall":
        circles = [circle for circle, share in _circles(seen[0], truth.csf_atria, most=400) if 0.6 < share < 0.9]
    else:
        white = truth.tissue == truth.tissue_names.index("white matter")
        circles = [circle for circle, _ in _circles(seen[0], ndimage.binary_erosion(white, iterations=3), most=40)]
    named = [bool(_said(seen, with_flair, circle)) for circle in circles]
    assert len(named) >= 15
    assert np.mean(named) > 0.85


def test_grey_matter_is_told_by_the_flair(seen) -> None:
    truth = seen[0].truth
    inner = ndimage.distance_transform_edt(truth.thalami > 0, sampling=seen[0].images["qsm"].spacing) > 3.5
    circles = [circle for circle, _ in _circles(seen[0], inner, most=40)]
    assert all(any("FLAIR" in words for words in _said(seen, True, circle)) for circle in circles)


def test_tiny_circles_are_named_and_numbered(seen) -> None:
    clean = [circle for circle, share in _circles(seen[0], seen[0].truth.csf_atria) if share == 1]
    tiny = CsfCircle(clean[1].centre, 1.5)
    assert _said(seen, True, clean[0], tiny)[0].startswith("The left CSF circle 2 holds")
    assert _said(seen, True, tiny)[0].startswith("The left CSF circle holds")


def test_sides_that_differ_are_named() -> None:
    rng = np.random.default_rng(2)
    qsm = rng.normal(0, 3, (3, 60, 60)).astype(np.float32)
    limits = CsfLimits(3.0, 1.0, -20.0, 20.0)
    left, right = CsfCircle((1.0, 30.0, 45.0), 6.0), CsfCircle((1.0, 30.0, 15.0), 6.0)
    circles = {"left": [left], "right": [right]}
    assert csf_remarks(qsm, (2, 1, 1), circles, limits) == []
    qsm[:, :, 30:] += 6
    said = csf_remarks(qsm, (2, 1, 1), circles, limits)
    assert len(said) == 1
    assert said[0].startswith("The CSF of the sides differs by more than the noise: left ")


def test_uneven_circles_are_named_though_nothing_stands_out() -> None:
    qsm = np.random.default_rng(2).normal(0, 6, (1, 60, 60)).astype(np.float32)
    circles = {"right": [CsfCircle((0.0, 30.0, 15.0), 6.0)]}
    assert csf_remarks(qsm, (2, 1, 1), circles, CsfLimits(6.0, 2.0, -20.0, 20.0)) == []
    (words,) = csf_remarks(qsm, (2, 1, 1), circles, CsfLimits(3.0, 2.0, -20.0, 20.0))
    assert "uneven: SD" in words


def test_what_cannot_be_used_is_refused() -> None:
    with pytest.raises(MeasurementError, match="too little of a brain"):
        csf_limits(np.zeros((4, 30, 30), np.float32), (2, 1, 1))
    with pytest.raises(AnnotationError, match="edge"):
        csf_remarks(
            np.zeros((4, 30, 30), np.float32),
            (2, 1, 1),
            {"left": [CsfCircle((0.0, 1.0, 1.0), 3.0)]},
            CsfLimits(3.0, 1.0, -20.0, 20.0),
        )
