"""Memory is told before a reconstruction starts, as this computer and its container have it."""

from pathlib import Path

import psutil
import pytest

from thaliron_napari.errors import MeasurementError
from thaliron_napari.qsm.memory import check_memory, free_bytes, peak_bytes

GIB = 2**30


def group(folder: Path, **files: object) -> None:
    """A control group as Linux shows it: `memory_max` is the file memory.max."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("memory_", "memory.", 1)).write_text(f"{text}\n")


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """Groups of the process: of version 2, and of version 1 for its memory."""
    file = tmp_path / "cgroup"
    file.write_text("12:cpu,cpuacct:/other\n4:hugetlb,memory:/job/step\n0::/user.slice/scan.scope\n")
    return file


@pytest.fixture(autouse=True)
def computer(monkeypatch: pytest.MonkeyPatch) -> None:
    """One with 8 GiB available."""
    real = psutil.virtual_memory()
    monkeypatch.setattr(psutil, "virtual_memory", lambda: real._replace(available=8 * GIB))


def test_what_will_not_fit_is_refused_in_words() -> None:
    check_memory(2 * GIB, 2 * GIB)
    with pytest.raises(MeasurementError, match=r"needs 3\.1 GiB .* and 1\.9 GiB are free; close other programs"):
        check_memory(int(3.1 * GIB), int(1.9 * GIB) + 1)
    with pytest.raises(MeasurementError, match=r"needs 2\.1 GiB .* and 1\.9 GiB"):
        check_memory(2 * GIB + 1, 2 * GIB - 1)


def test_without_a_number_it_is_what_is_free_here() -> None:
    check_memory(0)
    with pytest.raises(MeasurementError, match="memory"):
        check_memory(2**60)


def test_without_a_container_it_is_the_computers(tmp_path: Path, own: Path) -> None:
    assert free_bytes(tmp_path / "none", tmp_path / "none") == 8 * GIB
    group(tmp_path, memory_max="max", memory_current=GIB)
    assert free_bytes(tmp_path, own) == 8 * GIB
    group(tmp_path / "memory", memory_limit_in_bytes=2**63 - 4096, memory_usage_in_bytes=GIB)  # version 1's "none"
    assert free_bytes(tmp_path, own) == 8 * GIB


def test_a_containers_limit_counts_and_files_kept_in_memory_are_free(tmp_path: Path) -> None:
    group(tmp_path, memory_max=4 * GIB, memory_current=3 * GIB)
    assert free_bytes(tmp_path, tmp_path / "none") == GIB
    group(tmp_path, memory_stat=f"anon 1\nactive_file {GIB // 2}\ninactive_file {GIB}")
    assert free_bytes(tmp_path, tmp_path / "none") == 5 * GIB // 2
    group(tmp_path, memory_max=GIB)
    assert free_bytes(tmp_path, tmp_path / "none") == 0
    group(tmp_path, memory_max=64 * GIB)
    assert free_bytes(tmp_path, tmp_path / "none") == 8 * GIB


def test_version_1_has_its_own_names(tmp_path: Path) -> None:
    group(tmp_path / "memory", memory_limit_in_bytes=4 * GIB, memory_usage_in_bytes=3 * GIB)
    group(tmp_path / "memory", memory_stat=f"active_file 9\ntotal_active_file 0\ntotal_inactive_file {GIB}")
    assert free_bytes(tmp_path, tmp_path / "none") == 2 * GIB


@pytest.mark.parametrize("name", ["user.slice/scan.scope", "user.slice"])
def test_the_process_own_group_and_those_above_it_limit(tmp_path: Path, own: Path, name: str) -> None:
    group(tmp_path / name, memory_max=3 * GIB, memory_current=GIB)
    assert free_bytes(tmp_path, own) == 2 * GIB


def test_a_batch_systems_job_limits_all_its_steps(tmp_path: Path, own: Path) -> None:
    group(tmp_path / "memory" / "job", memory_limit_in_bytes=3 * GIB, memory_usage_in_bytes=GIB)
    group(tmp_path / "memory" / "other", memory_limit_in_bytes=GIB, memory_usage_in_bytes=GIB)  # not this process'
    assert free_bytes(tmp_path, own) == 2 * GIB


@pytest.mark.parametrize("text", ["", "many", "\x00", "1 2"])
def test_what_cannot_be_read_is_no_limit(tmp_path: Path, own: Path, text: str) -> None:
    group(tmp_path, memory_max=text, memory_current=GIB, memory_stat="x")
    own.write_text(text)
    assert free_bytes(tmp_path, own) == 8 * GIB


def test_more_voxels_and_more_echoes_take_more() -> None:
    small = peak_bytes((60, 100, 100), 3, (1, 1, 1))
    assert peak_bytes((60, 100, 100), 6, (1, 1, 1)) - small >= 3 * 2 * 4 * 600_000
    assert peak_bytes((120, 100, 100), 3, (1, 1, 1)) > small
    assert peak_bytes((60, 100, 100), 3, (1, 1, 1), brain=(40, 60, 60)) < small
