"""The CSF circle."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thaliron_napari.annotation import csf_roi
from thaliron_napari.errors import AnnotationError

SHAPE, SPACING = (7, 60, 50), (2.0, 0.5, 0.7)


@settings(derandomize=True, max_examples=60, deadline=None)
@given(st.floats(0, 6.4), st.floats(12, 45), st.floats(10, 38), st.floats(0.5, 4))
def test_holds_exactly_the_voxels_within_the_radius_on_one_slice(z, y, x, radius):
    roi = csf_roi(SHAPE, (z, y, x), radius, SPACING)
    slices = np.unique(np.nonzero(roi)[0])
    assert len(slices) == 1
    assert abs(slices[0] - z) <= 0.5
    rows, columns = np.indices(SHAPE[1:])
    away = np.hypot((rows - y) * 0.5, (columns - x) * 0.7)
    assert roi[slices[0]][away < radius - 1e-6].all()
    assert not roi[slices[0]][away > radius + 1e-6].any()


def test_area_is_that_of_the_circle():
    assert csf_roi(SHAPE, (3, 30, 25), 6, SPACING).sum() * 0.35 == pytest.approx(np.pi * 36, rel=0.02)


@pytest.mark.parametrize("centre", [(3, 2, 25), (3, 30, 48), (-1, 30, 25), (7, 30, 25)])
def test_a_circle_over_the_edge_is_refused(centre):
    with pytest.raises(AnnotationError, match="edge of the image"):
        csf_roi(SHAPE, centre, 3, SPACING)


def test_a_circle_between_the_voxels_is_refused():
    with pytest.raises(AnnotationError, match="holds none"):
        csf_roi(SHAPE, (3, 30.5, 25.5), 0.3, SPACING)


@pytest.mark.parametrize("radius", [0, -1, np.nan, np.inf])
def test_a_radius_that_is_none_is_refused(radius):
    with pytest.raises(AnnotationError, match="radius"):
        csf_roi(SHAPE, (3, 30, 25), radius, SPACING)
