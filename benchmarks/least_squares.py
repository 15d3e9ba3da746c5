"""Digits and time of the linear fits, beside statsmodels: ``python benchmarks/least_squares.py``.

Digits are the least number of correct significant digits over a model's estimates and over their standard errors,
against NIST's certified values (tests/reference/nist_strd.json). Times are those of a first fit with the imports that
it needs, and then of one fit of 10,000 rows by 50 columns, as ratios to statsmodels.
"""

import json
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np

REFERENCE = Path(__file__).parents[1] / "tests" / "reference" / "nist_strd.json"

IMPORT_AND_FIT = {
    "ours": "from thaliron_napari.statistics.models import least_squares; least_squares(x, y)",
    "statsmodels": "from statsmodels.regression.linear_model import OLS; OLS(y, x).fit().bse",
}
TIMED = """
import time, numpy as np
rng = np.random.default_rng(0)
x = np.column_stack([np.ones({n}), rng.standard_normal(({n}, {k}))]); y = rng.standard_normal({n})
start = time.perf_counter()
{statement}
first = time.perf_counter() - start
start = time.perf_counter()
for _ in range(3): {again}
print(first, (time.perf_counter() - start) / 3)
"""


def digits(found: np.ndarray, certified: np.ndarray) -> str:
    if not certified.all():
        return "-"
    with np.errstate(invalid="ignore"):
        off = np.abs(found - certified) / np.abs(certified)
    return "none" if np.isnan(off).any() else f"{-np.log10(np.maximum(off, 1e-16)).min():.1f}"


def nist() -> None:
    from statsmodels.regression.linear_model import OLS

    from thaliron_napari.statistics.models import least_squares

    print(f"{'':10s}{'ours':>14s}{'statsmodels QR':>16s}{'statsmodels pinv':>18s}   (digits of estimates / errors)")
    for name, data in json.loads(REFERENCE.read_text(encoding="utf-8")).items():
        if name == "source":
            continue
        certified, y = np.array(data["certified"]), np.array(data["y"])
        if "columns" in data:
            columns = np.array(data["columns"])
        else:
            columns = np.column_stack([np.array(data["x"]) ** power for power in range(1, data["degree"] + 1)])
        x = np.column_stack([np.ones(len(y)), columns])
        estimates, residuals, unscaled = least_squares(x, y)
        errors = unscaled * np.sqrt(residuals @ residuals / (len(y) - x.shape[1]))
        cells = [f"{digits(estimates, certified[:, 0])} / {digits(errors, certified[:, 1])}"]
        for method in ("qr", "pinv"):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                result = OLS(y, x).fit(method=method)
                cells.append(f"{digits(result.params, certified[:, 0])} / {digits(result.bse, certified[:, 1])}")
        print(f"{name:10s}{cells[0]:>14s}{cells[1]:>16s}{cells[2]:>18s}")


def times() -> None:
    found = {}
    for name, statement in IMPORT_AND_FIT.items():
        again = statement.split("; ")[1]
        program = TIMED.format(n=10000, k=49, statement=statement, again=again)
        out = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
        found[name] = [float(word) for word in out.split()]
    ours, theirs = found["ours"], found["statsmodels"]
    print(f"import and first fit: {ours[0] / theirs[0]:.2f} of statsmodels' time")
    print(f"a fit of 10,000 x 50: {ours[1] / theirs[1]:.2f} of statsmodels' time ({1000 * ours[1]:.0f} ms)")


if __name__ == "__main__":
    nist()
    times()
