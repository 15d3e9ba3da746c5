"""A gradient echo written in every unit, orientation and order a scanner or program has, and read back as it was."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from nibabel.orientations import axcodes2ornt, io_orientation, ornt_transform

from thaliron_napari.errors import GridError, ImageError, MeasurementError
from thaliron_napari.imaging import choose_series, find_series, import_series
from thaliron_napari.qsm import b0_direction, recognise_phase_unit, simulate_echoes
from thaliron_napari.qsm.scan import Scan, read_scan, scan_shape

SHAPE, SPACING = (12, 20, 18), np.array([2.0, 1.1, 0.9])
TIMES = (0.004, 0.009, 0.0145, 0.019)
UNITS = ["rad", "0..4095", "-4096..4094", "mrad", "scaled"]


@dataclass(frozen=True)
class Truth:
    """Echoes (echo, z, y, x) in the program's orientation."""

    magnitude: np.ndarray
    phase: np.ndarray


def lps_affine(tilt_deg: float = 0.0) -> np.ndarray:
    """Of an array (x, y, z) in the program's orientation; RAS mm."""
    angle = np.deg2rad(tilt_deg)
    turn = np.array([[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]])
    affine = np.eye(4)
    affine[:3, :3] = turn @ np.diag([-SPACING[2], -SPACING[1], SPACING[0]])
    affine[:3, 3] = (8, 10, -11)
    return affine


@pytest.fixture(scope="module")
def truth() -> Truth:
    rng = np.random.default_rng(11)
    z, y, x = np.meshgrid(*(np.linspace(-1, 1, n) for n in SHAPE), indexing="ij")
    chi = np.where(z**2 + y**2 + x**2 < 0.2, 0.5, 0).astype(np.float32)
    signal = (200 * np.exp(-2 * (z**2 + y**2)) + 20).astype(np.float32)
    initial = (7 * y + 2 * x + z).astype(np.float32)  # some turns, so that the ends of a scanner's range are reached
    b0 = b0_direction(lps_affine()[:, [2, 1, 0, 3]])
    return Truth(*simulate_echoes(chi, signal, TIMES, 3.0, SPACING, b0, rng, initial_rad=initial, noise=0.5))


def saved(
    path: Path, data: np.ndarray, axes: str = "LPS", tilt_deg: float = 0.0, slope: float = 1, inter: float = 0
) -> Path:
    """Write (echo, z, y, x) or (z, y, x), as it is to be stored, with the file's axes running as named."""
    affine = lps_affine(tilt_deg)
    image = nib.Nifti1Image(data.transpose(*range(data.ndim)[::-1]), affine)
    image = image.as_reoriented(ornt_transform(io_orientation(affine), axcodes2ornt(axes)))
    if slope != 1:
        image.header.set_slope_inter(slope, inter)
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(image, path)
    return path


def say(image: Path, **said: Any) -> None:
    (image.parent / f"{image.name.partition('.')[0]}.json").write_text(json.dumps(said))


def as_stored(phase: np.ndarray, unit: str) -> tuple[np.ndarray, float, float]:
    """A phase as a scanner stores it, with slope and intercept."""
    bits = np.floor((phase + np.pi) / (2 * np.pi) * 4096).clip(0, 4095)
    if unit == "rad":
        return phase, 1, 0
    if unit == "0..4095":
        return bits.astype(np.uint16), 1, 0
    if unit == "-4096..4094":
        return bits.astype(np.int16), 2, -4096
    if unit == "mrad":
        return np.rint(1000 * phase).astype(np.int16), 1, 0
    return (phase * 100 / np.pi).astype(np.float32), 1, 0


def each_written(folder: Path, truth: Truth, unit: str = "rad", **how: Any) -> tuple[list[Path], list[Path]]:
    """A file an echo with its sidecar, magnitude and phase."""
    stored, slope, inter = as_stored(truth.phase, unit)
    files: tuple[list[Path], list[Path]] = ([], [])
    for n, t in enumerate(TIMES):
        files[0].append(saved(folder / f"mag{n}.nii.gz", truth.magnitude[n], **how))
        files[1].append(saved(folder / f"ph{n}.nii.gz", stored[n], slope=slope, inter=inter, **how))
        for part in files:
            say(part[n], EchoTime=t, MagneticFieldStrength=3)
    return files


def is_as(scan: Scan, truth: Truth, within_rad: float = 1e-5) -> None:
    assert scan.magnitude.dtype == scan.phase.dtype == np.float32
    assert np.allclose(scan.magnitude, truth.magnitude, rtol=1e-5, atol=0)
    assert np.abs(np.angle(np.exp(1j * (scan.phase - truth.phase)))).max() < within_rad


