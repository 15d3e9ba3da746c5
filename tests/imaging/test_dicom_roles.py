"""What a series most likely is, from descriptions as scanners and their users write them."""

import pytest

from thaliron_napari.imaging.dicom.role import Kind, SeriesFacts, guess_series_role, preference

ORIGINAL = ("ORIGINAL", "PRIMARY", "M", "ND")
DERIVED = ("DERIVED", "SECONDARY", "OTHER")

BY_WORDS = [
    # GE
    ("SAG T2 FLAIR CUBE", {}, "flair"),
    ("Sag CUBE T2 FLAIR FS", {}, "flair"),
    ("Ax T2 FLAIR Propeller", {}, "flair"),
    ("Ax T1 FLAIR", {"inversion_ms": 800.0}, "t1"),
    ("Ax T1 FLAIR +C", {}, "t1ce"),
    ("SAG 3D BRAVO", {}, "t1"),
    ("3D Ax BRAVO +C", {}, "t1ce"),
    ("Ax 3D FSPGR IRPREP POST", {}, "t1ce"),
    ("SWAN", {"echo_times_ms": (23.0,)}, "magnitude"),
    ("Ax SWAN PHA", {}, "phase"),
    ("FILT_PHA: Ax SWAN", {}, "phase"),
    ("Ax SWAN", {"kind": "phase"}, "phase"),
    ("Min IP SWAN", {}, None),
    ("eSWAN 11 echo", {"echo_times_ms": (3.0, 6.0, 9.0)}, "magnitude"),
    ("3D ME SPGR", {"echo_times_ms": (4.0, 8.0, 12.0, 16.0)}, "magnitude"),
    ("3-Plane Loc", {}, None),
    ("3Plane Localizer SSFSE", {}, None),
    ("Ax DWI b1000", {}, None),
    ("Apparent Diffusion Coefficient (mm2/s)", {"image_type": ("DERIVED", "SECONDARY", "ADC")}, None),
    ("Ax T2 FRFSE", {}, None),
    ("MERGE T2* Ax", {}, "magnitude"),
    ("Ax 3D TOF MRA", {}, None),
    ("ASSET Calibration", {}, None),
    # Siemens
    ("t1_mprage_sag_p2_iso_Gd", {}, "t1ce"),
    ("t1_mprage_sag_p2_iso", {}, "t1"),
    ("t1_mprage_sag_p2_iso", {"has_agent": True}, "t1ce"),
    ("T1_MPRAGE_SAG_P2_1_0_ISO_KM", {}, "t1ce"),
    ("t1_mprage_nativ", {"has_agent": True}, "t1"),
    ("t1_se_tra_posterior_fossa", {}, "t1"),
    ("t1_space_sag_p2_iso post contrast", {}, "t1ce"),
    ("T1 -C", {}, "t1"),
    ("t2_space_dark-fluid", {}, "flair"),
    ("t2_space_dark-fluid_sag_p2_iso", {"image_type": ORIGINAL}, "flair"),
    ("t2_tirm_tra_dark-fluid_fs", {}, "flair"),
    ("t2_tirm_cor", {"inversion_ms": 220.0}, None),
    ("t2_tse_tra_512", {}, None),
    ("t2_fl2d_tra_hemo", {}, "magnitude"),
    ("SWI_Images", {"image_type": ("ORIGINAL", "PRIMARY", "M", "SWI", "NORM")}, "magnitude"),
    ("mIP_Images(SW)", {"image_type": ("DERIVED", "PRIMARY", "MPR", "MNIP")}, None),
    ("t2_swi_tra_p2_2mm", {"kind": "phase", "image_type": ("ORIGINAL", "PRIMARY", "P", "ND")}, "phase"),
    ("qsm_gre_6echo", {"echo_times_ms": (5.0, 10.0, 15.0, 20.0, 25.0, 30.0), "image_type": ORIGINAL}, "magnitude"),
    ("qsm_gre_6echo", {"kind": "phase", "image_type": ("ORIGINAL", "PRIMARY", "P", "ND")}, "phase"),
    ("gre_field_mapping", {"kind": "phase"}, "phase"),
    ("ep2d_diff_mddw_20_p2_ADC", {}, None),
    ("ep2d_bold_rest", {}, None),
    ("AAHead_Scout_64ch", {}, None),
    ("localizer", {}, None),
    ("t1_mprage_sag_MPR_Tra", {"image_type": ("DERIVED", "SECONDARY", "MPR")}, "t1"),
    ("t1_map", {"image_type": ("DERIVED", "PRIMARY", "M", "T1 MAP")}, None),
    ("mp2rage_INV1", {}, None),
    ("mp2rage_UNI-DEN", {}, "t1"),
    ("PhoenixZIPReport", {}, None),
    # Philips
    ("3D T1 TFE +C", {}, "t1ce"),
    ("sT1W_3D_TFE", {}, "t1"),
    ("T1W_3D_TFE_GD", {}, "t1ce"),
    ("3D_Brain_VIEW_FLAIR_SHC", {}, "flair"),
    ("WIP 3D FLAIR SENSE", {}, "flair"),
    ("SWIp", {}, "magnitude"),
    ("VenoBOLD", {}, "magnitude"),
    ("T2W_FFE", {}, "magnitude"),
    ("SmartBrain", {}, None),
    ("Survey_SHC", {}, None),
    ("T2W_TSE", {}, None),
    # susceptibility maps
    ("QSM", {"image_type": DERIVED, "is_signed": True}, "qsm"),
    ("QSM", {"image_type": ("ORIGINAL", "PRIMARY", "M"), "is_signed": True}, "qsm"),
    ("Ax QSM SWAN", {"image_type": DERIVED}, "qsm"),
    ("QSM_Chimap_ppb", {"image_type": DERIVED}, "qsm"),
    ("Susceptibility map", {"image_type": DERIVED}, "qsm"),
    ("QSM magnitude", {"image_type": ORIGINAL}, "magnitude"),
    ("QSM R2*", {"image_type": DERIVED}, None),
    ("Processed", {"unit": "ppb"}, "qsm"),
    ("Recon", {"image_type": ("DERIVED", "PRIMARY", "QSM")}, "qsm"),
]  # fmt: skip

