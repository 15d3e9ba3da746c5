"""napari finds the plugin, whichever way it was installed."""

import importlib.metadata
import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest
from npe2 import PluginManifest

ROOT = Path(__file__).resolve().parents[2]


def run(*command: str | Path, cwd: Path) -> str:
    """Run a command and give what it printed, or fail with that."""
    done = subprocess.run(command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture(scope="module")
def wheel_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Python of a new environment with the project's wheel in it, and the libraries of this one behind."""
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder, cwd=ROOT)
    (wheel,) = folder.glob("thaliron_napari-*.whl")
    venv.create(folder / "venv", with_pip=True, symlinks=os.name != "nt")
    python = folder / "venv" / ("Scripts" if os.name == "nt" else "bin") / "python"
    run(python, "-m", "pip", "install", "--no-deps", "--no-index", wheel, cwd=folder)
    site = run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=folder).strip()
    Path(site, "libraries.pth").write_text(sysconfig.get_path("purelib"))
    return python


def test_wheel_is_a_valid_plugin(wheel_python: Path, tmp_path: Path) -> None:
    where = run(wheel_python, "-c", "import thaliron_napari; print(thaliron_napari.__file__)", cwd=tmp_path)
    assert Path(where.strip()).is_relative_to(wheel_python.parents[1]), "this is not the wheel's package"
    assert "valid" in run(wheel_python, "-m", "npe2", "validate", "--imports", "thaliron_napari", cwd=tmp_path)


def test_wheel_brings_the_command(wheel_python: Path, tmp_path: Path) -> None:
    assert "demo" in run(wheel_python.with_name("thaliron"), "--help", cwd=tmp_path)


def test_editable_install_is_a_valid_plugin(tmp_path: Path) -> None:
    assert "valid" in run(sys.executable, "-m", "npe2", "validate", "--imports", "thaliron_napari", cwd=tmp_path)


def test_manifest_at_the_root_is_the_one_in_the_package() -> None:
    assert (ROOT / "napari.yaml").resolve() == ROOT / "src" / "thaliron_napari" / "napari.yaml"


@pytest.mark.parametrize("name", ["scan.nii", "scan.nii.gz", "scan.mgz", "scan.mgh"])
def test_manifest_claims_our_image_files_and_no_others(name: str) -> None:
    manifest = PluginManifest.from_distribution("thaliron-napari")
    patterns = {pattern for reader in manifest.contributions.readers for pattern in reader.filename_patterns}
    assert f"*{name.removeprefix('scan')}" in patterns
    assert len(patterns) == 4


def test_base_install_brings_no_qt_binding() -> None:
    required = importlib.metadata.requires("thaliron-napari") or []
    base = [line for line in required if "extra ==" not in line]
    assert base
    assert not [line for line in base if line.lower().startswith(("pyqt", "pyside", "napari["))]