@pytest.mark.parametrize(("axes", "tilt_deg"), [("LPS", 0), ("RAS", 0), ("LAS", 12), ("PIR", 0), ("LIP", 0)])
@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("unit", UNITS)
def test_every_unit_and_orientation_comes_back(unit, together, axes, tilt_deg, truth: Truth, tmp_path: Path) -> None:
    if together:
        stored, slope, inter = as_stored(truth.phase, unit)
        files = (
            [saved(tmp_path / "mag.nii", truth.magnitude, axes, tilt_deg)],
            [saved(tmp_path / "ph.nii.gz", stored, axes, tilt_deg, slope, inter)],
        )
        say(files[1][0], EchoTime=list(TIMES), MagneticFieldStrength=3)
    else:
        files = each_written(tmp_path, truth, unit, axes=axes, tilt_deg=tilt_deg)
    scan = read_scan(*files)
    is_as(scan, truth, {"rad": 1e-5, "mrad": 6e-4, "scaled": 4e-3}.get(unit, 1.6e-3))
    assert scan.phase_unit == unit
    assert scan.echo_times_s == TIMES
    assert scan.field_t == 3
    assert scan.notes == ()
    assert np.allclose(scan.grid.affine, lps_affine(tilt_deg)[:, [2, 1, 0, 3]], atol=1e-5)
    assert [source.path for source in scan.sources] == [*files[0], *files[1]]
    shape, echoes, spacing = scan_shape(files[0])
    assert (shape, echoes) == (SHAPE, 4)
    assert spacing == pytest.approx(SPACING)


def test_real_and_imaginary_part_give_the_same(truth: Truth, tmp_path: Path) -> None:
    signal = truth.magnitude * np.exp(1j * truth.phase)
    real = saved(tmp_path / "re.nii", signal.real.astype(np.float32), "RAS")
    imaginary = saved(tmp_path / "im.nii", signal.imag.astype(np.float32), "RAS")
    say(imaginary, EchoTime=list(TIMES), ImagingFrequency=127.732)
    scan = read_scan(real=[real], imaginary=[imaginary])
    is_as(scan, truth, 2e-5)
    assert (scan.phase_unit, scan.notes) == ("real and imaginary", ())
    assert scan.field_t == pytest.approx(3.0, abs=1e-4)
    # GE gives a magnitude beside them, some scanners all four.
    magnitude, phase = (saved(tmp_path / f"{n}.nii", a) for n, a in (("m", truth.magnitude), ("p", truth.phase)))
    beside = read_scan([magnitude], real=[real], imaginary=[imaginary])
    is_as(beside, truth, 2e-5)
    assert beside.notes == ("the magnitude is left out",)
    every = read_scan([magnitude], [phase], [real], [imaginary], echo_times_s=TIMES, field_t=3)
    assert every.notes == ("the real part is left out", "the imaginary part is left out")
    assert every.phase_unit == "rad"
    with pytest.raises(MeasurementError, match="no values below zero"):
        read_scan(real=[magnitude], imaginary=[magnitude], echo_times_s=TIMES, field_t=3)


@pytest.mark.parametrize(("axes", "of_ours"), [("LPS", 0), ("PIR", 2), ("LIP", 1)])
def test_ges_alternating_slices_are_mended_whatever_way_they_lie(axes, of_ours, truth: Truth, tmp_path: Path) -> None:
    sign = np.ones(SHAPE, np.float32)
    np.moveaxis(sign, of_ours, 0)[1::2] = -1
    signal = truth.magnitude * np.exp(1j * truth.phase) * sign
    files = [
        saved(tmp_path / f"{n}.nii", a.astype(np.float32), axes) for n, a in (("r", signal.real), ("i", signal.imag))
    ]
    scan = read_scan(real=files[:1], imaginary=files[1:], echo_times_s=TIMES, field_t=3)
    is_as(scan, truth, 2e-5)
    assert scan.notes == ("every second slice had the opposite sign, which was put right",)
    assert np.abs(scan.phase).max() <= np.float32(np.pi) + 1e-6


def test_echoes_are_sorted_by_their_own_times(truth: Truth, tmp_path: Path) -> None:
    magnitude, phase = each_written(tmp_path, truth)
    is_as(read_scan(magnitude, [phase[n] for n in (2, 0, 3, 1)]), truth)
    is_as(read_scan([magnitude[n] for n in (3, 2, 1, 0)], [phase[n] for n in (1, 0, 3, 2)]), truth)
    for path in magnitude:  # then they follow the phase
        say(path)
    order = (3, 1, 0, 2)
    scan = read_scan([magnitude[n] for n in order], [phase[n] for n in order])
    is_as(scan, truth)
    assert scan.echo_times_s == TIMES


