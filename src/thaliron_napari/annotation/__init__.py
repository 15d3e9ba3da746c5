"""What a reader draws, as pure functions on arrays: contours, nudge, veins, lesions and CSF ROIs."""

from thaliron_napari.annotation.contours import fill_between_contours, polygon_mask
from thaliron_napari.annotation.csf import csf_roi
from thaliron_napari.annotation.enhancement import Enhancement, enhancement
from thaliron_napari.annotation.first_contour import first_contour
from thaliron_napari.annotation.lesions import grow_lesion, lesion_in_box
from thaliron_napari.annotation.midline import Midline, midline, mirrored
from thaliron_napari.annotation.nudge import cut_veins, drop_crumbs, nudge, push_direction
from thaliron_napari.annotation.places import Place, place_lesions
from thaliron_napari.annotation.proposals import propose_lesions
from thaliron_napari.annotation.splitting import split_by_line, split_by_seeds
from thaliron_napari.annotation.tissue import NormalTissue, normal_tissue
from thaliron_napari.annotation.veins import find_veins, veins_left_in

__all__ = [
    "Enhancement",
    "Midline",
    "NormalTissue",
    "Place",
    "csf_roi",
    "cut_veins",
    "drop_crumbs",
    "enhancement",
    "fill_between_contours",
    "find_veins",
    "first_contour",
    "grow_lesion",
    "lesion_in_box",
    "midline",
    "mirrored",
    "normal_tissue",
    "nudge",
    "place_lesions",
    "polygon_mask",
    "propose_lesions",
    "push_direction",
    "split_by_line",
    "split_by_seeds",
    "veins_left_in",
]
