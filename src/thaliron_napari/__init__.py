"""ThalIron: thalamic iron, T2 lesions and their regressions, read and measured in one napari window."""

__version__ = "0.1.0"
