"""What each number of a record is, in which unit."""

from collections.abc import Iterable, Mapping
from typing import Any

from thaliron_napari.measurement.morphometry.numbers import ANTS_NUMBERS, NUMBERS

# Name: (description, unit). Every table the program writes takes its header's meanings from here.
_NUMBERS: dict[str, tuple[str, str]] = {
    "chi_ppb": ("Relative susceptibility: mean of both thalami minus mean of the CSF ROIs", "ppb"),
    "chi_left_ppb": ("Relative susceptibility of the left thalamus: its mean minus the mean of the CSF ROIs", "ppb"),
    "chi_right_ppb": ("Relative susceptibility of the right thalamus: its mean minus the mean of the CSF ROIs", "ppb"),
    "chi_sides_ppb": ("Mean of the relative susceptibilities of left and right thalamus, whatever their sizes", "ppb"),
    "chi_se_ppb": (
        "Standard error of the relative susceptibility, from the noise of CSF and the voxels of both",
        "ppb",
    ),
    "lesion_ml": ("Volume of all accepted T2 lesions", "ml"),
    "log_lesion_ml": ("Natural logarithm of the lesion volume in ml", "ln(ml)"),
    "lesion_count": ("Number of accepted T2 lesions", "lesions"),
    "lesion_median_ml": ("Median volume of an accepted T2 lesion", "ml"),
    "lesion_largest_ml": ("Volume of the largest accepted T2 lesion", "ml"),
    "lesions_proposed": ("Lesions proposed but neither accepted nor rejected; not counted elsewhere", "lesions"),
    "lesions_flagged": ("Lesions flagged for another look; not counted elsewhere", "lesions"),
    "enhancing": ("Whether an accepted lesion enhances after gadolinium: 1 yes, 0 no", "1"),
    "enhancing_count": ("Number of accepted lesions that enhance after gadolinium", "lesions"),
    "morphometry": ("Which program measured volumes and thickness of the brain", ""),
    "morphometry_checked_by": ("Who checked its masks and surfaces by eye", ""),
    **NUMBERS,
    **ANTS_NUMBERS,
}
for _prefix, _name in (("", "both thalami"), ("left_", "the left thalamus"), ("right_", "the right thalamus")):
    _csf = f"the {_prefix.rstrip('_')} CSF ROIs".replace("  ", " ")
    _NUMBERS |= {
        f"csf_minus_thalamus_{_prefix}ppb": (f"The reverse: mean of the CSF ROIs minus mean of {_name}", "ppb"),
        f"thalamus_{_prefix}ml": (f"Volume of {_name} as contoured", "ml"),
        f"thalamus_{_prefix}n": (f"Voxels in {_name}", "voxels"),
        f"thalamus_{_prefix}mean_ppb": (f"Mean susceptibility of {_name}, as in the map", "ppb"),
        f"thalamus_{_prefix}sd_ppb": (f"Standard deviation of susceptibility in {_name}", "ppb"),
        f"thalamus_{_prefix}median_ppb": (f"Median susceptibility of {_name}, as in the map", "ppb"),
        f"thalamus_{_prefix}p5_ppb": (f"5th percentile of susceptibility in {_name}", "ppb"),
        f"thalamus_{_prefix}p95_ppb": (f"95th percentile of susceptibility in {_name}", "ppb"),
        f"csf_{_prefix}ppb": (f"Mean susceptibility of {_csf}, all voxels pooled", "ppb"),
        f"csf_{_prefix}sd_ppb": (f"Standard deviation of susceptibility in {_csf}", "ppb"),
        f"csf_{_prefix}median_ppb": (f"Median susceptibility of {_csf}", "ppb"),
        f"csf_{_prefix}p5_ppb": (f"5th percentile of susceptibility in {_csf}", "ppb"),
        f"csf_{_prefix}p95_ppb": (f"95th percentile of susceptibility in {_csf}", "ppb"),
        f"csf_{_prefix}n": (f"Voxels in {_csf}", "voxels"),
        f"csf_{_prefix}ml": (f"Volume of {_csf}", "ml"),
    }
    for _way, _veins in (("in", "with the veins left in"), ("out", "without any vein that was found")):
        _NUMBERS |= {
            f"thalamus_{_prefix}veins_{_way}_ppb": (f"Mean susceptibility of {_name} {_veins}", "ppb"),
            f"thalamus_{_prefix}veins_{_way}_ml": (f"Volume of {_name} {_veins}", "ml"),
            f"chi_{_prefix}veins_{_way}_ppb": (
                f"Relative susceptibility of {_name} {_veins}: mean minus mean of the CSF ROIs",
                "ppb",
            ),
        }
for _side in ("left", "right"):
    _NUMBERS[f"chi_{_side}_se_ppb"] = (f"Standard error of the relative susceptibility of the {_side} thalamus", "ppb")


_LEVELS = {"enhancing": {"0": "no", "1": "yes"}}


def dictionary_of(names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """BIDS' data dictionary of some numbers: description, units and what values stand for, by name."""
    entries: dict[str, dict[str, Any]] = {}
    for name in names:
        if name in _NUMBERS:
            text, unit = _NUMBERS[name]
            levels = {"Levels": _LEVELS[name]} if name in _LEVELS else {}
            entries[name] = {"Description": text, **({"Units": unit} if unit else {}), **levels}
    return entries


def unit_of(name: str) -> str:
    """Unit of a number, or nothing where the name is not one of ours."""
    return _NUMBERS.get(name, ("", ""))[1]


def as_dictionary(columns: Mapping[str, tuple[str, str]]) -> dict[str, dict[str, Any]]:
    """BIDS' data dictionary of columns given as description and unit."""
    return {
        name: {"Description": text, "Units": unit} if unit else {"Description": text}
        for name, (text, unit) in columns.items()
    }
