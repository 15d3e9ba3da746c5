"""A file that cannot be used is refused in one sentence that names it, whatever is wrong with it."""

import errno
import gzip
import subprocess
import sys
import tempfile
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thaliron_napari.errors import GridError, ImageError, ThalIronError
from thaliron_napari.imaging.files import read_header, read_label_map, read_volume, write_label_map
from thaliron_napari.imaging.grid import Grid
from thaliron_napari.imaging.volume import Volume

AFFINE = np.diag([-1.0, -1.0, 2.0, 1.0])


def saved(path, data, affine=AFFINE):
    nib.save(nib.Nifti1Image(data, affine), path)
    return path


def ones(*shape):
    return np.ones(shape, np.float32)


def text(path):
    path.write_text("subject age sex\n1 34 f\n")
    return path


def cut(path):
    saved(path, np.random.default_rng(0).normal(size=(20, 20, 20)).astype(np.float32))
    path.write_bytes(path.read_bytes()[:-3000])
    return path


def one_byte_wrong(path):
    """Only gzip's checksum can tell."""
    content = nib.Nifti1Image(np.random.default_rng(0).integers(0, 99, (9, 9, 9)).astype(np.int16), AFFINE).to_bytes()
    packed = bytearray(gzip.compress(content, compresslevel=0))
    packed[len(packed) // 2] ^= 1
    path.write_bytes(packed)
    return path


def without_codes(path):
    image = nib.Nifti1Image(ones(3, 4, 5), None)
    image.header["sform_code"] = image.header["qform_code"] = 0
    nib.save(image, path)
    return path


def huge(path):
    header = nib.Nifti1Header()
    header.set_data_shape((30000, 30000, 30000))
    header.set_sform(AFFINE, 1)
    path.write_bytes(header.binaryblock + bytes(4))
    return path


def flat(path):
    content = bytearray(nib.Nifti1Image(ones(3, 4, 5), AFFINE).to_bytes())
    content[312:328] = bytes(16)  # srow_z
    path.write_bytes(content)
    return path


def empty(path):
    path.write_bytes(b"")
    return path


def colours(path):
    return saved(path, np.zeros((3, 4, 5), [("R", "u1"), ("G", "u1"), ("B", "u1")]))


def with_value(value):
    data = ones(3, 4, 5)
    data[1, 1, 1] = value
    return data


IMAGES = {
    "missing": (lambda p: p, "There is no file"),
    "a folder": (lambda p: p.mkdir() or p, "is not a file"),
    "text": (text, "is not a NIfTI or MGZ image"),
    "empty": (empty, "is not a NIfTI or MGZ image"),
    "cut off": (cut, "cut off or damaged"),
    "one byte wrong": (one_byte_wrong, "cut off or damaged"),
    "four dimensions": (lambda p: saved(p, ones(3, 4, 5, 6)), "has 4 dimensions"),
    "two dimensions": (lambda p: saved(p, ones(3, 4)), "has 2 dimensions"),
    "NaN": (lambda p: saved(p, with_value(np.nan)), "has 1 voxels that are not numbers"),
    "infinite": (lambda p: saved(p, with_value(np.inf)), "has 1 voxels that are not numbers"),
    "no codes": (without_codes, "where left and right are"),
    "huge": (huge, "its header is damaged"),
    "colours": (colours, "colours or complex"),
    "complex": (lambda p: saved(p, ones(3, 4, 5).astype(np.complex64)), "colours or complex"),
    "flat affine": (flat, "affine"),
}
LABELS = {
    "fractions": (with_value(0.5), "whole numbers"),
    "negative": (with_value(-1), "whole numbers"),
    "NaN": (with_value(np.nan), "whole numbers"),
    "too large": (with_value(3e9), "whole numbers"),
}


def said(caught, name):
    message = str(caught.value)
    assert name in message
    assert "\n" not in message
    assert message.endswith(".")


@pytest.mark.parametrize("case", IMAGES)
@pytest.mark.parametrize("read", [read_volume, read_label_map])
def test_a_bad_image_is_named(case, read, tmp_path, capfd):
    make, words = IMAGES[case]
    path = make(tmp_path / "scan.nii.gz")
    if read is read_label_map and case in ("NaN", "infinite"):
        words = "whole numbers"
    with pytest.raises(ImageError, match=words) as caught:
        read(path)
    said(caught, "scan.nii.gz")
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("case", LABELS)
def test_values_that_are_no_labels_are_refused(case, tmp_path):
    data, words = LABELS[case]
    with pytest.raises(ImageError, match=words) as caught:
        read_label_map(saved(tmp_path / "labels.nii.gz", data))
    said(caught, "labels.nii.gz")


@pytest.mark.parametrize(
    ("shape", "affine"),
    [((5, 4, 4), AFFINE), ((3, 4, 5), np.diag([-1.0, -1.0, 2.1, 1.0])), ((3, 4, 5), AFFINE + np.eye(4, k=3))],
    ids=["shape", "spacing", "origin"],
)
def test_labels_on_another_grid_are_refused(shape, affine, tmp_path):
    image = read_volume(saved(tmp_path / "image.nii.gz", ones(3, 4, 5)))
    labels = saved(tmp_path / "labels.nii.gz", np.ones(shape, np.uint8), affine)
    with pytest.raises(GridError, match="another grid") as caught:
        read_label_map(labels, like=image.grid)
    said(caught, "labels.nii.gz")


def test_a_mask_of_another_size_is_not_written(tmp_path):
    image = read_volume(saved(tmp_path / "image.nii.gz", ones(3, 4, 5)))
    with pytest.raises(GridError):
        write_label_map(tmp_path / "mask.nii.gz", np.zeros((3, 4, 5), bool), image)
    assert [p.name for p in tmp_path.iterdir()] == ["image.nii.gz"]


def test_a_write_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    grid = Grid((5, 4, 3), AFFINE[:, [2, 1, 0, 3]])
    volume = Volume(np.zeros(grid.shape, np.float32), grid)
    path = tmp_path / "mask.nii.gz"
    write_label_map(path, np.ones(grid.shape, bool), volume)
    before = path.read_bytes()

    def fail(image, name):
        Path(name).write_bytes(b"half")
        raise OSError(errno.ENOSPC, "disk full")

    monkeypatch.setattr(nib, "save", fail)
    with pytest.raises(OSError, match="disk full"):
        write_label_map(path, np.zeros(grid.shape, bool), volume)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


NUMBERS = np.arange(60, dtype=np.int16).reshape(3, 4, 5)
CONTENT = nib.Nifti1Image(NUMBERS, AFFINE).to_bytes()
SCALED = nib.Nifti1Image(NUMBERS, AFFINE, nib.Nifti1Header(endianness=">"))
SCALED.header.set_slope_inter(0.5, -3)
MGH = nib.MGHImage(NUMBERS, AFFINE).to_bytes()
KINDS = {
    "plain.nii": CONTENT,
    "packed.nii.gz": gzip.compress(CONTENT, mtime=0),
    "barely packed.nii.gz": gzip.compress(CONTENT, compresslevel=0, mtime=0),
    "second.nii": nib.Nifti2Image(NUMBERS.astype(np.int64), AFFINE, dtype=np.int64).to_bytes(),
    "scaled.nii": SCALED.to_bytes(),
    "plain.mgh": MGH,
    "packed.mgz": gzip.compress(MGH, mtime=0),
}


def read_or_refused(path):
    """Read a damaged file every way; anything but an image or one of our errors comes through."""
    for read in (read_volume, read_label_map, read_header):
        try:
            found = read(path)
        except ThalIronError as error:
            assert path.name in str(error)  # noqa: PT017
            continue
        affine = found.grid.affine
        assert np.isfinite(affine).all()
        assert read is read_header or np.isfinite(found.data).all()


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    st.sampled_from(sorted(KINDS)),
    st.lists(st.tuples(st.integers(0, 2**16), st.integers(0, 255)), max_size=6),
    st.none() | st.integers(0, 700),
)
def test_damaged_bytes_end_in_one_of_our_errors_or_in_an_image(name, changes, length):
    content = bytearray(KINDS[name])
    for place, value in changes:
        content[place % min(len(content), 560)] = value
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content[:length])
        read_or_refused(path)


