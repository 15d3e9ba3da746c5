"""What each number of a record is, in which unit."""

from collections.abc import Iterable

# Name: (description, unit). Every table the program writes takes its header's meanings from here.
_NUMBERS: dict[str, tuple[str, str]] = {
    "chi_ppb": ("Relative susceptibility: mean of both thalamic VOIs minus mean of the CSF ROIs", "ppb"),
    "chi_left_ppb": ("Relative susceptibility of the left thalamus: its mean minus the mean of the CSF ROIs", "ppb"),
    "chi_right_ppb": ("Relative susceptibility of the right thalamus: its mean minus the mean of the CSF ROIs", "ppb"),
    "csf_ppb": ("Mean susceptibility of the CSF ROIs, all voxels pooled", "ppb"),
    "csf_sd_ppb": ("Standard deviation of susceptibility in the CSF ROIs", "ppb"),
    "csf_n": ("Voxels in the CSF ROIs", "voxels"),
    "csf_left_ppb": ("Mean susceptibility of the left CSF ROI", "ppb"),
    "csf_right_ppb": ("Mean susceptibility of the right CSF ROI", "ppb"),
    "lesion_ml": ("Volume of all accepted T2 lesions", "ml"),
    "log_lesion_ml": ("Natural logarithm of the lesion volume in ml", "ln(ml)"),
    "lesion_count": ("Number of accepted T2 lesions", "lesions"),
    "lesion_median_ml": ("Median volume of an accepted T2 lesion", "ml"),
    "lesion_largest_ml": ("Volume of the largest accepted T2 lesion", "ml"),
    "lesions_proposed": ("Lesions proposed but neither accepted nor rejected; not counted elsewhere", "lesions"),
    "lesions_flagged": ("Lesions flagged for another look; not counted elsewhere", "lesions"),
    "enhancing": ("Whether an accepted lesion enhances after gadolinium: 1 yes, 0 no", "1"),
    "enhancing_count": ("Number of accepted lesions that enhance after gadolinium", "lesions"),
    "fs_thalamus_left_ml": ("FreeSurfer's volume of the left thalamus", "ml"),
    "fs_thalamus_right_ml": ("FreeSurfer's volume of the right thalamus", "ml"),
    "gm_ml": ("FreeSurfer's total grey matter volume", "ml"),
    "thickness_mm": ("FreeSurfer's mean cortical thickness, both hemispheres weighted by area", "mm"),
}
for _prefix, _name in (("", "both thalami"), ("left_", "the left thalamus"), ("right_", "the right thalamus")):
    _NUMBERS |= {
        f"thalamus_{_prefix}ml": (f"Volume of {_name} as contoured", "ml"),
        f"thalamus_{_prefix}n": (f"Voxels in {_name}", "voxels"),
        f"thalamus_{_prefix}mean_ppb": (f"Mean susceptibility of {_name}, as in the map", "ppb"),
        f"thalamus_{_prefix}sd_ppb": (f"Standard deviation of susceptibility in {_name}", "ppb"),
        f"thalamus_{_prefix}median_ppb": (f"Median susceptibility of {_name}, as in the map", "ppb"),
        f"thalamus_{_prefix}veins_in_ppb": (f"Mean susceptibility of {_name} with the veins left in", "ppb"),
        f"thalamus_{_prefix}veins_in_ml": (f"Volume of {_name} with the veins left in", "ml"),
        f"thalamus_{_prefix}veins_out_ppb": (f"Mean susceptibility of {_name} without any vein that was found", "ppb"),
        f"thalamus_{_prefix}veins_out_ml": (f"Volume of {_name} without any vein that was found", "ml"),
    }


def dictionary_of(names: Iterable[str]) -> dict[str, dict[str, str]]:
    """BIDS-like data dictionary of some numbers: description and units by name."""
    known = ((name, _NUMBERS[name]) for name in names if name in _NUMBERS)
    return {name: {"Description": text, "Units": unit} for name, (text, unit) in known}


def unit_of(name: str) -> str:
    """Unit of a number, or nothing where the name is not one of ours."""
    return _NUMBERS.get(name, ("", ""))[1]
