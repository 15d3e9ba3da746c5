"""Running the command in process, and what a failure must look like."""

from collections.abc import Callable
from pathlib import Path

import pytest

from thaliron_napari.cli import main


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Run a command that must fail: non-zero, and one line on stderr without a traceback, which is returned."""

    def run(*arguments: object) -> str:
        code = main([str(a) for a in arguments])
        said = capsys.readouterr().err
        assert code in (1, 2)
        assert said.endswith("\n")
        assert said.count("\n") == 1
        assert "Traceback" not in said
        assert "a defect of the program" not in said
        return said

    return run


@pytest.fixture
def done(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Run a command that must succeed with nothing on stderr; its stdout is returned."""

    def run(*arguments: object) -> str:
        code = main([str(a) for a in arguments])
        out, err = capsys.readouterr()
        assert (code, err) == (0, "")
        return out

    return run


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Where results go; it must be made by the command."""
    return tmp_path / "results"
