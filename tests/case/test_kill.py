"""A program that is killed in the middle of its work loses nothing that it said was finished."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from victim import do, open_victim

from thaliron_napari.case import Case
from thaliron_napari.imaging import read_label_map

KILLS = 100

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are split off by fork, which is not here")


@pytest.fixture(scope="module")
def killed_often(tmp_path_factory: pytest.TempPathFactory) -> dict[str, int]:
    """Work on one case, killed and taken up again; checked after each kill against a twin that nobody kills."""
    folder = tmp_path_factory.mktemp("killed") / "derivatives" / "thaliron" / "sub-x" / "anat"
    chance = random.Random(1)
    twin = open_victim(None)
    counts = {"kills": 0, "edits": 0, "one more": 0, "while opening": 0}
    number = 0
    with subprocess.Popen(
        [sys.executable, str(Path(__file__).parents[1] / "helpers" / "victim.py")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as nursery:
        assert nursery.stdin is not None
        assert nursery.stdout is not None
        for _ in range(KILLS):
            nursery.stdin.write(f"{folder}\t{number}\n")
            nursery.stdin.flush()
            # A good part of the moments lie in the opening, the first edit and the saving of files.
            moment = time.monotonic() + chance.choice((0.02, 0.1, 0.3)) * chance.random()
            finished, child = number - 1, 0
            for line in nursery.stdout:
                said = json.loads(line)
                child = said.get("born", child)
                finished = max(finished, said.get("finished", -1))
                if child and time.monotonic() > moment:
                    break
            os.kill(child, signal.SIGKILL)
            for line in nursery.stdout:  # what it said before it died counts too
                said = json.loads(line)
                finished = max(finished, said.get("finished", -1))
                if "dead" in said:
                    break
            counts["kills"] += 1
            counts["while opening"] += finished < number
            while number <= finished:
                do(twin, number)
                number += 1
                counts["edits"] += 1
            left = open_victim(folder)
            if not _alike(left, twin):  # killed between the edit and the word that it is finished
                do(twin, number)
                number += 1
                counts["one more"] += 1
            _assert_alike(left, twin)
            _assert_whole(folder)
        nursery.stdin.close()
    return counts


def test_every_edit_said_to_be_finished_is_there_after_each_of_a_hundred_kills(killed_often: dict[str, int]) -> None:
    print(killed_often)
    assert killed_often["kills"] == KILLS
    assert killed_often["edits"] > 3 * KILLS, "there was little to lose"
    assert killed_often["while opening"] < KILLS / 2


def _alike(case: Case, twin: Case) -> bool:
    maps = [left.tobytes() == right.tobytes() for left, right in zip(_maps(case), _maps(twin), strict=True)]
    return all(maps) and case.annotations.facts == twin.annotations.facts and len(case.done) == len(twin.done)


def _assert_alike(case: Case, twin: Case) -> None:
    assert case.annotations.facts == twin.annotations.facts
    for left, right in zip(_maps(case), _maps(twin), strict=True):
        assert left.tobytes() == right.tobytes()
    assert [edit.words for edit in case.done] == [edit.words for edit in twin.done]
    assert [edit.words for edit in case.undone] == [edit.words for edit in twin.undone]


def _maps(case: Case) -> list:
    return [case.annotations.maps[name] for name in sorted(case.annotations.maps)]


def _assert_whole(folder: Path) -> None:
    """Every file that has its name is whole; a file that was being written bears another and hides."""
    for path in folder.rglob("*"):
        if path.is_dir() or path.name.startswith("."):
            continue
        if path.suffix == ".json":
            json.loads(path.read_text("utf-8"))
        elif path.name.endswith(".nii.gz"):
            read_label_map(path)
        else:
            assert path.suffix == ".jsonl" or path.name == ".bidsignore", path
