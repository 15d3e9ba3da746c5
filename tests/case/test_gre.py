"""Which files are the echoes of a gradient echo with its phase."""

from pathlib import Path

import pytest

from thaliron_napari.case.gre import GreFiles, chimap_path, find_gre


def names(paths: tuple[Path, ...]) -> list[str]:
    return [path.name for path in paths]


def test_echoes_by_bids_names_in_the_order_of_the_scan() -> None:
    files = [Path(f"sub-1_echo-{n}_part-{part}_MEGRE.nii.gz") for part in ("phase", "mag") for n in (10, 2, 1)]
    others = [Path("sub-1_T1w.nii.gz"), Path("sub-1_acq-low_part-mag_T2starw.nii.gz"), Path("sub-1_FLAIR.nii")]
    (found,) = find_gre([*files, *others])
    assert names(found.magnitude) == [f"sub-1_echo-{n}_part-mag_MEGRE.nii.gz" for n in (1, 2, 10)]
    assert names(found.phase) == [f"sub-1_echo-{n}_part-phase_MEGRE.nii.gz" for n in (1, 2, 10)]
    assert found.complete


def test_two_scans_stay_two_and_the_plainest_name_comes_first() -> None:
    files = [
        Path(f"sub-1_{acq}part-{p}_T2starw.nii.gz") for acq in ("acq-hires_", "", "run-2_") for p in ("mag", "phase")
    ]
    found = find_gre(files)
    assert [gre.first.name for gre in found] == [
        "sub-1_part-mag_T2starw.nii.gz",
        "sub-1_run-2_part-mag_T2starw.nii.gz",
        "sub-1_acq-hires_part-mag_T2starw.nii.gz",
    ]


@pytest.mark.parametrize(
    ("magnitude", "phase"),
    [
        (["Mag.nii"], ["Phase.nii"]),
        (["swan_5_e1.nii", "swan_5_e2.nii"], ["swan_5_e1_ph.nii", "swan_5_e2_ph.nii"]),
        (["GRE_magnitude_echo1.nii.gz"], ["GRE_phase_echo1.nii.gz"]),
    ],
)
def test_other_names_by_their_words(magnitude: list[str], phase: list[str]) -> None:
    others = ["FLAIR.nii", "T1.nii.gz", "brain_mask.nii", "phase_mask.nii", "unwrapped_phase.nii"]
    (found,) = find_gre(Path("case") / name for name in [*phase, *others, *magnitude])
    assert (names(found.magnitude), names(found.phase)) == (magnitude, phase)


def test_real_and_imaginary_do_and_a_magnitude_alone_does_not() -> None:
    (found,) = find_gre([Path("gre_e1_real.nii"), Path("gre_e1_imaginary.nii")])
    assert found.complete
    assert find_gre([Path("sub-1_part-mag_T2starw.nii"), Path("Mag.nii"), Path("FLAIR.nii")]) == []


def test_the_map_goes_where_opening_looks_for_it(tmp_path: Path) -> None:
    anat = tmp_path / "sub-7" / "ses-2" / "anat"
    anat.mkdir(parents=True)
    gre = GreFiles((anat / "sub-7_ses-2_acq-a_echo-1_part-mag_MEGRE.nii.gz",), (anat / "p.nii",))
    there = tmp_path / "derivatives" / "qsm-thaliron" / "sub-7" / "ses-2" / "anat"
    assert chimap_path(gre) == there / "sub-7_ses-2_acq-a_Chimap.nii.gz"
    assert chimap_path(gre, "tkd") == there / "sub-7_ses-2_acq-a_desc-tkd_Chimap.nii.gz"
