"""The house's own rules: who may import whom, and what may be imported when."""

import subprocess
import sys
from pathlib import Path

import pytest
from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports

ROOT = Path(__file__).resolve().parents[1]

# Each costs 0.3 to 8 s, so it is imported by the function that needs it, or (napari, Qt) by viewer/ alone.
LATE = [
    "statsmodels",
    "skimage",
    "SimpleITK",
    "matplotlib",
    "pandas",
    "scipy.stats",
    "napari",
    "qtpy",
    "magicgui",
    "vispy",
]

FIND_EARLY = """
import importlib, pkgutil, sys, thaliron_napari
late = set(sys.argv[1:])
for module in pkgutil.walk_packages(thaliron_napari.__path__, "thaliron_napari."):
    if not module.name.startswith(("thaliron_napari.viewer", "thaliron_napari.__main__")):
        importlib.import_module(module.name)
        for name in sorted(late & sys.modules.keys()):
            print(module.name, "imports", name)
            late.discard(name)
"""


def test_import_contracts_hold(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(ROOT)
    status = lint_imports(no_cache=True)
    assert status == EXIT_STATUS_SUCCESS, capsys.readouterr().out


def test_nothing_below_viewer_imports_slow_packages_early() -> None:
    run = subprocess.run([sys.executable, "-c", FIND_EARLY, *LATE], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert run.stdout == ""