BY_NUMBERS = [
    ({"echo_times_ms": (120.0,), "inversion_ms": 2200.0, "repetition_ms": 8000.0}, "flair"),
    ({"contrast": "FLUID_ATTENUATED"}, "flair"),
    ({"echo_times_ms": (2.9,), "inversion_ms": 900.0, "repetition_ms": 2300.0}, "t1"),
    ({"echo_times_ms": (2.9,), "inversion_ms": 900.0, "has_agent": True}, "t1ce"),
    ({"echo_times_ms": (3.0,), "repetition_ms": 8.0, "flip_deg": 12.0, "is_3d": True,
      "scanning_sequence": frozenset({"GR"})}, "t1"),
    ({"echo_times_ms": (12.0,), "repetition_ms": 500.0, "scanning_sequence": frozenset({"SE"})}, "t1"),
    ({"echo_times_ms": (5.0, 10.0, 15.0), "scanning_sequence": frozenset({"GR"})}, "magnitude"),
    ({"echo_times_ms": (20.0,), "scanning_sequence": frozenset({"GR"}), "kind": "phase"}, "phase"),
    ({"echo_times_ms": (90.0,), "repetition_ms": 5000.0, "scanning_sequence": frozenset({"SE"})}, None),
    ({"echo_times_ms": (120.0,), "inversion_ms": 2200.0, "is_diffusion": True}, None),
    ({"echo_times_ms": (70.0,), "inversion_ms": 160.0}, None),
]  # fmt: skip


@pytest.mark.parametrize(("description", "more", "role"), BY_WORDS, ids=[f"{d}-{r}" for d, _, r in BY_WORDS])
def test_the_description_says_what_a_series_is(description: str, more: dict, role: str | None) -> None:
    assert guess_series_role(SeriesFacts(description=description, **more)) == role


@pytest.mark.parametrize("kind", ["real", "imaginary"])
def test_real_and_imaginary_part_are_of_use_where_a_phase_would_be(kind: Kind) -> None:
    """GE gives them where others give a phase; of a T1 or a spin echo nobody needs them."""
    for words, more, _ in BY_WORDS:
        phase = guess_series_role(SeriesFacts(words, **{**more, "kind": "phase"}))
        found = guess_series_role(SeriesFacts(words, **{**more, "kind": kind}))
        assert found == (kind if phase == "phase" else None), words
    assert guess_series_role(SeriesFacts("SWAN", kind=kind)) == kind
    assert guess_series_role(SeriesFacts("3D ME SPGR", echo_times_ms=(4.0, 8.0, 12.0), kind=kind)) == kind
    assert guess_series_role(SeriesFacts("t1_mprage", kind=kind)) is None
    assert guess_series_role(SeriesFacts(echo_times_ms=(5.0,), scanning_sequence=frozenset({"SE"}), kind=kind)) is None


@pytest.mark.parametrize(("facts", "role"), BY_NUMBERS)
def test_numbers_say_it_where_the_words_do_not(facts: dict, role: str | None) -> None:
    assert guess_series_role(SeriesFacts(description="Brain", **facts)) == role


def test_the_protocol_and_the_sequence_speak_where_the_description_does_not() -> None:
    assert guess_series_role(SeriesFacts(description="Sag 1 mm", protocol="t2_space_dark-fluid")) == "flair"
    assert guess_series_role(SeriesFacts(sequence="*tfl3d1_16ns")) == "t1"
    assert guess_series_role(SeriesFacts(description="ADC", protocol="FLAIR")) is None


def _rank(description: str, voxel_mm3: float = 1.0, slices: int = 100, number: int = 5, **more) -> tuple:
    return preference(SeriesFacts(description=description, **more), voxel_mm3, slices, number)


BETTER = [
    (_rank("t1_mprage", 1.0, is_3d=True), _rank("t1_se_tra", 1.0)),
    (_rank("t1_mprage", 1.0, 176), _rank("t1_mprage_MPR_Cor", 0.5, 300, image_type=("DERIVED", "SECONDARY", "MPR"))),
    (_rank("FLAIR", 1.0), _rank("FLAIR", 3.0)),
    (_rank("SWAN", 2.0), _rank("gre_field_mapping", 1.0)),
    (_rank("t2_swi_tra", kind="phase"), _rank("FILT_PHA: Ax SWAN", kind="phase")),
    (_rank("qsm_gre", echo_times_ms=(5.0, 10.0, 15.0)), _rank("SWAN", 0.5, echo_times_ms=(23.0,))),
    (_rank("t1_mprage", image_type=("ORIGINAL", "PRIMARY", "M", "DIS2D")), _rank("t1_mprage", image_type=ORIGINAL)),
    (_rank("FLAIR", number=9), _rank("FLAIR", number=4)),
    (_rank("FLAIR", slices=160), _rank("FLAIR", slices=20)),
]


@pytest.mark.parametrize(("better", "worse"), BETTER)
def test_the_better_of_two_alike_wins(better: tuple, worse: tuple) -> None:
    assert better > worse