def test_times_and_field_by_hand_win(truth: Truth, tmp_path: Path) -> None:
    magnitude, phase = each_written(tmp_path, truth)
    say(phase[1], EchoTime="9 ms", MagneticFieldStrength=1.5)
    scan = read_scan(magnitude, phase, echo_times_s=[0.005, 0.010, 0.015, 0.020], field_t=7)
    assert scan.echo_times_s == (0.005, 0.010, 0.015, 0.020)
    assert scan.field_t == 7
    is_as(scan, truth)
    back = read_scan(magnitude[::-1], phase[::-1], echo_times_s=[0.020, 0.015, 0.010, 0.005], field_t=7)
    is_as(back, truth)
    slow = read_scan(magnitude, phase, echo_times_s=[0.1, 0.3, 0.6, 0.9], field_t=0.05)
    assert slow.echo_times_s[-1] == 0.9


@pytest.mark.parametrize(
    ("said", "field_t"),
    [
        ({"MagneticFieldStrength": 3}, 3),
        ({"MagneticFieldStrength": 3, "ImagingFrequency": 123.262}, 2.895),  # Siemens' 3 T
        ({"ImagingFrequency": 63.866}, 1.5),
        ({"MagneticFieldStrength": 3, "ImagingFrequency": 123.262e6}, 3),
        ({"MagneticFieldStrength": 3, "ImagingFrequency": 51.7}, 3),
        ({"MagneticFieldStrength": 30000, "ImagingFrequency": 127.73}, 3),
        ({"MagneticFieldStrength": 30000}, None),
        ({"MagneticFieldStrength": "3"}, None),
        ({"MagneticFieldStrength": True}, None),
        ({"MagneticFieldStrength": float("nan")}, None),
        ({"MagneticFieldStrength": 10**400}, None),
        ({}, None),
    ],
)
def test_the_field_is_told_by_the_frequency_and_else_by_its_strength(said, field_t, truth, tmp_path: Path) -> None:
    files = saved(tmp_path / "m.nii", truth.magnitude), saved(tmp_path / "p.nii", truth.phase)
    say(files[0], EchoTime=list(TIMES), **said)
    if field_t is None:
        with pytest.raises(MeasurementError, match=r"does not say the field.*--field"):
            read_scan(files[:1], files[1:])
    else:
        assert read_scan(files[:1], files[1:]).field_t == pytest.approx(field_t, abs=2e-4)


def test_what_bids_inherits_is_enough(truth: Truth, tmp_path: Path) -> None:
    anat = tmp_path / "sub-1" / "anat"
    files = {
        part: [saved(anat / f"sub-1_echo-{n}_part-{part}_MEGRE.nii.gz", echo) for n, echo in enumerate(echoes, start=1)]
        for part, echoes in (("mag", truth.magnitude), ("phase", truth.phase))
    }
    (tmp_path / "MEGRE.json").write_text('{"MagneticFieldStrength": 3}')
    for n, t in enumerate(TIMES, start=1):
        (anat / f"sub-1_echo-{n}_MEGRE.json").write_text(json.dumps({"EchoTime": t}))
    scan = read_scan(files["mag"], files["phase"][::-1])
    is_as(scan, truth)
    with pytest.raises(MeasurementError, match=r"would go with .*echo-4_part-phase.* another echo"):
        read_scan(files["mag"], files["phase"][::-1], echo_times_s=TIMES)


def test_radians_by_the_sidecar_are_believed_where_the_values_allow(truth: Truth, tmp_path: Path) -> None:
    magnitude = saved(tmp_path / "m.nii", truth.magnitude)
    little = 0.3 * truth.phase + np.float32(0.4)
    turns = np.linspace(0, 18, SHAPE[1], dtype=np.float32)  # taken out, so that they add up along y
    many = np.broadcast_to(turns[:, None], truth.phase.shape) + little
    for n, phase in enumerate((little, many)):
        path = saved(tmp_path / f"p{n}.nii", phase)
        with pytest.raises(MeasurementError, match=rf"p{n}.nii: The phase image runs from"):
            read_scan([magnitude], [path], echo_times_s=TIMES, field_t=3)
        say(path, Units="rad")
        scan = read_scan([magnitude], [path], echo_times_s=TIMES, field_t=3)
        assert np.array_equal(scan.phase, phase)
        assert scan.phase_unit == "rad"
    for unit in UNITS[1:4]:
        stored, slope, inter = as_stored(truth.phase, unit)
        path = saved(tmp_path / "wrong.nii", stored, slope=slope, inter=inter)
        say(path, Units="rad")
        scan = read_scan([magnitude], [path], echo_times_s=TIMES, field_t=3)
        is_as(scan, truth, 2e-3)
        assert scan.notes == (f"wrong.nii: its sidecar says radians, which its values ({unit}) are not",)