@pytest.mark.parametrize("name", sorted(KINDS))
def test_every_byte_of_a_header_may_be_wrong(name, tmp_path):
    """Each byte of the header in turn, inverted."""
    packed = name.endswith("z")
    content = gzip.decompress(KINDS[name]) if packed else KINDS[name]
    path = tmp_path / name
    for place in range(min(len(content), 560)):
        wrong = bytearray(content)
        wrong[place] ^= 0xFF
        path.write_bytes(gzip.compress(bytes(wrong), 1) if packed else wrong)
        read_or_refused(path)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux tells a process's largest size there")
def test_no_damaged_real_file_takes_two_gigabytes_or_a_minute(shared_data, tmp_path):
    """In a process of its own, whose largest size the system tells; one file unpacks to gigabytes."""
    (tmp_path / "bomb.nii.gz").write_bytes(gzip.compress(CONTENT[:352], 1) + gzip.compress(bytes(2**28), 9) * 16)
    rng = np.random.default_rng(300)
    sources = [*shared_data.rglob("*_raw_*.nii.gz"), *shared_data.rglob("aseg.mgz"), *shared_data.rglob("Mag.nii")]
    for number in range(40):
        source = sources[number % len(sources)]
        content = bytearray(source.read_bytes())
        if number % 3 == 0:
            del content[rng.integers(len(content)) :]
        for _ in range(rng.integers(1, 20)):
            content[rng.integers(len(content) if number % 2 else min(len(content), 400))] = rng.integers(256)
        (tmp_path / f"{number:02}{''.join(source.suffixes)}").write_bytes(content)
    done = subprocess.run(
        [sys.executable, "-c", _READ_ALL, str(tmp_path)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    refused, largest_kb = (int(word) for word in done.stdout.split())
    assert refused >= 35
    assert largest_kb < 2 * 2**20


_READ_ALL = """
import pathlib, re, sys
from thaliron_napari.errors import ThalIronError
from thaliron_napari.imaging import read_volume
refused = 0
for path in sorted(pathlib.Path(sys.argv[1]).iterdir()):
    try:
        read_volume(path)
    except ThalIronError:
        refused += 1
# not getrusage, which begins at the size of the process that started this one
print(refused, re.search(r"VmHWM:\\s*(\\d+)", pathlib.Path("/proc/self/status").read_text())[1])
"""
