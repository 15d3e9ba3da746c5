"""What a reader draws, as pure functions on arrays: contours, nudge, veins, lesions and CSF ROIs."""

from thaliron_napari.annotation.atria import SuggestedCircle, suggest_csf
from thaliron_napari.annotation.contours import fill_between_contours, polygon_mask
from thaliron_napari.annotation.csf import csf_roi
from thaliron_napari.annotation.enhancement import Enhancement, Uptake, enhancement, find_uptake, lesion_enhancement
from thaliron_napari.annotation.first_contour import first_contour
from thaliron_napari.annotation.lesions import grow_lesion, lesion_in_box
from thaliron_napari.annotation.midline import Midline, midline, mirrored
from thaliron_napari.annotation.nudge import cut_veins, drop_crumbs, nudge, push_direction
from thaliron_napari.annotation.places import (
    Landmarks,
    Place,
    guess_landmarks,
    landmarks_of_masks,
    place_lesion,
    place_lesions,
)
from thaliron_napari.annotation.proposals import propose_lesions
from thaliron_napari.annotation.splitting import split_by_line, split_by_seeds
from thaliron_napari.annotation.tissue import NormalTissue, normal_tissue
from thaliron_napari.annotation.veins import find_veins, veins_left_in

__all__ = [
    "Enhancement",
    "Landmarks",
    "Midline",
    "NormalTissue",
    "Place",
    "SuggestedCircle",
    "Uptake",
    "csf_roi",
    "cut_veins",
    "drop_crumbs",
    "enhancement",
    "fill_between_contours",
    "find_uptake",
    "find_veins",
    "first_contour",
    "grow_lesion",
    "guess_landmarks",
    "landmarks_of_masks",
    "lesion_enhancement",
    "lesion_in_box",
    "midline",
    "mirrored",
    "normal_tissue",
    "nudge",
    "place_lesion",
    "place_lesions",
    "polygon_mask",
    "propose_lesions",
    "push_direction",
    "split_by_line",
    "split_by_seeds",
    "suggest_csf",
    "veins_left_in",
]
