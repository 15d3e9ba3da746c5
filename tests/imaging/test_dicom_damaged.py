"""A damaged DICOM file is refused in our own words, or it reads; nothing else comes of it."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from dicom_files import Made, write_classic, write_enhanced

from thaliron_napari.errors import ThalIronError
from thaliron_napari.imaging import find_series, import_series
from thaliron_napari.imaging.dicom import converter

FILES = 100
CLEAR = Path("/proc/self/clear_refs")


def damage(content: bytes, rng: np.random.Generator) -> bytes:
    """Bytes of a file cut, flipped, overwritten or doubled, mostly in its header."""
    data = bytearray(content)
    head = min(len(data), 12_000)
    match rng.integers(6):
        case 0:
            return bytes(data[: rng.integers(1, len(data))])
        case 1:
            for _ in range(rng.integers(1, 40)):
                data[rng.integers(132, head)] ^= 1 << int(rng.integers(8))
        case 2:
            start = int(rng.integers(132, head))
            data[start : start + 8] = rng.choice([0, 255], 8).astype(np.uint8).tobytes()
        case 3:
            start = int(rng.integers(132, head))
            del data[start : start + int(rng.integers(1, 200))]
        case 4:
            start = int(rng.integers(132, head))
            data[start:start] = data[start : start + int(rng.integers(1, 400))]
        case _:
            digits = [n for n in range(132, head) if chr(data[n]) in "0123456789.-"]
            for n in rng.choice(digits, 6):
                data[n] = ord(str(rng.choice(list("0189.-e\\"))))
    return bytes(data)


def try_all(folder: Path, out: Path) -> str:
    """Convert every series that is said to be sound; how it ended."""
    try:
        found = find_series(folder)
    except ThalIronError as error:
        return str(error)
    ends = []
    for series in found:
        if series.problem:
            ends.append(series.problem)
            continue
        try:
            done = import_series({"magnitude": series}, out / series.label)
            ends.append(done.failed.get("magnitude", "converted"))
        except ThalIronError as error:
            ends.append(str(error))
    return "; ".join(ends)


CLEAR = Path("/proc/self/clear_refs")


def test_damaged_files_end_in_our_own_errors_or_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    if not CLEAR.exists():
        pytest.skip("only Linux tells the largest size of a process from a moment on")
    CLEAR.write_text("5")  # the largest size so far is forgotten
    before_kb = size_kb("VmRSS")
    monkeypatch.setattr(converter, "_PATIENCE_S", 10.0)
    made = Made("gre", kinds="MP", echoes_ms=(5.0, 10.0), shape=(8, 7, 3))
    sources = [
        write_classic(tmp_path / "classic", Made(shape=(8, 7, 4))),
        [write_enhanced(tmp_path / "enhanced", made)],
    ]
    sources.append(write_classic(tmp_path / "bare", Made(vendor="GE", shape=(8, 7, 4)), preamble=False))
    try:
        real = request.getfixturevalue("shared_data") / "dicom"
        sources += [
            sorted(p for p in folder.iterdir() if p.is_file()) for folder in sorted(real.iterdir()) if folder.is_dir()
        ]
    except pytest.skip.Exception:
        pass  # made files alone, where the real ones are not here
    rng = np.random.default_rng(11)
    ends = []
    for n in range(FILES):
        files = sources[n % len(sources)]
        folder = tmp_path / f"{n}"
        folder.mkdir()
        for path in files:
            shutil.copy(path, folder)
        victim = folder / files[int(rng.integers(len(files)))].name
        victim.chmod(0o644)
        victim.write_bytes(damage(victim.read_bytes(), rng))
        ends.append(try_all(folder, tmp_path / "out" / f"{n}"))
        shutil.rmtree(folder)
    assert any(end == "converted" for end in ends)
    assert len(set(ends)) > 10
    assert size_kb("VmHWM") - before_kb < 2**21


def size_kb(field: str) -> int:
    """A size of this process, of which the converter's is no part: that has a limit of its own."""
    found = re.search(rf"{field}:\s*(\d+)", Path("/proc/self/status").read_text())
    assert found
    return int(found[1])
