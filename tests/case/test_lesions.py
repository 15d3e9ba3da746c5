"""The review of lesions: what each edit changes, what it leaves alone, and that all of it can be taken back."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nibabel.orientations import axcodes2ornt, io_orientation, ornt_transform

from thaliron_napari.case import Case, Edit, lesions, open_case
from thaliron_napari.case.annotations import Annotations, Lesion
from thaliron_napari.case.edits import fact_change
from thaliron_napari.case.lesion_search import find_proposals
from thaliron_napari.case.worklist import parts_of
from thaliron_napari.errors import AnnotationError, CaseError
from thaliron_napari.imaging import Grid, Volume, read_label_map, read_volume, resample, write_label_map
from thaliron_napari.measurement import measure_case, write_lesions
from thaliron_napari.measurement.lesions import measure_lesions
from thaliron_napari.measurement.quality import remarks

SHAPE = (8, 20, 24)


@pytest.fixture
def case(head) -> Case:
    """The head with its three lesions grown."""
    case = open_case([head.folder], in_memory=True)
    for seed in head.seeds:
        case.apply(lesions.grow(case, case.images["flair"].grid.nearest(seed)))
    return case


@pytest.fixture
def small() -> Case:
    """A small FLAIR with nothing on it, for shapes drawn by hand."""
    return _small()


def _small() -> Case:
    spacing = (3.0, 1.0, 1.0)
    affine = np.array([[0, 0, -spacing[2], 0], [0, -spacing[1], 0, 0], [spacing[0], 0, 0, 0], [0, 0, 0, 1.0]])
    return Case("01", {"flair": Volume(np.full(SHAPE, 100, np.float32), Grid(SHAPE, affine))})


def _put(case: Case, **boxes: tuple[slice, slice, slice]) -> np.ndarray:
    """Lesions 1, 2, ... as boxes."""
    labels = np.zeros(SHAPE, np.int32)
    for number, box in enumerate(boxes.values(), start=1):
        labels[box] = number
    case.apply(lesions.propose(case, labels, "hand"))
    return labels


def _state(case: Case) -> tuple[bytes, dict]:
    return case.annotations.maps["lesions"].tobytes(), dict(case.annotations.facts)


def _numbers(case: Case) -> list[int]:
    return [lesion.number for lesion in case.annotations.lesions()]


def test_a_seed_or_a_point_outside_is_kept_when_the_lesion_is_grown_anew(head, case: Case) -> None:
    labels, grid = case.annotations.maps["lesions"], case.images["flair"].grid
    z, y, x = grid.nearest(head.seeds[0])
    before = labels == 1
    outside = (z, y, x + 4)
    assert before[outside]
    edit = lesions.add_seed(case, 1, outside, outside=True)
    assert edit.words == "keep a point out of lesion 1"
    case.apply(edit)
    assert not labels[outside]
    assert labels[z, y, x] == 1
    assert (labels == 1).sum() < before.sum()
    kept_out = labels == 1

    edit = lesions.add_seed(case, 1, (z, y - 2, x))
    assert edit.words == "add a seed to lesion 1"
    case.apply(edit)
    lesion = case.annotations.lesion(1)
    assert (lesion.also, lesion.outside) == (((z, y - 2, x),), (outside,))
    assert not labels[outside]
    case.apply(lesions.regrow(case, 1, 0.7))
    assert not labels[outside]
    assert case.annotations.lesion(1).outside == (outside,)
    case.undo()
    case.undo()
    assert np.array_equal(labels == 1, kept_out)

    case.apply(lesions.add_seed(case, 1, outside))  # the later word is the one that holds
    assert labels[outside] == 1
    assert (case.annotations.lesion(1).also, case.annotations.lesion(1).outside) == ((outside,), ())


def test_growing_with_points_records_them(head, case: Case) -> None:
    z, y, x = case.images["flair"].grid.nearest(head.seeds[0])
    case.apply(lesions.delete(case, 1))
    also, outside = [(z, y - 2, x)], [(z, y, x + 4)]
    case.apply(lesions.grow(case, (z, y, x), also=also, outside=outside))
    lesion = case.annotations.lesion(4)
    assert (lesion.also, lesion.outside, lesion.source, lesion.note) == (tuple(also), tuple(outside), "click", "")


def test_a_further_point_leaves_what_was_painted(head, case: Case) -> None:
    labels = case.annotations.maps["lesions"]
    z, y, x = case.images["flair"].grid.nearest(head.seeds[0])
    painted = labels[z] == 1
    painted[y - 12 : y - 9, x] = True
    painted[y, x - 3] = False
    case.apply(lesions.set_on_plane(case, 1, 0, z, painted, "paint"))
    case.apply(lesions.add_seed(case, 1, (z, y, x + 4), outside=True))
    assert (labels[z, y - 12 : y - 9, x] == 1).all()
    assert labels[z, y, x - 3] == 0
    case.apply(lesions.add_seed(case, 1, (z, y - 12, x), outside=True))  # on tissue that no growth reaches
    assert not labels[z, y - 12, x]


def test_a_seed_in_another_lesion_or_a_first_seed_outside_is_refused(head, case: Case) -> None:
    grid = case.images["flair"].grid
    first, second = (grid.nearest(seed) for seed in head.seeds[:2])
    with pytest.raises(AnnotationError, match="belongs to lesion 2"):
        lesions.add_seed(case, 1, second)
    with pytest.raises(AnnotationError, match="grown from this very voxel"):
        lesions.add_seed(case, 1, first, outside=True)
    with pytest.raises(AnnotationError, match="outside of the FLAIR"):
        lesions.add_seed(case, 1, (0, 0, 9999))
    with pytest.raises(AnnotationError, match="no lesion 9"):
        lesions.add_seed(case, 9, first)


def test_merging_keeps_number_state_seeds_and_words_and_is_taken_back_in_one(case: Case) -> None:
    labels = case.annotations.maps["lesions"]
    case.apply(lesions.set_state(case, 1, "accepted"))
    case.apply(lesions.set_note(case, 1, "juxtacortical"))
    case.apply(lesions.set_note(case, 3, "new since  last year"))
    case.apply(lesions.set_enhancing(case, 3, True))
    before, was, seeds = _state(case), labels > 0, [lesion.seed for lesion in case.annotations.lesions()]
    edit = lesions.merge(case, [3, 1])
    assert edit.words == "merge lesions 1 and 3"
    case.apply(edit)
    merged = case.annotations.lesion(1)
    assert _numbers(case) == [1, 2]
    assert (merged.state, merged.enhancing, merged.seed, merged.also) == ("accepted", True, seeds[0], (seeds[2],))
    assert merged.note == "juxtacortical; new since last year"
    assert np.array_equal(labels > 0, was)
    assert not (labels == 3).any()
    case.undo()
    assert _state(case) == before
    with pytest.raises(AnnotationError, match="two at least"):
        lesions.merge(case, [2, 2])
    with pytest.raises(AnnotationError, match="no lesion 8"):
        lesions.merge(case, [2, 8])


def test_a_line_splits_a_lesion_on_all_slices_and_the_larger_part_keeps_its_number(case: Case) -> None:
    labels = case.annotations.maps["lesions"]
    case.apply(lesions.set_state(case, 2, "accepted"))
    case.apply(lesions.set_enhancing(case, 2, False))
    whole, before = labels == 2, _state(case)
    z, y, x = case.annotations.lesion(2).seed
    edit = lesions.split_by_line(case, 2, [(y - 20, x + 1.5), (y + 20, x + 1.5)], z)
    assert edit.words == f"split lesion 2, slice {z + 1}"
    case.apply(edit)
    columns = np.arange(labels.shape[2])
    assert np.array_equal(labels == 2, whole & (columns <= x + 1))
    assert np.array_equal(labels == 4, whole & (columns > x + 1))
    kept, new = case.annotations.lesion(2), case.annotations.lesion(4)
    assert (kept.seed, kept.state, new.state, new.enhancing) == ((z, y, x), "accepted", "accepted", False)
    assert labels[new.seed] == 4
    case.undo()
    assert _state(case) == before
    with pytest.raises(AnnotationError, match="does not part"):
        lesions.split_by_line(case, 2, [(y - 20, x + 20), (y + 20, x + 20)], z)
    with pytest.raises(AnnotationError, match="nothing of lesion 2 on slice 1;"):
        lesions.split_by_line(case, 2, [(y - 20, x), (y + 20, x)], 0)


def test_seeds_split_a_merged_lesion_as_it_was(case: Case) -> None:
    labels = case.annotations.maps["lesions"]
    seeds = [lesion.seed for lesion in case.annotations.lesions()]
    apart = labels.copy()
    case.apply(lesions.merge(case, [1, 2, 3]))
    case.apply(lesions.split_by_seeds(case, 1, seeds))
    assert sorted(_numbers(case)) == [1, 2, 3]
    for number, seed in enumerate(seeds, start=1):
        assert np.array_equal(labels == labels[seed], apart == number)
        assert case.annotations.lesion(int(labels[seed])).seed == seed
    with pytest.raises(AnnotationError, match="outside of lesion 1"):
        lesions.split_by_seeds(case, 1, [seeds[0], (0, 0, 0)])


def test_holes_are_filled_in_space_and_on_slices_but_not_with_another_lesion(small: Case) -> None:
    labels = small.annotations.maps["lesions"]
    wanted = np.zeros(SHAPE, np.int32)
    wanted[2:5, 4:14, 4:14] = 1
    wanted[2:5, 6, 6] = 0  # a tunnel: a hole on each slice
    wanted[3, 10, 10] = 0
    wanted[3, 8, 8] = 2
    small.apply(lesions.propose(small, wanted, "hand"))
    before = _state(small)
    small.apply(lesions.fill_holes(small, 1))
    assert (labels[2:5, 6, 6] == 1).all()
    assert labels[3, 10, 10] == 1
    assert labels[3, 8, 8] == 2
    assert (labels == 1).sum() == 3 * 10 * 10 - 1
    small.undo()
    assert _state(small) == before


def test_of_islands_the_piece_with_the_seed_stays_else_the_largest(small: Case) -> None:
    labels = small.annotations.maps["lesions"]
    wanted = np.zeros(SHAPE, np.int32)
    wanted[1:5, 2:8, 2:8] = 1
    wanted[5, 8, 8] = 1  # hangs on by a corner
    wanted[1:3, 12:18, 2:20] = 1
    small.apply(lesions.propose(small, wanted, "hand"))
    small.apply(lesions.drop_islands(small, 1))
    assert np.array_equal(labels == 1, (wanted == 1) & (np.arange(20) < 10)[:, None])
    small.undo()
    z, y, x = small.annotations.lesion(1).seed
    emptied = labels[z] == 1
    emptied[y, x] = False
    small.apply(lesions.set_on_plane(small, 1, 0, z, emptied, "wipe"))
    small.apply(lesions.drop_islands(small, 1))
    assert np.array_equal(labels == 1, (wanted == 1) & (np.arange(20) > 10)[:, None])


def test_a_lesion_that_loses_its_last_voxel_leaves_the_list_with_it(small: Case) -> None:
    labels = small.annotations.maps["lesions"]
    _put(small, one=(slice(2, 4), slice(4, 8), slice(4, 8)), two=(slice(2, 3), slice(12, 14), slice(4, 8)))
    before = _state(small)
    nothing = np.zeros(SHAPE[1:], bool)
    small.apply(lesions.set_on_plane(small, 1, 0, 2, nothing, "wipe"))
    assert _numbers(small) == [1, 2]
    edit = lesions.set_on_plane(small, 1, 0, 3, nothing, "wipe")
    assert edit.words == "wipe lesion 1, slice 4"
    small.apply(edit)
    assert _numbers(small) == [2]
    assert set(np.unique(labels)) == {0, 2}
    small.undo()
    assert _numbers(small) == [1, 2]
    small.undo()
    assert _state(small) == before
    assert (
        lesions.set_on_plane(small, 1, 2, 5, np.zeros(SHAPE[:2], bool), "paint").words
        == "paint lesion 1, sagittal slice 6"
    )
    with pytest.raises(AnnotationError, match="no lesion 7"):
        lesions.set_on_plane(small, 7, 0, 3, nothing, "paint")


def test_a_lesion_begun_by_hand_has_its_seed_in_it_and_takes_nothing_of_another(small: Case) -> None:
    labels = small.annotations.maps["lesions"]
    _put(small, one=(slice(2, 4), slice(4, 8), slice(4, 8)))
    mask = np.zeros((SHAPE[0], SHAPE[2]), bool)
    mask[2:6, 4:6] = True
    edit = lesions.begin(small, (3, 5, 5), 1, 5, mask)
    assert edit.words == "begin lesion 2, coronal slice 6"
    small.apply(edit)
    lesion = small.annotations.lesion(2)
    assert (lesion.state, labels[lesion.seed]) == ("proposed", 2)
    assert (labels == 1).sum() == 2 * 4 * 4
    assert (labels == 2).sum() == 2 * 2
    with pytest.raises(AnnotationError, match="Nothing new"):
        lesions.begin(small, (3, 5, 5), 1, 5, mask)


masks = st.sampled_from([0, 1, 2]).flatmap(
    lambda across: st.tuples(
        st.just(across),
        st.integers(0, SHAPE[across] - 1),
        st.integers(0, 2**32 - 1),
        st.floats(0, 1),
    )
)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["paint", "line", "seeds", "merge", "fill", "drop", "note"]), masks), max_size=12
    )
)
def test_no_edit_takes_another_lesions_voxels_and_undoing_all_gives_the_empty_case(steps) -> None:
    case = _small()
    labels = case.annotations.maps["lesions"]
    empty = _state(case)
    _put(
        case,
        one=(slice(1, 6), slice(2, 12), slice(2, 12)),
        two=(slice(1, 6), slice(2, 12), slice(12, 20)),
        three=(slice(6, 8), slice(12, 20), slice(2, 20)),
    )
    for what, (across, index, number, share) in steps:
        there = _numbers(case)
        if not there:
            break
        rng = np.random.default_rng(number)
        mine = there[number % len(there)]
        mask = rng.random([n for axis, n in enumerate(SHAPE) if axis != across]) < share
        inside = np.argwhere(labels == mine)
        seeds = [tuple(inside[i].tolist()) for i in rng.integers(0, len(inside), 3)]
        before = labels.copy()
        try:
            edit = {
                "paint": lambda: lesions.set_on_plane(case, mine, across, index, mask, "paint"),  # noqa: B023
                "line": lambda: lesions.split_by_line(case, mine, rng.uniform(-2, 24, (3, 2)), seeds[0][0]),  # noqa: B023
                "seeds": lambda: lesions.split_by_seeds(case, mine, seeds),  # noqa: B023
                "merge": lambda: lesions.merge(case, there[:2]),  # noqa: B023
                "fill": lambda: lesions.fill_holes(case, mine),  # noqa: B023
                "drop": lambda: lesions.drop_islands(case, mine),  # noqa: B023
                "note": lambda: lesions.set_note(case, mine, "seen"),  # noqa: B023
            }[what]()
        except AnnotationError:
            continue
        case.apply(edit)
        hers = (before != 0) & ~np.isin(before, there[:2] if what == "merge" else [mine])
        assert np.array_equal(labels[hers], before[hers])
        assert set(np.unique(labels[labels > 0]).tolist()) == set(_numbers(case))
        if what in ("line", "seeds", "merge"):
            assert np.array_equal(labels > 0, before > 0)
        if what in ("line", "seeds"):
            for new in set(_numbers(case)) - set(there) | {mine}:
                assert (labels == new).any()
    while case.undo():
        pass
    assert _state(case) == empty


def test_all_is_in_the_journal_when_the_case_is_opened_again(head, tmp_path: Path) -> None:
    case = open_case([], images={"flair": head.flair}, derivatives=tmp_path)
    z, y, x = case.images["flair"].grid.nearest(head.seeds[0])
    case.apply(lesions.grow(case, (z, y, x), also=[(z, y - 2, x)]))
    case.apply(lesions.add_seed(case, 1, (z, y, x + 4), outside=True))
    case.apply(lesions.set_note(case, 1, " thin\trim, \n ask "))
    case.apply(lesions.set_state(case, 1, "flagged"))
    case.apply(lesions.propose(case, read_label_map(head.lesions).data, "lst.nii.gz"))
    done, words = _state(case), [edit.words for edit in case.done]
    assert words[2:] == ["note on lesion 1: thin rim, ask", "flag lesion 1", "propose 2 lesions from lst.nii.gz"]
    case.close()
    again = open_case([], images={"flair": head.flair}, derivatives=tmp_path)
    assert _state(again) == done
    lesion = again.annotations.lesion(1)
    assert lesion == case.annotations.lesion(1)
    assert (lesion.note, lesion.outside, lesion.state) == ("thin rim, ask", ((z, y, x + 4),), "flagged")
    assert again.annotations.lesion(2).source == "lst.nii.gz"
    header, *rows = [line.split("\t") for line in write_lesions(again).read_text("utf-8").splitlines()]
    first, second, _ = (dict(zip(header, row, strict=True)) for row in rows)
    assert (first["state"], first["source"], first["note"]) == ("flagged", "click", "thin rim, ask")
    assert (second["source"], second["note"]) == ("lst.nii.gz", "n/a")
    again.close()


def test_a_fact_of_the_first_version_opens() -> None:
    old = {"state": "accepted", "seed": [1, 2, 3], "sensitivity": 0.4, "enhancing": None}
    assert Annotations(facts={"lesion/7": old}).lesion(7) == Lesion(7, "accepted", (1, 2, 3), 0.4)


def test_a_flagged_lesion_is_shown_as_waiting_and_not_counted(case: Case) -> None:
    labels = case.annotations.maps["lesions"]
    case.apply(lesions.set_state(case, 1, "accepted"))
    case.apply(lesions.set_state(case, 3, "accepted"))
    case.apply(lesions.set_state(case, 2, "flagged"))
    record = measure_case(case)
    ml = sorted((labels == n).sum() * 1.2**3 / 1000 for n in (1, 3))
    assert record.values["lesion_ml"] == pytest.approx(sum(ml))
    assert record.values["lesion_median_ml"] == pytest.approx(sum(ml) / 2)
    assert record.values["lesion_largest_ml"] == pytest.approx(ml[1])
    assert (record.values["lesion_count"], record.values["lesions_flagged"], record.values["lesions_proposed"]) == (
        2,
        1,
        0,
    )
    assert set(record.values) <= set(record.to_json()["dictionary"])
    assert "1 lesion is flagged but neither accepted nor rejected, and not counted." in remarks(case, record)
    assert not parts_of(case.annotations.facts, ("flair",))["lesions"]
    case.apply(lesions.set_state(case, 2, "accepted"))
    assert measure_case(case).values["lesion_count"] == 3
    assert parts_of(case.annotations.facts, ("flair",))["lesions"]
    spans = {m.number: m.slices for m in measure_lesions(case.images["flair"].data, labels, case.images["flair"].grid)}
    assert spans == {n: int((labels == n).any(axis=(1, 2)).sum()) for n in (1, 2, 3)}


def test_proposals_leave_lesions_of_the_list_and_what_is_mostly_in_one(small: Case) -> None:
    labels = small.annotations.maps["lesions"]
    _put(small, one=(slice(1, 5), slice(2, 12), slice(2, 12)))
    own = labels == 1
    found = np.zeros(SHAPE, np.int64)
    found[1:5, 2:12, 7:13] = 9  # five of six columns are in lesion 1
    found[1:5, 13:19, 2:8] = 4
    found[2:4, 2:12, 11:20] = np.where(found[2:4, 2:12, 11:20] == 9, 9, 70_000)
    found[2:4, 12, 4:8] = 70_000
    found[2:4, 11, 4:8] = 70_000  # in lesion 1
    edit = lesions.propose(small, found, "detector")
    assert edit.words == "propose 2 lesions from detector"
    small.apply(edit)
    assert np.array_equal(labels == 1, own)
    assert np.array_equal(labels == 2, found == 4)
    assert np.array_equal(labels == 3, (found == 70_000) & ~own)
    for number in (2, 3):
        lesion = small.annotations.lesion(number)
        assert (lesion.state, lesion.source, labels[lesion.seed]) == ("proposed", "detector", number)
    assert small.annotations.lesion(2).seed[1:] in {(y, x) for y in (15, 16) for x in (4, 5)}
    assert lesions.propose(small, found, "detector").changes == ()
    with pytest.raises(AnnotationError, match="another grid"):
        lesions.propose(small, found[1:], "detector")


def test_the_detector_proposes_the_lesions_that_were_not_clicked(head, tmp_path: Path) -> None:
    flair, truth = nib.load(head.flair), read_label_map(head.lesions).data
    moved = nib.Nifti1Image(np.asarray(flair.dataobj), flair.affine)  # a T1 that a registration must bring back
    moved.affine[0, 3] += 6
    nib.save(moved, tmp_path / "t1.nii.gz")
    case = open_case([], images={"flair": head.flair, "t1": tmp_path / "t1.nii.gz"}, in_memory=True)
    shift = np.eye(4)
    shift[0, 3] = 6
    case.apply(Edit("register", fact_change(case.annotations, "registration/t1", {"matrix": shift.tolist()})))
    case.apply(lesions.grow(case, case.images["flair"].grid.nearest(head.seeds[1])))
    before = _state(case)
    case.apply(lesions.propose(case, find_proposals(case), "detector"))
    labels = case.annotations.maps["lesions"]
    assert {lesion.source for lesion in case.annotations.lesions() if lesion.number > 1} <= {"detector"}
    assert _dice(labels > 0, truth > 0) > 0.8
    case.undo()
    assert _state(case) == before


def _saved(path: Path, data: np.ndarray, like: nib.Nifti1Image, axes: str, step: float | None = None) -> Path:
    """A map of another program: on the grid of an image or finer, its axes turned and flipped."""
    affine = like.affine
    if step is not None:
        shape = tuple(int(n / step) for n in data.shape)
        finer = affine @ np.diag([step, step, step, 1])
        at = np.round(np.moveaxis(np.indices(shape), 0, -1) * step).astype(int).clip(0, np.array(data.shape) - 1)
        data, affine = data[tuple(np.moveaxis(at, -1, 0))], finer
    image = nib.Nifti1Image(data, affine)
    nib.save(image.as_reoriented(ornt_transform(io_orientation(affine), axcodes2ornt(axes))), path)
    return path


def _dice(a: np.ndarray, b: np.ndarray) -> float:
    return 2 * (a & b).sum() / (a.sum() + b.sum())


@pytest.mark.parametrize("axes", ["LAS", "PIR", "ARI", "RPS"])
@pytest.mark.parametrize("kind", ["mask", "255", "probability", "numbers", "brain"])
def test_a_mask_lands_where_it_was_drawn_whatever_its_axes(head, tmp_path: Path, axes: str, kind: str) -> None:
    case = open_case([], images={"flair": head.flair}, in_memory=True)
    image = nib.load(head.lesions)
    truth = np.asarray(image.dataobj)
    data = {
        "mask": (truth > 0).astype(np.uint8),
        "255": np.where(truth > 0, 255, 0).astype(np.uint8),
        "probability": np.where(truth > 0, 0.7, 0.3).astype(np.float32),
        "numbers": np.where(truth > 0, 10 - truth, 0).astype(np.int16),
        "brain": np.select([truth > 0, np.indices(truth.shape)[0] > 30], [99, 2], 41).astype(np.int16),
    }[kind]
    data.flat[0] = data.max()  # two voxels too few
    if kind in ("numbers", "brain"):
        data.flat[0] = 0
    found = lesions.mask_as_proposals(case, _saved(tmp_path / "map.nii.gz", data, image, axes))
    ours = read_label_map(head.lesions).data
    assert np.array_equal(found > 0, ours > 0)
    if kind == "numbers":
        assert np.array_equal(found, np.where(ours > 0, 10 - ours, 0))
    case.apply(lesions.propose(case, found, "map.nii.gz"))
    assert len(_numbers(case)) == 3
    assert all((ours[case.annotations.maps["lesions"] == n] > 0).all() for n in _numbers(case))


@pytest.mark.parametrize("numbered", [False, True])
def test_a_mask_on_a_finer_grid_or_on_the_qsm_lands_where_the_registration_says(
    head, tmp_path: Path, numbered: bool
) -> None:
    case = open_case([head.folder], in_memory=True)
    image, ours = nib.load(head.lesions), read_label_map(head.lesions).data
    truth = np.asarray(image.dataobj)
    data = truth if numbered else (truth > 0).astype(np.int16)
    found = lesions.mask_as_proposals(case, _saved(tmp_path / "fine.nii.gz", data, image, "SRA", 0.5))
    assert _dice(found > 0, ours > 0) > 0.9
    assert np.unique(found).tolist() == [0, 1, 2, 3]
    if numbered:
        assert all(_dice(found == n, ours == n) > 0.9 for n in (1, 2, 3))

    # The QSM lies 8 mm to the right in its own world: a map on it must come back by as much.
    shift = np.eye(4)
    shift[0, 3] = 8.0
    matrix = fact_change(case.annotations, "registration/qsm", {"matrix": shift.tolist()})
    case.apply(Edit("register", matrix))
    qsm = case.images["qsm"]
    on_qsm = resample(Volume(ours, case.images["flair"].grid), qsm.grid, np.linalg.inv(shift), order=0)
    path = tmp_path / "on_qsm.nii.gz"
    write_label_map(path, on_qsm if numbered else on_qsm > 0, qsm)
    assert read_volume(path).grid.same_as(qsm.grid)
    found = lesions.mask_as_proposals(case, path)
    assert _dice(found > 0, ours > 0) > 0.7  # slices of 2.4 mm
    for n in (1, 2, 3):
        middle = np.argwhere(ours == n).mean(axis=0)
        mine = found == found[tuple(np.round(middle).astype(int))]
        assert np.abs(np.argwhere(mine).mean(axis=0) - middle).max() < 1


def test_a_mask_without_lesions_or_of_another_place_is_refused(head, tmp_path: Path) -> None:
    case = open_case([], images={"flair": head.flair}, in_memory=True)
    image = nib.load(head.lesions)
    truth = np.asarray(image.dataobj)
    few = np.zeros_like(truth)
    few[5, 5, 5] = 1
    for data, words in (
        (np.zeros_like(truth), "holds no lesions"),
        ((truth > 0) * np.float32(0.4), "no voxel reaches"),
        (truth * np.float32(-0.3), "no lesion mask"),
        (truth * np.float32(1.5), "no lesion mask"),
        (np.where(np.indices(truth.shape)[0] > 30, 2, 41).astype(np.int16), "holds no lesions"),
        (few, "no lesion of 3 voxels"),
    ):
        with pytest.raises(CaseError, match=words):
            lesions.mask_as_proposals(case, _saved(tmp_path / "map.nii.gz", data, image, "LAS"))
    away = nib.Nifti1Image(truth, image.affine + np.array([[0, 0, 0, 500.0], [0] * 4, [0] * 4, [0] * 4]))
    nib.save(away, tmp_path / "away.nii.gz")
    with pytest.raises(CaseError, match="lies on the FLAIR"):
        lesions.mask_as_proposals(case, tmp_path / "away.nii.gz")
