"""The edits of the thalamus step: what each changes, and what it leaves alone."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from scipy import ndimage

from thaliron_napari.case import SIDE_LABEL, SIDES, Case, Side, files, open_case, thalamus
from thaliron_napari.case.audit import check_files
from thaliron_napari.case.edits import Edit
from thaliron_napari.case.first_contour import contours_from_label_map, find_label_map
from thaliron_napari.case.veins import find_case_veins, keep_out, kept_out, let_in, record_veins, recorded_veins
from thaliron_napari.errors import AnnotationError, CaseError
from thaliron_napari.imaging import read_label_map
from thaliron_napari.measurement import measure_case


@pytest.fixture
def case(head) -> Case:
    """The head, unread."""
    return open_case([head.folder], in_memory=True)


@pytest.fixture
def filled(head, case: Case) -> Case:
    """The head with both thalami drawn on four slices and filled between."""
    keys = read_label_map(head.keys).data
    for side in SIDES:
        for z in np.flatnonzero((keys == SIDE_LABEL[side]).any(axis=(1, 2))).tolist():
            case.apply(thalamus.set_contour(case, side, z, keys[z] == SIDE_LABEL[side], "draw"))
        middle = [z for z in range(*_ends(case, side)) if z not in case.annotations.keys(side)]
        z = middle[len(middle) // 2]
        truth = read_label_map(head.thalami).data[z] == SIDE_LABEL[side]
        case.apply(thalamus.set_contour(case, side, z, truth, "draw"))
    case.apply(thalamus.fill_between(case, *SIDES))
    return case


def _ends(case: Case, side: Side) -> tuple[int, int]:
    keys = case.annotations.keys(side)
    return keys[0], keys[-1]


def _labels(case: Case) -> np.ndarray:
    return case.annotations.maps["thalami"]


def _wider(case: Case, side: Side, z: int) -> np.ndarray:
    return ndimage.binary_dilation(_labels(case)[z] == SIDE_LABEL[side], iterations=2)


def _refill(case: Case, edit: Edit) -> Edit:
    """Make an edit and what follows from it, as the window does."""
    case.apply(edit)
    made = thalamus.refill(case, thalamus.to_refill(case, edit))
    case.apply(made)
    return made


@pytest.mark.parametrize("side", SIDES)
def test_a_changed_key_fills_anew_up_to_the_keys_beside_it_and_no_further(filled: Case, side: Side) -> None:
    keys, before = filled.annotations.keys(side), _labels(filled).copy()
    for z in keys[1:-1]:
        low, high = keys[keys.index(z) - 1], keys[keys.index(z) + 1]
        _refill(filled, thalamus.set_contour(filled, side, z, _wider(filled, side, z), "nudge"))
        after = _labels(filled)
        changed = np.flatnonzero((after != before).any(axis=(1, 2)))
        assert changed.min() > low
        assert changed.max() < high
        assert set(changed) - {z}, "slices beside it follow"
        other = SIDE_LABEL["right" if side == "left" else "left"]
        np.testing.assert_array_equal(after == other, before == other)
        filled.undo()
        filled.undo()
        np.testing.assert_array_equal(_labels(filled), before)


def test_a_generated_slice_that_is_drawn_on_becomes_a_key_and_its_neighbours_follow(filled: Case) -> None:
    z = thalamus.generated(filled, "left")[0]
    mask = _wider(filled, "left", z)
    _refill(filled, thalamus.set_contour(filled, "left", z, mask, "nudge"))
    assert z in filled.annotations.keys("left")
    np.testing.assert_array_equal(_labels(filled)[z] == 1, mask)


def test_a_key_that_is_cleared_is_filled_again_from_those_beside_it(filled: Case) -> None:
    keys = filled.annotations.keys("left")
    z = keys[len(keys) // 2]
    drawn = _labels(filled)[z] == 1
    _refill(filled, thalamus.clear_slice(filled, "left", z))
    again = _labels(filled)[z] == 1
    assert z in thalamus.generated(filled, "left")
    assert 2 * (again & drawn).sum() / (again.sum() + drawn.sum()) > 0.8
    with pytest.raises(AnnotationError, match=f"Slice {z + 1} of the left thalamus is filled between slices"):
        thalamus.clear_slice(filled, "left", z)


def test_without_its_outermost_key_nothing_lies_beyond_the_next(filled: Case) -> None:
    keys, other = filled.annotations.keys("right"), _labels(filled) == 1
    _refill(filled, thalamus.clear_slice(filled, "right", keys[-1]))
    assert np.flatnonzero((_labels(filled) == 2).any(axis=(1, 2)))[-1] == keys[-2]
    np.testing.assert_array_equal(_labels(filled) == 1, other)


def test_a_new_border_is_filled_up_to(filled: Case) -> None:
    top = filled.annotations.keys("left")[-1]
    _refill(filled, thalamus.set_contour(filled, "left", top + 3, _labels(filled)[top] == 1, "draw"))
    assert (_labels(filled)[top : top + 4] == 1).any(axis=(1, 2)).all()
    assert thalamus.empty_slices(filled, "left") == []


def test_what_is_not_filled_yet_is_not_filled_by_itself(head, case: Case) -> None:
    keys = read_label_map(head.keys).data
    for z in np.flatnonzero((keys == 1).any(axis=(1, 2))).tolist():
        edit = thalamus.set_contour(case, "left", z, keys[z] == 1, "draw")
        case.apply(edit)
        assert thalamus.to_refill(case, edit) == {}


@pytest.mark.parametrize("across", [1, 2])
def test_a_stroke_on_another_plane_makes_keys_of_the_slices_it_reaches_into(filled: Case, across: int) -> None:
    before, keys = _labels(filled).copy(), filled.annotations.keys("left")
    index = int(np.argwhere(before == 1).mean(axis=0)[across].round())
    cut = np.take(before, index, axis=across) == 1
    pushed = ndimage.binary_dilation(cut, [[False, False, False], [True, True, True], [False, False, False]])
    pushed &= np.take(before, index, axis=across) != 2
    rows = np.flatnonzero((pushed != cut).any(axis=1)).tolist()
    edit = thalamus.set_on_plane(filled, "left", across, index, pushed, "nudge")
    filled.apply(edit)
    after = _labels(filled)
    np.testing.assert_array_equal(np.take(after, index, axis=across) == 1, pushed)
    np.testing.assert_array_equal(np.delete(after, index, axis=across), np.delete(before, index, axis=across))
    np.testing.assert_array_equal(after == 2, before == 2)
    assert filled.annotations.keys("left") == sorted({*keys, *rows})
    assert edit.words == f"nudge left thalamus, {('coronal', 'sagittal')[across - 1]} slice {index + 1}"
    filled.undo()
    np.testing.assert_array_equal(_labels(filled), before)
    assert filled.annotations.keys("left") == keys


def test_a_slice_emptied_on_another_plane_is_no_key(case: Case) -> None:
    shape = _labels(case).shape
    mask = np.zeros(shape[1:], bool)
    mask[30, 20] = True
    case.apply(thalamus.set_contour(case, "left", 5, mask, "draw"))
    case.apply(thalamus.set_on_plane(case, "left", 2, 20, np.zeros(shape[:2], bool), "wipe"))
    assert case.annotations.keys("left") == []
    assert not _labels(case).any()


def test_a_contour_is_copied_to_a_slice_beside_it(filled: Case) -> None:
    top = filled.annotations.keys("left")[-1]
    filled.apply(thalamus.copy_contour(filled, "left", top, top + 1))
    np.testing.assert_array_equal(_labels(filled)[top + 1] == 1, _labels(filled)[top] == 1)
    assert filled.annotations.keys("left")[-1] == top + 1
    with pytest.raises(AnnotationError, match="no left thalamus on slice 1"):
        thalamus.copy_contour(filled, "left", 0, 1)
    with pytest.raises(AnnotationError, match="outermost"):
        thalamus.copy_contour(filled, "left", top, len(_labels(filled)))


def test_a_contour_is_mirrored_onto_the_other_thalamus(head, case: Case) -> None:
    truth = read_label_map(head.thalami).data
    z = int((truth == 1).sum(axis=(1, 2)).argmax())
    case.apply(thalamus.set_contour(case, "left", z, truth[z] == 1, "draw"))
    case.apply(thalamus.mirror_contour(case, "left", z))
    mine, real = _labels(case)[z] == 2, truth[z] == 2
    assert 2 * (mine & real).sum() / (mine.sum() + real.sum()) > 0.85
    np.testing.assert_array_equal(_labels(case)[z] == 1, truth[z] == 1)
    assert case.annotations.keys("right") == [z]
    assert case.done[-1].words == f"mirror the left onto the right thalamus, slice {z + 1}"


# -- veins


@pytest.fixture
def with_veins(head) -> Case:
    """The head, with a vein of 3 mm across at the upper rim of each thalamus."""
    made = open_case([head.folder], in_memory=True)
    world = made.volume("qsm").grid.world(np.moveaxis(np.indices(made.volume("qsm").grid.shape), 0, -1))
    for x in (12, -12):
        tube = (np.hypot(world[..., 0] - x, world[..., 2] - 8) < 1.6) & (np.abs(world[..., 1] + 2) < 8)
        made.qsm_ppb[tube] = 170
    return made


def test_veins_that_are_kept_out_are_not_filled_and_no_sliver_is_left_beyond_them(head, with_veins: Case) -> None:
    case, keys = with_veins, read_label_map(head.keys).data
    for side in SIDES:
        for z in np.flatnonzero((keys == SIDE_LABEL[side]).any(axis=(1, 2))).tolist():
            case.apply(thalamus.set_contour(case, side, z, keys[z] == SIDE_LABEL[side], "draw"))
    found = find_case_veins(case)
    case.apply(keep_out(case, found))
    case.apply(thalamus.fill_between(case, *SIDES))
    veins = kept_out(case)
    assert veins is not None
    for side in SIDES:
        generated = thalamus.generated(case, side)
        mine = _labels(case) == SIDE_LABEL[side]
        assert not (mine & veins)[generated].any()
        pieces, count = ndimage.label(mine)
        drawn = case.annotations.keys(side)
        assert set(np.unique(pieces[drawn])) == set(range(count + 1)), "each piece holds something that was drawn"
        np.testing.assert_array_equal(mine[drawn], keys[drawn] == SIDE_LABEL[side])
    case.apply(let_in(case))
    assert kept_out(case) is None
    assert recorded_veins(case) is not None, "they stay part of the case"
    without = _labels(case).copy()
    case.apply(thalamus.fill_between(case, *SIDES))
    assert (_labels(case) > 0).sum() > (without > 0).sum()


def test_veins_are_recorded_saved_measured_and_taken_back(head, with_veins: Case, tmp_path: Path) -> None:
    case = open_case([head.folder], derivatives=tmp_path)
    case.qsm_ppb[:] = with_veins.qsm_ppb
    truth = read_label_map(head.thalami).data
    for side in SIDES:
        for z in np.flatnonzero((truth == SIDE_LABEL[side]).any(axis=(1, 2))).tolist():
            case.apply(thalamus.set_contour(case, side, z, truth[z] == SIDE_LABEL[side], "draw"))
    assert not any("veins" in name for name in measure_case(case).values)
    found = find_case_veins(case)
    case.apply(record_veins(case, found))
    np.testing.assert_array_equal(case.annotations.maps["veins"] != 0, found.mask)
    again = recorded_veins(case)
    assert again is not None
    assert (again.settings, again.box, again.unit) == (found.settings, found.box, found.unit)
    assert again.hold_for(case)

    values = measure_case(case).values
    without = case.qsm_ppb[(truth == 1) & ~found.mask]
    assert values["thalamus_left_veins_out_ppb"] == pytest.approx(without.mean(), abs=1e-3)
    assert values["thalamus_left_veins_in_ppb"] == pytest.approx(values["thalamus_left_mean_ppb"], abs=0.5)
    assert values["thalamus_left_veins_in_ppb"] > values["thalamus_left_veins_out_ppb"] + 3
    assert values["thalamus_veins_out_ml"] < values["thalamus_veins_in_ml"]

    name = "sub-ball_space-QSM_desc-veins_mask.nii.gz"
    written = {path.name: path for path in files.save(case)}
    assert {name, name.replace(".nii.gz", ".json")} <= set(written)
    assert check_files(case)[name]
    case.undo()
    assert "veins" not in case.annotations.facts
    assert not case.annotations.maps["veins"].any()
    files.save(case)
    assert not written[name].exists()
    assert case.close()


# -- a first contour


def _label_map(head, tmp_path: Path, labels: dict[int, int]) -> Path:
    """The thalami as another program would label them, on the FLAIR's grid."""
    truth, flair = nib.load(head.thalami), nib.load(head.flair)
    from nibabel.processing import resample_from_to

    near = resample_from_to(truth, flair, order=0)
    data = np.zeros(near.shape, np.int16)
    for own, theirs in labels.items():
        data[np.asarray(near.dataobj) == own] = theirs
    path = tmp_path / "derivatives" / "freesurfer" / "sub-ball" / "mri" / "aseg.mgz"
    path.parent.mkdir(parents=True)
    nib.save(nib.MGHImage(data, flair.affine), path)
    return path


