"""Import nibabel without pydicom.

Wherever pydicom is installed nibabel imports it, for the DICOM extension of NIfTI headers, which is not used here. That
takes 0.8 to 1.1 s, a fifth of the time in which the window opens. Only that extension goes without; pydicom itself is
imported as ever by whoever reads a DICOM file.
"""

import sys
from typing import Any, cast

if "pydicom" not in sys.modules:
    cast(dict[str, Any], sys.modules)["pydicom"] = None  # which Python takes for "not installed"
    try:
        import nibabel  # noqa: F401
    finally:
        del sys.modules["pydicom"]
