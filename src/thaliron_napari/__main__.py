"""``python -m thaliron_napari`` is the ``thaliron`` command."""

import sys

from thaliron_napari.cli import main

sys.exit(main())
