"""What a reader draws, as pure functions on arrays: contours, nudge, veins, lesions and CSF ROIs."""

from thaliron_napari.annotation.lesions import grow_lesion, lesion_in_box
from thaliron_napari.annotation.tissue import NormalTissue, normal_tissue

__all__ = ["NormalTissue", "grow_lesion", "lesion_in_box", "normal_tissue"]
