"""The verb that measures a brain's volume and thickness from its T1 alone."""

from __future__ import annotations

import argparse
import sys

from thaliron_napari.cli.usage import check_suffix


def morphometry(options: argparse.Namespace) -> None:
    """Grey matter volume and cortical thickness by ANTs, printed and written beside their maps."""
    from thaliron_napari.case.files import signature
    from thaliron_napari.imaging import read_label_map, read_volume
    from thaliron_napari.measurement.dictionary import unit_of
    from thaliron_napari.measurement.morphometry.from_t1 import morphometry_from_t1, read_ants_result, write_ants_result

    check_suffix(options.out, ".json")
    t1 = read_volume(options.t1)
    mask, lesions = (
        None if path is None else read_label_map(path, like=t1.grid) for path in (options.mask, options.lesions)
    )
    said = ""

    def progress(share: float, words: str) -> None:
        nonlocal said
        if words != said:
            print(f"{100 * share:3.0f}%  {words}", file=sys.stderr, flush=True)
            said = words

    result = morphometry_from_t1(
        t1,
        mask=None if mask is None else mask.data > 0,
        lesions=None if lesions is None else lesions.data > 0,
        progress=progress,
        cancelled=lambda: False,
    )
    sources = [volume.source for volume in (t1, mask, lesions) if volume is not None and volume.source is not None]
    path = write_ants_result(result, options.out, signature(sources))
    written = read_ants_result(path)
    print(written.program)
    for name, number in written.numbers.items():
        value = "-" if number.value is None else f"{number.value:.6g}"
        print(f"{name:24} {value:>10} {unit_of(name):8} {number.source}")
    print(path)