def test_another_programs_thalami_are_brought_onto_the_qsm(head, case: Case, tmp_path: Path) -> None:
    truth = read_label_map(head.thalami).data
    masks = contours_from_label_map(case, _label_map(head, tmp_path, {1: 10, 2: 49}))
    for side in SIDES:
        mine, real = masks[side], truth == SIDE_LABEL[side]
        assert 2 * (mine & real).sum() / (mine.sum() + real.sum()) > 0.9


def test_a_label_map_without_a_thalamus_is_refused(head, case: Case, tmp_path: Path) -> None:
    with pytest.raises(CaseError, match=r"aseg\.mgz holds no right thalamus \(label 49\)"):
        contours_from_label_map(case, _label_map(head, tmp_path, {1: 10, 2: 48}))


def test_a_label_map_is_found_among_the_derivatives(head, tmp_path: Path) -> None:
    anat = tmp_path / "sub-ball" / "anat"
    anat.mkdir(parents=True)
    for file in (head.qsm, head.flair):
        (anat / file.name).write_bytes(file.read_bytes())
    (tmp_path / "dataset_description.json").write_text('{"Name": "x", "BIDSVersion": "1.9.0"}')
    made = open_case([tmp_path / "sub-ball"], in_memory=True)
    assert find_label_map(made) is None
    path = _label_map(head, tmp_path, {1: 10, 2: 49})
    assert find_label_map(made) == path
    path.write_bytes(b"damaged")
    assert find_label_map(made) is None


def test_a_proposal_is_measured_once_it_is_accepted_and_nothing_fills_it_anew(head, case: Case) -> None:
    truth = read_label_map(head.thalami).data
    case.apply(thalamus.propose(case, {side: truth == SIDE_LABEL[side] for side in SIDES}, "a click"))
    np.testing.assert_array_equal(_labels(case), truth)
    assert all(thalamus.proposed(case, side) for side in SIDES)
    assert "thalamus_ml" not in measure_case(case).values
    z = int((truth == 1).sum(axis=(1, 2)).argmax())
    edit = thalamus.set_contour(case, "left", z, _wider(case, "left", z), "nudge")
    case.apply(edit)
    assert thalamus.to_refill(case, edit) == {}
    case.apply(thalamus.accept_contours(case))
    for side in SIDES:
        slices = np.flatnonzero((_labels(case) == SIDE_LABEL[side]).any(axis=(1, 2))).tolist()
        assert case.annotations.keys(side) == slices
    assert measure_case(case).values["thalamus_right_ml"] is not None
    with pytest.raises(AnnotationError, match="left thalamus is drawn already"):
        thalamus.propose(case, {"left": truth == 1}, "a click")
    case.undo()
    assert thalamus.proposed(case, "left")
