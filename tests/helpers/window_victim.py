"""The whole program, read in by a hand that is killed: mouse and keys in the real window, each edit said when saved.

Run as a program it waits for lines on its input, each the folder of the reader's work and a seed, and for each splits
off a process (whose number it prints) that opens the window on the images given as arguments and works until it is
killed. So napari is loaded once.
"""

import hashlib
import json
import os
import random
import sys
from pathlib import Path
from typing import Any

import napari
import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from victim import say

from thaliron_napari.case import Case, open_case
from thaliron_napari.viewer.app import make_window
from thaliron_napari.viewer.hand import Hand
from thaliron_napari.viewer.panel import Panel
from thaliron_napari.viewer.phantom_case import learn
from thaliron_napari.viewer.steps.csf import CsfStep
from thaliron_napari.viewer.steps.lesions import LesionStep
from thaliron_napari.viewer.steps.thalamus import ThalamusStep


def digest(case: Case) -> str:
    """The whole state of a case in short."""
    state = hashlib.sha256(json.dumps(case.annotations.facts, sort_keys=True).encode())
    for name in sorted(case.annotations.maps):
        state.update(case.annotations.maps[name].tobytes())
    return state.hexdigest()


def work(images: dict[str, Path], derivatives: Path, seed: int) -> None:
    """Open the window and work in it, until killed."""
    case = open_case([], images=images, derivatives=derivatives, reader="Anna")  # type: ignore[arg-type]
    viewer = napari.Viewer(show=False)
    panel = make_window(case, reader="Anna", viewer=viewer)
    viewer.window.resize(1100, 750)
    viewer.show()
    QTest.qWait(100)
    say(opened=len(case.done), notice=panel.notice_label.text(), digest=digest(case))
    hand, chance, truth = Hand(viewer, panel), random.Random(seed), learn(case)
    mirror: Any = case.journal.mirror
    while True:
        _act(panel, hand, chance, truth)
        while not mirror.saved:
            QTest.qWait(2)
        say(digest=digest(case), words=case.done[-1].words if case.done else "")


def _act(panel: Panel, hand: Hand, chance: random.Random, truth: Any) -> None:
    kind = chance.random()
    if kind < 0.15:
        hand.key(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    elif kind < 0.2:
        hand.key(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier)
    elif kind < 0.3:
        _open(panel, CsfStep)
        z, y, x = truth.atria[chance.choice(("left", "right"))]
        hand.scroll_to(round(z), panel.reading.display.slice_shown)
        hand.click(np.array((y, x)) * panel.reading.display.grid.spacing[1:] + chance.uniform(-1, 1))
    elif kind < 0.45:
        _open(panel, LesionStep)
        (z, y, x), _ = chance.choice(truth.lesions)
        hand.scroll_to(z, panel.reading.display.slice_shown)
        hand.click(np.array((y, x)) * panel.reading.display.grid.spacing[1:])
        hand.key(Qt.Key.Key_Enter)
    elif kind < 0.5:
        hand.key(Qt.Key.Key_S, Qt.KeyboardModifier.ControlModifier)
    else:
        _open(panel, ThalamusStep)
        hand.key(chance.choice((Qt.Key.Key_D, Qt.Key.Key_N)))
        at, radius = np.array((chance.uniform(80, 110), chance.uniform(60, 90))), chance.uniform(4, 12)
        turns = np.linspace(0, 2 * np.pi, 8, endpoint=False)
        hand.drag(list(at + radius * np.column_stack([np.sin(turns), np.cos(turns)])))


def _open(panel: Panel, kind: type) -> None:
    place = next(i for i, step in enumerate(panel.steps) if isinstance(step, kind))
    if panel.open_place != place:
        panel.open_step(place)


def main(images: dict[str, Path]) -> None:
    for line in sys.stdin:
        derivatives, seed = line.split("\t")
        child = os.fork()
        if child == 0:
            work(images, Path(derivatives), int(seed))
        say(born=child)
        os.waitpid(child, 0)
        say(dead=child)


if __name__ == "__main__":
    main({role: Path(path) for role, path in json.loads(sys.argv[1]).items()})
