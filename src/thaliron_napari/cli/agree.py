"""What the verb ``agree`` does: two readings of a cohort against each other."""

from __future__ import annotations

import argparse
import math
from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING, Any

from thaliron_napari.cli.usage import check_suffix

if TYPE_CHECKING:
    from thaliron_napari.cohort.agreement import Agreement

_SHARES = ("dice_thalamus_left", "dice_thalamus_right", "dice_csf", "dice_lesions", "lesion_f1")
# Of some fifty numbers those that a study reports; the file has all.
_SHOWN = (
    "chi_ppb",
    "chi_left_ppb",
    "chi_right_ppb",
    "csf_ppb",
    "thalamus_ml",
    "thalamus_left_ml",
    "thalamus_right_ml",
    "lesion_ml",
    "log_lesion_ml",
    "lesion_count",
    "enhancing",
)
_HEADER = ("A - B", "n", "bias", "limits of agreement", "ICC(2,1), 95% CI", "ICC(3,1), 95% CI")


def agree(options: argparse.Namespace) -> None:
    """Print how two readers agree, and write one table of their numbers and one of their cases."""
    from thaliron_napari.cohort import TABLE_SUFFIXES, write_table
    from thaliron_napari.cohort.agreement import CASE_COLUMNS, NUMBER_COLUMNS, compare_readings
    from thaliron_napari.measurement.dictionary import as_dictionary

    check_suffix(options.out, *TABLE_SUFFIXES)
    found = compare_readings(options.derivatives_a, options.derivatives_b)
    cases = options.out.with_name(f"{options.out.stem}_cases{options.out.suffix}")
    written = [
        *write_table(found.numbers, options.out, as_dictionary(NUMBER_COLUMNS)),
        *write_table(found.cases, cases, as_dictionary(CASE_COLUMNS)),
    ]
    print(f"A: {options.derivatives_a}, B: {options.derivatives_b}, {len(found.cases)} cases in both\n")
    print("\n".join([*_numbers(found), "", *_structures(found)]))
    for note in found.notes:
        print(f"look at it      {note}")
    print(f"\nwritten: {', '.join(str(path) for path in written)}")


def _numbers(found: Agreement) -> list[str]:
    """The chief numbers in few columns, aligned, or all where there is none of these."""
    rows = found.numbers.to_dict("records")
    shown = [row for row in rows if row["number"] in _SHOWN] or rows
    lines = [_HEADER, *(_cells(row) for row in shown)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(_HEADER))]
    text = [
        "  ".join([line[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(line[1:], widths[1:], strict=True))]).rstrip()
        for line in lines
    ]
    return [*text, f"and {len(rows) - len(shown)} more in the file"] if len(shown) < len(rows) else text


def _cells(row: Mapping[Hashable, Any]) -> tuple[str, ...]:
    from thaliron_napari.statistics.text import format_number

    def number(name: str) -> str:
        return format_number(row[name], 2, 3)

    def icc(name: str) -> str:
        value, low, high = (round(row[column], 3) + 0.0 for column in (name, f"{name}_low", f"{name}_high"))  # no -0
        return "-" if math.isnan(value) else f"{value:.3f} ({low:.3f} to {high:.3f})"

    label = f"{row['number']} [{row['unit']}]" if isinstance(row["unit"], str) else str(row["number"])
    limits = "-" if math.isnan(row["loa_low"]) else f"{number('loa_low')} to {number('loa_high')}"
    return (label, str(row["n"]), number("bias"), limits, icc("icc_2_1"), icc("icc_3_1"))


def _structures(found: Agreement) -> list[str]:
    """Mean and range over the cases of what was drawn, and the lesions of all cases together."""
    lines = []
    for name in _SHARES:
        values = found.cases[name].dropna().astype(float)
        if len(values):
            spread = f"{values.min():.3f} to {values.max():.3f}"
            lines.append(f"{name:20}  {values.mean():.3f} ({spread}) in {len(values)} case{'s'[: len(values) > 1]}")
    columns = ["lesions_a", "lesions_both_a", "lesions_b", "lesions_both_b"]
    n_a, both_a, n_b, both_b = (int(found.cases[name].dropna().sum()) for name in columns)
    if n_a or n_b:
        lines.append(f"{'lesions':20}  {both_a} of A's {n_a} found by B, {both_b} of B's {n_b} by A")
    return lines or ["no structure was drawn in both readings"]
