"""constraints.txt pins everything, and names no host or folder."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PINS = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
DIRECT = [
    *PROJECT["build-system"]["requires"],
    *PROJECT["project"]["dependencies"],
    *(line for extra in PROJECT["project"]["optional-dependencies"].values() for line in extra),
    *PROJECT["dependency-groups"]["dev"],
    "pyqt6",
    "uv",
]


def test_every_line_is_a_plain_pin() -> None:
    assert len(PINS) > 100
    assert [line for line in PINS if not re.fullmatch(r"[a-z0-9-]+==[0-9][0-9a-z.]*", line)] == []


@pytest.mark.parametrize("requirement", sorted(set(DIRECT)))
def test_direct_requirement_is_pinned_once(requirement: str) -> None:
    name = re.match(r"[A-Za-z0-9_.-]+", requirement)[0].lower().replace("_", "-")
    assert sum(pin.startswith(f"{name}==") for pin in PINS) == 1
