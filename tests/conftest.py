"""What all tests share: where the real images are."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of openly licensed real images, or a skip where there is none."""
    named = os.environ.get("THALIRON_TEST_DATA")
    folder = Path(named) if named else Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the real images are not here (set THALIRON_TEST_DATA to their folder)")
    return folder