def test_thousandths_of_a_radian_are_not_radians_for_being_fractions(truth: Truth, tmp_path: Path) -> None:
    """As Philips scales them."""
    step = 2000 * np.pi / 4095
    stored = (np.rint(1000 * truth.phase / step) * step).astype(np.float32)
    files = saved(tmp_path / "m.nii", truth.magnitude), saved(tmp_path / "p.nii", stored)
    say(files[1], Units="rad")
    scan = read_scan(files[:1], files[1:], echo_times_s=TIMES, field_t=3)
    is_as(scan, truth, 1e-3)
    assert scan.phase_unit == "mrad"


@pytest.mark.parametrize("top", [1500, 2600, 4095])
def test_a_magnitude_of_twelve_bits_is_no_phase(top: int, tmp_path: Path) -> None:
    """A head of uneven brightness with some vessels, in air."""
    rng = np.random.default_rng(8)
    z, y, x = np.meshgrid(*(np.linspace(-1, 1, n) for n in SHAPE), indexing="ij")
    size = np.where(z**2 + y**2 + x**2 < 0.8, 0.35 + 0.2 * x, 0) + rng.rayleigh(0.01, (4, *SHAPE))
    size[:, 6, 10, 4:9] = 1
    size *= np.exp(-np.array(TIMES) / 0.04)[:, None, None, None]
    size = np.rint(size / size.max() * top).astype(np.uint16)
    path = saved(tmp_path / "m.nii", size)
    with pytest.raises(MeasurementError, match=r"m.nii: The phase image runs from"):
        read_scan([path], [path], echo_times_s=TIMES, field_t=3)


def test_a_masked_phase_is_read_with_a_note(truth: Truth, tmp_path: Path) -> None:
    phase = truth.phase.copy()
    phase[:, :, :3] = np.nan
    files = saved(tmp_path / "m.nii", truth.magnitude), saved(tmp_path / "p.nii.gz", phase)
    scan = read_scan(files[:1], files[1:], echo_times_s=TIMES, field_t=3)
    assert np.array_equal(scan.phase, np.nan_to_num(phase))
    assert scan.notes == (f"p.nii.gz: {4 * 12 * 3 * 18} voxels that are not numbers are taken as 0",)


Change = Callable[[list[Path], list[Path], Truth], dict[str, Any] | None]


def _unsaid(m: list[Path], p: list[Path], t: Truth) -> None:
    for path in (m[2], p[3]):
        path.with_name(f"{path.name.partition('.')[0]}.json").unlink()


def _say_all(**said: Any) -> Change:
    def change(m: list[Path], p: list[Path], t: Truth) -> None:
        for path in (*m, *p):
            say(path, **said)

    return change


