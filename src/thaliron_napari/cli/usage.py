"""How a command must be written."""

from pathlib import Path


class UsageError(Exception):
    """The command was not written as it must be."""


def check_suffix(path: Path, *suffixes: str) -> None:
    """Refuse a name the result cannot be written under before the work is done, not after."""
    if not path.name.lower().endswith(suffixes):
        raise UsageError(f"thaliron: {path} cannot be written; end its name with {' or '.join(suffixes)}")
