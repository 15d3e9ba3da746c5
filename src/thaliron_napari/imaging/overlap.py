"""Whether images can be of one head at all."""

from collections.abc import Mapping

from thaliron_napari.errors import GridError
from thaliron_napari.imaging.volume import Volume

_LEAST_SHARE = 0.05


def check_overlap(images: Mapping[str, Volume]) -> None:
    """Refuse images that lie apart in space: they are of different patients, or a header is wrong.

    Parameters
    ----------
    images : mapping
        By the name that a message should call each; all are compared with the first.

    Raises
    ------
    GridError
        When an image shares less than a twentieth of its box, or of the first's, with the first.
    """
    for name, volume in images.items():
        first, at = next(iter(images.items()))
        if max(at.grid.overlap(volume.grid), volume.grid.overlap(at.grid)) < _LEAST_SHARE:
            raise GridError(
                f"The {name} and the {first} do not overlap in space; choose images of one patient and session, or "
                "convert them anew from DICOM."
            )
