"""The house's own rules: who may import whom, and what may be imported when."""

import subprocess
import sys
from pathlib import Path

import pytest
from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports

ROOT = Path(__file__).resolve().parents[1]
BELOW_VIEWER = sorted(
    path.parent.name
    for path in (ROOT / "src" / "thaliron_napari").glob("*/__init__.py")
    if path.parent.name != "viewer"
)
# Each costs 0.3 to 8 s, so it is imported by the function that needs it, or (napari, Qt) by viewer/ alone.
LATE = {
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
}


def test_import_contracts_hold(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(ROOT)
    status = lint_imports(no_cache=True)
    assert status == EXIT_STATUS_SUCCESS, capsys.readouterr().out


@pytest.mark.parametrize("name", BELOW_VIEWER)
def test_package_imports_nothing_slow(name: str) -> None:
    loads = f"""
import importlib, pkgutil, sys
package = importlib.import_module("thaliron_napari.{name}")
for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
    importlib.import_module(module.name)
print(*sys.modules)
"""
    run = subprocess.run([sys.executable, "-c", loads], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert LATE & set(run.stdout.split()) == set()
