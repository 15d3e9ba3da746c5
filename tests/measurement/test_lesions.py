"""Lesion volumes and places against the truth and SimpleITK."""

import json

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk

from thaliron_napari.case import lesions, open_case
from thaliron_napari.imaging import read_label_map, read_volume
from thaliron_napari.measurement import measure_case, write_lesions
from thaliron_napari.measurement.from_files import measure_files
from thaliron_napari.measurement.lesions import measure_lesions


def test_each_lesion_against_simpleitk(head) -> None:
    flair, labels = read_volume(head.flair), read_label_map(head.lesions)
    statistics = sitk.LabelIntensityStatisticsImageFilter()
    statistics.Execute(sitk.ReadImage(str(head.lesions)), sitk.ReadImage(str(head.flair)))
    measures = measure_lesions(flair.data, labels.data, labels.grid)
    assert [m.number for m in measures] == [1, 2, 3]
    for m, seed in zip(measures, head.seeds, strict=True):
        assert m.ml == pytest.approx(statistics.GetPhysicalSize(m.number) / 1000, rel=1e-5)
        assert m.mean == pytest.approx(statistics.GetMean(m.number), rel=1e-5)
        x, y, z = statistics.GetCentroid(m.number)
        assert np.allclose(m.centre_mm, (-x, -y, z), atol=1e-3)
        assert np.allclose(m.centre_mm, seed, atol=0.3)


def test_large_and_missing_numbers_are_lesions_too(head) -> None:
    flair, labels = read_volume(head.flair), read_label_map(head.lesions)
    renamed = np.array([0, 7, 2**31 - 1, 40], np.int32)[labels.data]
    plain = measure_lesions(flair.data, labels.data, labels.grid)
    measures = measure_lesions(flair.data, renamed, labels.grid)
    assert [m.number for m in measures] == [7, 40, 2**31 - 1]
    assert sorted(m.ml for m in measures) == sorted(m.ml for m in plain)


def test_totals_of_files(head, tmp_path) -> None:
    image = nib.load(head.lesions)
    data = np.asarray(image.dataobj)
    ml = (data > 0).sum() * 1.2**3 / 1000
    record, _ = measure_files(flair=head.flair, lesions=head.lesions)
    assert record.values["lesion_ml"] == pytest.approx(ml, rel=1e-5)
    assert record.values["log_lesion_ml"] == pytest.approx(np.log(ml), rel=1e-5)
    assert record.values["lesion_count"] == 3
    nib.save(nib.Nifti1Image((data > 0).astype(np.uint8), image.affine), tmp_path / "mask.nii.gz")
    assert measure_files(lesions=tmp_path / "mask.nii.gz")[0].values == record.values
    nib.save(nib.Nifti1Image(np.zeros(data.shape, np.uint8), image.affine), tmp_path / "none.nii.gz")
    none, _ = measure_files(lesions=tmp_path / "none.nii.gz")
    nothing = dict.fromkeys(("log_lesion_ml", "lesion_median_ml", "lesion_largest_ml"))
    assert none.values == {"lesion_ml": 0.0, "lesion_count": 0, **nothing}


def test_only_what_the_reader_accepted_counts(head) -> None:
    case = open_case([head.folder], in_memory=True)
    assert "lesion_ml" not in measure_case(case).values  # not read is not the same as none
    for seed in head.seeds:
        case.apply(lesions.grow(case, case.images["flair"].grid.nearest(seed)))
    proposed = measure_case(case).values
    assert (proposed["lesion_ml"], proposed["lesion_count"], proposed["lesions_proposed"]) == (0.0, 0, 3)
    case.apply(lesions.set_state(case, 1, "accepted"))
    case.apply(lesions.set_state(case, 3, "rejected"))
    values = measure_case(case).values
    voxels = (case.annotations.maps["lesions"] == 1).sum()
    assert values["lesion_ml"] == pytest.approx(voxels * 1.2**3 / 1000)
    assert (values["lesion_count"], values["lesions_proposed"], values["enhancing"]) == (1, 1, None)
    case.apply(lesions.set_enhancing(case, 3, True))
    assert measure_case(case).values["enhancing"] is None  # a rejected lesion's word does not count
    case.apply(lesions.set_enhancing(case, 1, True))
    assert measure_case(case).values["enhancing"] == 1
    assert measure_case(case).values["enhancing_count"] == 1
    case.apply(lesions.set_enhancing(case, 1, False))
    values = measure_case(case).values
    assert (values["enhancing"], values["enhancing_count"]) == (0, 0)


def test_the_table_of_lesions_says_what_was_read(head, tmp_path) -> None:
    case = open_case([], images={"flair": head.flair}, derivatives=tmp_path)
    for seed in head.seeds[:2]:
        case.apply(lesions.grow(case, case.volume("flair").grid.nearest(seed)))
    case.apply(lesions.set_state(case, 1, "accepted"))
    case.apply(lesions.set_enhancing(case, 1, True))
    header, *rows = [line.split("\t") for line in write_lesions(case).read_text("utf-8").splitlines()]
    first, second = (dict(zip(header, row, strict=True)) for row in rows)
    assert (first["state"], first["enhancing"]) == ("accepted", "1")
    assert (second["state"], second["enhancing"]) == ("proposed", "n/a")
    assert float(first["ml"]) == pytest.approx(float(measure_case(case).values["lesion_ml"]), abs=1e-4)
    assert np.allclose([float(first[axis]) for axis in ("r_mm", "a_mm", "s_mm")], head.seeds[0], atol=1.0)
    assert (first["place"], first["place_estimated"]) != ("n/a", "n/a")
    assert float(first["gap_mm"]) >= 0
    assert (first["uptake"], first["uptake_suggests"], first["grown_on"]) == ("n/a", "n/a", "flair")  # no T1
    meaning = json.loads((case.folder / f"{case.stem}_desc-lesions.json").read_text("utf-8"))
    assert list(meaning) == header
    assert meaning["ml"] == {"Description": "Volume", "Units": "ml"}


@pytest.mark.parametrize("note", ["=1+1", "+cmd", "-2", "@SUM(A1)"])
def test_no_note_is_run_by_a_spreadsheet(head, tmp_path, note: str) -> None:
    case = open_case([], images={"flair": head.flair}, derivatives=tmp_path)
    case.apply(lesions.grow(case, case.volume("flair").grid.nearest(head.seeds[0])))
    case.apply(lesions.set_note(case, 1, note))
    assert write_lesions(case).read_text("utf-8").splitlines()[1].split("\t")[-1] == f"'{note}"
