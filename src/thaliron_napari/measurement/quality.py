"""What a reader should look at again before trusting the numbers of a case, in words."""

from thaliron_napari.case import SIDE_LABEL, SIDES, Case
from thaliron_napari.case.thalamus import empty_slices, proposed
from thaliron_napari.measurement.csf_check import check_circles
from thaliron_napari.measurement.morphometry.of_case import morphometry_of_case
from thaliron_napari.measurement.record import Record

# Limits beyond which a sentence is said. They are wide: a remark that is always there is not read.
_SIDES_DIFFER_PPB = 15.0
_SIDES_DIFFER_SHARE = 0.25
_VOLUME_ML = (2.0, 12.0)
"""Of one thalamus; the two together are some 8 to 20 ml in adults."""


def missing(case: Case) -> list[str]:
    """What was not read, one sentence each: a number that is absent is absent for one of these."""
    notes, said = case.annotations, []
    if "qsm" not in case.images:
        said.append("There is no QSM: no susceptibility, no thalamic volume.")
    else:
        for side in SIDES:
            if not (notes.maps["thalami"] == SIDE_LABEL[side]).any():
                said.append(f"The {side} thalamus is not contoured.")
            elif proposed(case, side):
                said.append(f"The {side} thalamus is proposed but not accepted, and not measured.")
            if notes.csf(side) is None:
                said.append(f"The CSF circle in the {side} atrium is not placed.")
    if "flair" not in case.images:
        said.append("There is no FLAIR: no lesions.")
    else:
        lesions = list(notes.lesions())
        accepted = [lesion for lesion in lesions if lesion.state == "accepted"]
        if not lesions:
            said.append("Lesions are not read.")
        elif all(lesion.enhancing is None for lesion in accepted):
            without = "" if "t1ce" in case.images else " (there is no T1 after gadolinium)"
            said.append(f"No lesion is judged for enhancement{without}.")
    return said


def remarks(case: Case, record: Record) -> list[str]:
    """What speaks against trusting the numbers unseen, one sentence each; empty where nothing does."""
    values = {name: float(v) for name, v in record.values.items() if isinstance(v, int | float)}
    drawn = [*_on_thalami(case, values), *_on_csf(case, values), *_on_lesions(case)]
    return [*drawn, *_on_images(case), *_on_morphometry(case)]


def _on_thalami(case: Case, values: dict[str, float]) -> list[str]:
    said = []
    if "qsm" in case.images:
        for side in SIDES:
            empty = empty_slices(case, side)
            if empty:
                slices = ", ".join(str(z + 1) for z in empty[:5]) + (", ..." if len(empty) > 5 else "")
                said.append(f"The {side} thalamus is not filled between its contours (slices {slices}).")
            volume = values.get(f"thalamus_{side}_ml")
            if volume is not None and not _VOLUME_ML[0] <= volume <= _VOLUME_ML[1]:
                said.append(f"The {side} thalamus has an unusual volume ({volume:.1f} ml).")
    left, right = values.get("thalamus_left_ml"), values.get("thalamus_right_ml")
    if left is not None and right is not None and abs(left - right) > _SIDES_DIFFER_SHARE * max(left, right):
        said.append(f"The thalami differ in volume: left {left:.2f} ml, right {right:.2f} ml.")
    left, right = values.get("thalamus_left_mean_ppb"), values.get("thalamus_right_mean_ppb")
    if left is not None and right is not None and abs(left - right) > _SIDES_DIFFER_PPB:
        said.append(f"The thalami differ in susceptibility: left {left:.1f} ppb, right {right:.1f} ppb.")
    return said


def _on_csf(case: Case, values: dict[str, float]) -> list[str]:
    if "qsm" not in case.images:
        return []
    said = check_circles(case)
    left, right = values.get("csf_left_ppb"), values.get("csf_right_ppb")
    if "csf_n" in values and (left is None) != (right is None):
        said.append(f"CSF is measured on the {'left' if right is None else 'right'} side only.")
    return said


def _on_lesions(case: Case) -> list[str]:
    said = []
    for state in ("proposed", "flagged"):
        count = sum(lesion.state == state for lesion in case.annotations.lesions())
        if count:
            are = "lesion is" if count == 1 else "lesions are"
            said.append(f"{count} {are} {state} but neither accepted nor rejected, and not counted.")
    return said


def _on_images(case: Case) -> list[str]:
    if "qsm" not in case.images or "flair" not in case.images:
        return []
    fact = case.annotations.facts.get("registration/qsm")
    if fact is None:
        return ["QSM and FLAIR are shown together by the scanner's geometry; they were not registered."]
    return [f"Registration: {sentence}" for sentence in fact.get("warnings", ())]


def _on_morphometry(case: Case) -> list[str]:
    found = morphometry_of_case(case)
    if found.refused:
        return [f"Morphometry cannot be read: {found.refused}"]
    if not found.is_as_checked:
        return ["Morphometry was checked by eye, but its files are others now."]
    return ["Morphometry is not checked by eye."] if found.results and found.checked_by is None else []
