"""The errors a user may meet: each is one sentence that says what is wrong, where, and what to do."""


class ThalIronError(Exception):
    """Base of every error that is the input's or the user's to mend, never a defect of the program."""


class ImageError(ThalIronError):
    """An image file cannot be read, or is not an image this program can use."""


class GridError(ThalIronError):
    """Two images that must lie on one grid, or overlap in space, do not."""


class AnnotationError(ThalIronError):
    """An annotation cannot be made from what was drawn or clicked."""


class CaseError(ThalIronError):
    """A case, its journal or its files cannot be opened or written."""


class CaseHeldError(CaseError):
    """A case is open elsewhere, and only one window at a time may change it."""


class MeasurementError(ThalIronError):
    """A number cannot be measured from what is there."""


class TableError(ThalIronError):
    """A cohort or covariate table cannot be read, joined or written."""


class ModelError(ThalIronError):
    """A statistical model cannot be fitted to the data given."""
