"""Memory is told before it is taken, and what does not fit is refused."""

from pathlib import Path

import pytest

from thaliron_napari.errors import MeasurementError
from thaliron_napari.qsm.memory import check_memory, free_bytes, peak_bytes


def test_a_scan_that_does_not_fit_is_refused_with_both_numbers() -> None:
    with pytest.raises(MeasurementError, match=r"needs 3\.0 GiB of memory and 2\.0 GiB are free"):
        check_memory(3 * 2**30, 2 * 2**30)
    check_memory(2**30, 2**30)


def test_a_containers_limit_counts_where_it_is_less(tmp_path: Path) -> None:
    without = free_bytes(tmp_path)
    assert without > 2**20
    (tmp_path / "memory.current").write_text("1048576\n")
    (tmp_path / "memory.max").write_text("max\n")
    assert free_bytes(tmp_path) == pytest.approx(without, rel=0.2)
    (tmp_path / "memory.max").write_text("3145728\n")
    assert free_bytes(tmp_path) == 2097152
    (tmp_path / "memory.max").write_text("1000\n")
    assert free_bytes(tmp_path) == 0


def test_more_voxels_and_more_echoes_take_more() -> None:
    small = peak_bytes((60, 100, 100), 3, (1, 1, 1))
    assert peak_bytes((60, 100, 100), 6, (1, 1, 1)) - small >= 3 * 2 * 4 * 600_000
    assert (
        peak_bytes((120, 100, 100), 3, (1, 1, 1)) > small > peak_bytes((60, 100, 100), 3, (1, 1, 1), brain=(40, 60, 60))
    )
