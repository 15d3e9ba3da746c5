"""A reader without a window, to be killed: edits a case as fast as it can and says each edit that is finished.

Run as a program it waits for lines on its input, each the folder of a case and the number of its first edit, and for
each splits off a process (whose number it prints) that works until it is killed. So the libraries are loaded once.
"""

import json
import os
import random
import sys
from pathlib import Path

import numpy as np

from thaliron_napari.case import Case, CsfCircle
from thaliron_napari.case.csf import place_circle
from thaliron_napari.case.edits import Edit, fact_change
from thaliron_napari.case.files import save
from thaliron_napari.case.notes import set_note
from thaliron_napari.case.thalamus import set_contour
from thaliron_napari.imaging import Grid, Source, SourceGrid, Volume

SHAPE = (24, 96, 112)
SAVE_EVERY = 15


def open_victim(folder: Path | None) -> Case:
    """The case that is worked on, or its twin in memory."""
    file_affine = np.diag([0.8, 0.8, 2.0, 1.0])
    source = Source(Path("image.nii.gz"), "0" * 64, SourceGrid(SHAPE[::-1], file_affine))
    volume = Volume(np.zeros(SHAPE, np.float32), Grid(SHAPE, file_affine[:, [2, 1, 0, 3]]), source)
    return Case("x", {"qsm": volume, "flair": volume}, folder=folder, reader="Anna")


def do(case: Case, number: int) -> None:
    """The edit of this number: always the same on a case in the same state."""
    chance = random.Random(number)
    kind = chance.random()
    z, y, x = chance.randrange(4, 20), chance.randrange(30, 66), chance.randrange(30, 82)
    if kind < 0.12:
        case.undo()
    elif kind < 0.18:
        case.redo()
    elif kind < 0.25:
        case.apply(place_circle(case, "left", CsfCircle((z, y, x), 3.0)))
    elif kind < 0.30:
        case.apply(set_note(case, f"note {number}"))
    elif kind < 0.35:
        lesion = {"state": "accepted", "seed": [z, y, x], "sensitivity": 0.5, "enhancing": None}
        case.apply(Edit(f"lesion {number}", fact_change(case.annotations, f"lesion/{number}", lesion)))
    else:
        rows, columns = np.ogrid[: SHAPE[1], : SHAPE[2]]
        disc = (rows - y) ** 2 + (columns - x) ** 2 < chance.randrange(20, 160)
        now = case.annotations.maps["thalami"][z] == 1
        case.apply(set_contour(case, "left", z, now | disc if kind < 0.8 else now & ~disc, "nudge"))


def work(folder: Path, first: int) -> None:
    """Edit and say so, until killed."""
    case = open_victim(folder)
    number = first
    while True:
        do(case, number)
        say(finished=number)
        number += 1
        if number % SAVE_EVERY == 0:
            save(case)


def say(**words: object) -> None:
    """Say something in one piece: two processes share the output."""
    os.write(1, (json.dumps(words) + "\n").encode())


def main() -> None:
    for line in sys.stdin:
        folder, first = line.split("\t")
        child = os.fork()
        if child == 0:
            work(Path(folder), int(first))
        say(born=child)
        os.waitpid(child, 0)
        say(dead=child)


if __name__ == "__main__":
    main()
