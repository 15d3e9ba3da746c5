"""The real window, killed in the middle of the hand's work: what it called saved is there when it opens again."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from qtpy.QtTest import QTest  # noqa: F401 - a Qt binding must be there
from window_victim import digest

from thaliron_napari.case import Case, Role, open_case

KILLS = int(os.environ.get("THALIRON_KILLS", "3"))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are split off by fork, which is not here")
def test_what_the_window_called_saved_survives_every_kill(phantom: dict[Role, Path], tmp_path: Path) -> None:
    chance = random.Random(2)
    edits = in_flight = 0
    images = json.dumps({role: str(path) for role, path in phantom.items()})
    program = [sys.executable, str(Path(__file__).parents[1] / "helpers" / "window_victim.py"), images]
    derivatives = tmp_path / "derivatives" / "thaliron-Anna"
    with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as nursery:
        assert nursery.stdin is not None
        assert nursery.stdout is not None
        for kill in range(KILLS):
            nursery.stdin.write(f"{derivatives}\t{kill}\n")
            nursery.stdin.flush()
            moment, child, saved = float("inf"), 0, ""
            for said in _words(nursery.stdout):
                child = said.get("born", child)
                if "opened" in said:
                    moment = time.monotonic() + 5 * chance.random()
                    assert ("was cut off" in said["notice"]) == (said["opened"] > 0)
                edits += "words" in said
                saved = said.get("digest", saved)
                if child and time.monotonic() > moment:
                    break
            time.sleep(0.1 * chance.random())  # into the middle of the next stroke
            os.kill(child, signal.SIGKILL)
            for said in _words(nursery.stdout):
                edits += "words" in said
                saved = said.get("digest", saved)
                if "dead" in said:
                    break
            if digest(open_case([], images=phantom, derivatives=derivatives)) != saved:
                in_flight += 1  # one edit more, or one undone, was on disk before it was called so
                apart = tmp_path / f"apart-{kill}"
                shutil.copytree(derivatives, apart)
                case = open_case([], images=phantom, derivatives=apart)
                assert saved in (_one_back(case), _one_on(case))
                case.close()
        nursery.stdin.close()
    print({"kills": KILLS, "edits": edits, "one more": in_flight})
    assert edits >= KILLS


def _words(lines: Iterable[str]) -> Iterator[dict[str, Any]]:
    """What the program says to us, without what it tells its user."""
    return (json.loads(line) for line in lines if line.startswith("{"))


def _one_back(case: Case) -> str:
    case.undo()
    state = digest(case)
    case.redo()
    return state


def _one_on(case: Case) -> str:
    case.redo()
    state = digest(case)
    case.undo()
    return state