REFUSED: dict[str, tuple[Change, type[Exception], str]] = {
    "an echo too few": (lambda m, p, t: {"phase": p[:3]}, MeasurementError, "4 echoes of the magnitude .* and 3"),
    "no phase": (lambda m, p, t: {"phase": []}, MeasurementError, "no phase .*--phase"),
    "no magnitude": (lambda m, p, t: {"magnitude": []}, MeasurementError, "no magnitude .*--magnitude"),
    "nothing": (lambda m, p, t: {"magnitude": [], "phase": []}, MeasurementError, "no phase"),
    "no imaginary part": (lambda m, p, t: {"phase": [], "real": p}, MeasurementError, "no imaginary part.*--imaginary"),
    "a sidecar missing": (_unsaid, MeasurementError, "do not say the time of each echo .*--te"),
    "one time twice": (_say_all(EchoTime=0.004), MeasurementError, "Two echoes have one echo time, 4 ms"),
    "text as time": (_say_all(EchoTime="4 ms"), MeasurementError, "mag0.nii.gz gives EchoTime as '4 ms', which is no"),
    "ms as time": (_say_all(EchoTime=4.9), MeasurementError, "which is milliseconds, and not seconds.*--te"),
    "a negative time": (_say_all(EchoTime=-0.004), MeasurementError, "no time in seconds"),
    "true as time": (_say_all(EchoTime=True), MeasurementError, "EchoTime as True, which is no time"),
    "many times of one echo": (_say_all(EchoTime=list(TIMES)), MeasurementError, "do not say the time of each echo"),
    "other times": (lambda m, p, t: say(p[0], EchoTime=0.0045), MeasurementError, "an echo time of 4 ms.* 4.5"),
    "too few times": (lambda m, p, t: {"echo_times_s": [0.1]}, MeasurementError, "4 echoes and 1 echo times.*--te"),
    "a time of 0": (lambda m, p, t: {"echo_times_s": [0.0, 0.1, 0.2, 0.3]}, MeasurementError, "not above zero"),
    "no field": (lambda m, p, t: [say(f, EchoTime=s) for f, s in zip(m + p, TIMES * 2, strict=True)] and {},
                 MeasurementError, "does not say the field"),
    "another grid": (lambda m, p, t: saved(p[2], t.phase[2], tilt_deg=2) and {}, GridError, "ph2.nii.gz .* another"),
    "phase on another grid": (lambda m, p, t: [saved(f, t.phase[0, 1:]) for f in p] and {}, GridError, "than mag0"),
    "cut off": (lambda m, p, t: p[1].write_bytes(p[1].read_bytes()[:-99]) and {}, ImageError, "ph1.nii.gz is cut off"),
    "two dimensions": (lambda m, p, t: nib.save(nib.Nifti1Image(np.ones((3, 4)), np.eye(4)), p[1]), ImageError,
                       "ph1.nii.gz has 2 dimensions"),
    "missing": (lambda m, p, t: {"phase": [*p[:3], p[3].with_name("x.nii")]}, ImageError, "There is no file"),
    "magnitude as phase": (lambda m, p, t: {"phase": m}, MeasurementError, "mag0.nii.gz: The phase image runs from"),
    "one value": (lambda m, p, t: [saved(f, np.ones(SHAPE, np.float32)) for f in p] and {}, MeasurementError,
                  "one value only"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_missing_or_does_not_belong_is_said_in_one_sentence(case: str, truth: Truth, tmp_path: Path) -> None:
    magnitude, phase = each_written(tmp_path, truth)
    change, kind, words = REFUSED[case]
    given = {"magnitude": magnitude, "phase": phase} | (change(magnitude, phase, truth) or {})
    with pytest.raises(kind, match=words) as caught:
        read_scan(**given)
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith(".")


def test_a_real_crop_of_a_gradient_echo_reads_with_its_times_by_hand(shared_data: Path) -> None:
    magnitude, phase = shared_data / "gre" / "Mag.nii", shared_data / "gre" / "Phase.nii"
    assert scan_shape([magnitude])[:2] == ((41, 51, 51), 3)
    with pytest.raises(MeasurementError, match=r"Mag.nii and Phase.nii do not say the time"):
        read_scan([magnitude], [phase])
    scan = read_scan([magnitude], [phase], echo_times_s=(0.004, 0.008, 0.012), field_t=7)
    assert scan.phase.shape == (3, 41, 51, 51)
    assert np.abs(scan.phase).max() == pytest.approx(np.pi, abs=1e-5)
    assert scan.grid.spacing == pytest.approx([1, 0.46875, 0.46875])
    for read, file in ((scan.magnitude, magnitude), (scan.phase, phase)):
        stored = scan.sources[0].grid.to_ours(nib.load(file).get_fdata()[..., 1])
        assert np.corrcoef(read[1].ravel(), stored.ravel())[0, 1] > 0.9999
    with pytest.raises(MeasurementError, match="no phase known here"):
        recognise_phase_unit(np.rint(scan.magnitude / scan.magnitude.max() * 4095))
    assert recognise_phase_unit(np.floor((scan.phase / np.pi + 1) * 2047.99)) == "0..4095"
    assert recognise_phase_unit(np.floor((scan.phase[0] / np.pi + 1) * 2047.99)) == "0..4095"


def test_a_scanners_phase_reads_as_it_was_imported_and_its_magnitude_is_no_phase(shared_data, tmp_path: Path) -> None:
    files = {}
    for folder, role in (("siemens_xa30_gre_phase", "phase"), ("ge_fieldmap", "magnitude")):
        chosen = choose_series(find_series(shared_data / "dicom" / folder))
        (files[role],) = import_series(chosen, tmp_path / folder).files[role]
    scan = read_scan([files["phase"]], [files["phase"]])  # there is no magnitude of this one
    assert scan.phase_unit == "-4096..4094"
    assert scan.echo_times_s == (0.01246,)
    assert scan.field_t == pytest.approx(2.895, abs=1e-3)
    assert np.abs(scan.phase).max() <= np.float32(np.pi)
    with pytest.raises(MeasurementError, match="no phase known here"):
        read_scan([files["magnitude"]], [files["magnitude"]])
