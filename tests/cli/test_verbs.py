"""Each verb does what it promises, checked in the files it writes and the lines it prints."""

import json
import re
import subprocess
import sys
import types
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from ball_subject import write_ball_subject
from readings import read_head

from thaliron_napari import __version__
from thaliron_napari.case import open_case
from thaliron_napari.cli import main
from thaliron_napari.cohort import read_table, synthetic_cohort, write_table
from thaliron_napari.measurement import measure_case
from thaliron_napari.measurement.from_files import measure_files
from thaliron_napari.report import cohort as cohort_report
from thaliron_napari.report import regression

Run = Callable[..., str]


def _labels(path: Path) -> np.ndarray:
    return np.asarray(nib.load(path).dataobj)


def _dice(a: np.ndarray, b: np.ndarray) -> float:
    return float(2 * (a & b).sum() / (a.sum() + b.sum()))


def _point(values: tuple[float, ...]) -> str:
    return ",".join(f"{v:g}" for v in values)


def test_grow_numbers_lesions_in_seed_order_on_the_files_grid(head, done: Run, out: Path) -> None:
    order = (3, 1, 2)
    seeds = [part for n in order for part in ("--seed", _point(head.seeds[n - 1]))]
    said = done("grow", "--flair", head.flair, *seeds, "--out", out / "m.nii.gz")
    grown, image = nib.load(out / "m.nii.gz"), nib.load(head.flair)
    assert grown.shape == image.shape
    assert np.array_equal(grown.affine, image.affine)
    truth = _labels(head.lesions)
    for number, label in enumerate(order, start=1):
        mine = np.asarray(grown.dataobj) == number
        assert _dice(mine, truth == label) > 0.9
        ml = mine.sum() * 1.2**3 / 1000
        assert re.search(rf"^ +{number} +{ml:.3f} ", said, re.MULTILINE)


def test_grow_takes_a_second_click_in_a_lesion_as_the_same_one(head, done: Run, out: Path) -> None:
    x, y, z = head.seeds[0]
    seeds = ["--seed", _point((x, y, z)), "--seed", _point((x + 2, y, z)), "--seed", _point(head.seeds[1])]
    said = done("grow", "--flair", head.flair, *seeds, "--out", out / "m.nii.gz")
    assert "lies in lesion 1" in said
    assert set(np.unique(_labels(out / "m.nii.gz"))) == {0, 1, 3}


def test_grow_keeps_what_grew_when_a_seed_fails_and_says_which(head, refused: Run, out: Path) -> None:
    seeds = ["--seed", _point(head.seeds[0]), "--seed", "0,20,-10", "--seed", _point(head.seeds[1])]
    said = refused("grow", "--flair", head.flair, *seeds, "--out", out / "m.nii.gz")
    assert "seed 2 (0,20,-10)" in said
    assert set(np.unique(_labels(out / "m.nii.gz"))) == {0, 1, 3}


def test_contour_fills_each_label_between_its_keys(head, done: Run, out: Path) -> None:
    images = ("--image", head.qsm, "--image", head.flair)  # the FLAIR lies on another grid
    done("contour", *images, "--keys", head.keys, "--out", out / "m.nii.gz")
    filled, keys = nib.load(out / "m.nii.gz"), _labels(head.keys)
    assert np.array_equal(filled.affine, nib.load(head.keys).affine)
    data, truth = np.asarray(filled.dataobj), _labels(head.thalami)
    assert np.array_equal(data[keys > 0], keys[keys > 0])
    for label in (1, 2):
        assert _dice(data == label, truth == label) > 0.9


def test_labels_side_by_side_do_not_eat_each_other(tmp_path: Path, done: Run) -> None:
    keys = np.zeros((30, 30, 9), np.uint8)
    keys[4:15, 8:22, 1] = keys[8:15, 8:22, 7] = 5
    keys[15:26, 8:22, 1] = keys[12:26, 8:22, 7] = 9  # reaches over to where 5 would be
    keys[8:12, 8:22, 7] = 5
    nib.save(nib.Nifti1Image(keys, np.diag([1, 1, 2, 1.0])), tmp_path / "k.nii.gz")
    nib.save(nib.Nifti1Image(np.ones(keys.shape, np.float32), np.diag([1, 1, 2, 1.0])), tmp_path / "i.nii.gz")
    done("contour", "--image", tmp_path / "i.nii.gz", "--keys", tmp_path / "k.nii.gz", "--out", tmp_path / "m.nii.gz")
    filled = _labels(tmp_path / "m.nii.gz")
    assert np.array_equal(filled[keys > 0], keys[keys > 0])
    assert set(np.unique(filled)) == {0, 5, 9}
    for z in range(1, 8):
        rows5, rows9 = (np.flatnonzero(filled[:, 15, z] == label) for label in (5, 9))
        assert rows5.max() + 1 == rows9.min()  # neither a gap nor one over the other


def test_register_finds_the_shift_it_was_given(head, done: Run, out: Path, tmp_path: Path) -> None:
    image = nib.load(head.flair)
    moved = image.affine.copy()
    moved[:3, 3] += (3, -2, 4)
    nib.save(nib.Nifti1Image(300 - image.get_fdata(), moved), tmp_path / "moved.nii.gz")
    said = done(
        "register", "--moving", tmp_path / "moved.nii.gz", "--fixed", head.flair, "--out", out / "t.mat",
        "--resampled", out / "r.nii.gz",
    )  # fmt: skip
    matrix = np.loadtxt(out / "t.mat")
    assert np.allclose(matrix[:3, 3], (3, -2, 4), atol=0.5)
    assert np.allclose(matrix[:3, :3], np.eye(3), atol=0.02)
    assert re.search(r"moved by +5\.\d\d mm", said)
    resampled = nib.load(out / "r.nii.gz")
    assert np.array_equal(resampled.affine, image.affine)
    assert np.corrcoef(resampled.get_fdata()[20:-20, 20:-20, 20:-20].ravel(), 
                       image.get_fdata()[20:-20, 20:-20, 20:-20].ravel())[0, 1] < -0.9  # fmt: skip


@pytest.mark.parametrize("suffix", [".json", ".csv", ".tsv"])
def test_measure_prints_and_writes_the_same_numbers(head, done: Run, out: Path, suffix: str) -> None:
    path = out / f"record{suffix}"
    said = done(
        "measure", "--qsm", head.qsm, "--thalami", head.thalami, "--csf", head.csf, "--flair", head.flair,
        "--lesions", head.lesions, "--out", path,
    )  # fmt: skip
    if suffix == ".json":
        content = json.loads(path.read_text("utf-8"))
        values = {"id": content["id"], **content["values"]}
        assert next(source["File"] for source in content["Sources"]) == head.qsm.name
        assert content["dictionary"]["chi_ppb"]["Units"] == "ppb"
    else:
        head_line, line = path.read_text("utf-8").splitlines()
        separator = "," if suffix == ".csv" else "\t"
        values = dict(zip(head_line.split(separator), line.split(separator), strict=True))
    assert values["id"] == "sub-ball"
    assert float(values["chi_ppb"]) == pytest.approx(-28, abs=0.6)
    assert int(values["lesion_count"]) == 3
    for name, value in values.items():
        if name != "id":
            assert re.search(rf"^{name} +{re.escape(f'{float(value):.6g}')} ", said, re.MULTILINE)


@pytest.mark.parametrize("suffix", [".xlsx", ".dta"])
def test_measure_writes_what_the_formats_can_be_read_from(head, done: Run, out: Path, suffix: str) -> None:
    table = out.with_suffix(suffix)
    done("measure", "--qsm", head.qsm, "--thalami", head.thalami, "--csf", head.csf, "--reverse", "--out", table)
    (row,) = read_table(table).to_dict("records")
    record, _ = measure_files(qsm=head.qsm, thalami=head.thalami, csf=head.csf)
    assert row["chi_ppb"] == pytest.approx(record.values["chi_ppb"], rel=1e-12)
    assert row["csf_minus_thalamus_ppb"] == -row["chi_ppb"]  # the reverse is an option with a name of its own
    assert row["csf_minus_thalamus_left_ppb"] == -row["chi_left_ppb"]
    assert "csf_minus_thalamus_ppb" not in record.values


def test_a_csv_says_beside_it_what_its_numbers_are_and_replaces_no_record(
    head, done: Run, refused: Run, out: Path
) -> None:
    given = ("measure", "--qsm", head.qsm, "--thalami", head.thalami, "--csf", head.csf, "--out")
    done(*given, out / "numbers.csv")
    meaning = json.loads((out / "numbers.json").read_text("utf-8"))
    assert "minus mean of the CSF ROIs" in meaning["chi_ppb"]["Description"]
    done(*given, out / "record.json")
    record = (out / "record.json").read_bytes()
    assert "would replace it" in refused(*given, out / "record.csv")
    assert (out / "record.json").read_bytes() == record


def test_measure_takes_any_label_map(head, done: Run, refused: Run, out: Path, tmp_path: Path) -> None:
    names = tmp_path / "names.tsv"
    names.write_text("index\tname\n1\tleft thing\n2\tright thing\n", "utf-8")
    table = out.with_suffix(".csv")
    said = done(
        "measure", "--qsm", head.qsm, "--csf", head.csf, "--labels", head.thalami, "--names", names, "--out", table
    )
    assert said.splitlines()[1].endswith("left thing")
    record, _ = measure_files(qsm=head.qsm, thalami=head.thalami, csf=head.csf)
    rows = read_table(table).set_index("structure").to_dict("index")
    for side in ("left", "right"):
        assert rows[f"{side} thing"]["chi_ppb"] == pytest.approx(record.values[f"chi_{side}_ppb"], rel=1e-12)
        assert rows[f"{side} thing"]["p95_ppb"] == pytest.approx(record.values[f"thalamus_{side}_p95_ppb"], rel=1e-12)
    assert "on its own" in refused("measure", "--qsm", head.qsm, "--labels", head.thalami, "--thalami", head.thalami)
    assert "on its own" in refused("measure", "--labels", head.thalami)


def test_measure_says_of_morphometry_where_each_number_came_from(
    done: Run, refused: Run, out: Path, tmp_path: Path
) -> None:
    folder = write_ball_subject(tmp_path / "014", (0, 0, 0))
    said = done("measure", "--freesurfer", folder, "--out", out / "brain.json").splitlines()
    assert said[0] == "sub-014"
    rows = {line.split()[0]: line for line in said[1:]}
    assert "stats/aseg.stats, Left-Thalamus" in rows["fs_thalamus_left_ml"]
    assert rows["thickness_mm"].split()[1:3] == ["3", "mm"]
    record = json.loads((out / "brain.json").read_text("utf-8"))
    assert record["values"]["morphometry"] == "FreeSurfer 7.4.1"
    assert record["values"]["fs_thalamus_ml"] == pytest.approx(
        record["values"]["fs_thalamus_left_ml"] + record["values"]["fs_thalamus_right_ml"]
    )
    assert "Left-Thalamus" in record["came_from"]["fs_thalamus_left_ml"]

    table = tmp_path / "volumes.csv"
    heads = "subject,total intracranial,left thalamus,right thalamus"
    table.write_text(f"{heads}\nsub-1.nii.gz,1400000,7000,7100\nsub-2.nii.gz,1500000,6000,6100\n")
    assert "name one of its scans" in refused("measure", "--freesurfer", table)
    said = done("measure", "--freesurfer", table, "--subject", "2")
    assert "fs_thalamus_left_ml               6 ml" in said
    assert [line.split()[1] for line in said.splitlines() if line.startswith("thickness_mm")] == ["-"]


def test_export_writes_record_and_lesions(head, done: Run, refused: Run, out: Path, tmp_path: Path) -> None:
    case = read_head(head, open_case([head.folder], derivatives=tmp_path / "d"))
    case.close()
    said = done("export", head.folder, "--derivatives", tmp_path / "d", "--tables", "xlsx", "--out", out)
    assert said.splitlines() == [str(out / f"sub-ball_{what}.xlsx") for what in ("measurements", "lesions")]
    (row,) = read_table(out / "sub-ball_measurements.xlsx").to_dict("records")
    assert row.pop("id") == "sub-ball"
    assert list(row) == list(measure_case(case).values)
    for name, value in measure_case(case).values.items():
        assert row[name] == pytest.approx(np.nan if value is None else value, nan_ok=True)
    lesions = pd.read_excel(out / "sub-ball_lesions.xlsx", sheet_name="data")
    assert lesions["case"].tolist() == ["sub-ball", "sub-ball"]
    assert lesions["number"].tolist() == [1, 2]
    assert lesions["state"].tolist() == ["accepted", "proposed"]
    done("export", head.folder, "--derivatives", tmp_path / "none", "--out", out)  # nothing was drawn there
    assert (out / "sub-ball_measurements.tsv").exists()
    assert not (out / "sub-ball_lesions.tsv").exists()


def test_measure_asks_for_an_ambiguous_unit(head, done: Run, refused: Run, tmp_path: Path) -> None:
    image = nib.load(head.qsm)
    path = tmp_path / "Chimap.nii.gz"
    nib.save(nib.Nifti1Image((image.get_fdata() * 100).astype(np.float32), image.affine), path)
    command = ("measure", "--qsm", path, "--thalami", head.thalami, "--csf", head.csf)
    said = refused(*command)
    assert "Chimap.nii.gz" in said
    assert "--unit" in said
    assert re.search(r"^chi_ppb +-2\.8", done(*command, "--unit", "ppb"), re.MULTILINE)


def test_cohort_collects_cases_and_regress_reads_it(done: Run, out: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    rows = ["id,age,sex,duration,dmt,enhancing"]
    for n in range(1, 31):
        folder = tmp_path / "d" / f"sub-{n:02d}" / "anat"
        folder.mkdir(parents=True)
        chi = float(rng.normal(-29, 10))
        values = {
            "chi_ppb": chi,
            "thalamus_ml": 14 - 0.1 * chi + float(rng.normal()),
            "lesion_ml": float(rng.lognormal()),
        }
        record = {"id": f"sub-{n:02d}", "values": values, "dictionary": {"chi_ppb": {"Units": "ppb"}}}
        (folder / f"sub-{n:02d}_desc-measurements.json").write_text(json.dumps(record))
        rows.append(f"{n:02d},{rng.integers(25, 60)},{n % 2},{rng.integers(1, 20)},{n % 3 == 0:d},{n % 7 == 0:d}")
    (tmp_path / "covariates.csv").write_text("\n".join(rows[:-1]))
    table = out / "cohort.tsv"
    said = done("cohort", tmp_path / "d", "--covariates", tmp_path / "covariates.csv", "--out", table)
    assert said.startswith("30 cases, 9 columns")
    assert "cases without covariates: sub-30" in said
    assert json.loads((out / "cohort.json").read_text("utf-8"))["chi_ppb"]["Units"] == "ppb"
    assert len(table.read_text("utf-8").splitlines()) == 31
    tables = done("regress", table)
    assert re.search(r"Thalamic volume \(mm.\) +-\d", tables)


def test_regress_gives_the_studys_tables_on_the_synthetic_cohort(done: Run) -> None:
    said = done("regress", "synthetic")
    assert "synthetic" in said
    for line in (
        r"Thalamic volume \(mm.\) +9\.0 +-28\.0, 46\.1 +\.63 +95 +9\.4 +-28\.9, 47\.7 +\.63 +95",
        r"T2 lesion volume \(ln ml\) +0\.026 +0\.0016, 0\.051 +\.037\* +95 +0\.029 +0\.0057, 0\.053 +\.015\* +95",
        r"Presence of enhancing lesions +8\.40 +0\.41, 16\.40 +\.04\* +95 +10\.68 +2\.28, 19\.09 +\.013\* +95",
    ):
        assert re.search(line, said)


def test_regress_analyses_the_cases_that_are_asked_for(done: Run, refused: Run, tmp_path: Path) -> None:
    table = synthetic_cohort()
    young = int((table["age"] <= 50).sum())
    said = done("regress", "synthetic", "--where", "age <= 50")
    assert f"95 cases, {95 - young} not with age <= 50: {young} analysed" in said
    assert "no column 'size'" in refused("regress", "synthetic", "--where", "size > 3")
    table["excluded"] = [None] * 90 + ["image quality"] * 5
    write_table(table, tmp_path / "cohort.csv")
    said = done("regress", tmp_path / "cohort.csv")
    assert "95 cases, 5 excluded (image quality 5): 90 analysed" in said


def test_results_of_a_cohort_go_where_they_are_wanted(
    done: Run, out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pages themselves are tested with the reports; here, which table is asked for from where to where."""
    asked = []
    monkeypatch.setattr(
        cohort_report, "write_cohort_report", lambda table, path: asked.append((len(table), path)) or path
    )
    monkeypatch.setattr(
        regression, "write_regression", lambda table, path, _where: asked.append((len(table), path)) or [path]
    )
    (tmp_path / "c.csv").write_text("id,chi_ppb\na,1\nb,2\n")
    done("report", tmp_path / "c.csv", "--out", out / "c.html")
    done("regress", "synthetic", "--out", out)
    assert asked == [(2, out / "c.html"), (95, out)]


@pytest.mark.parametrize(
    ("given", "answer"),
    [
        (("--n", 95, "--power", 0.8), "n = 95, r = 0.2841, power = 0.800"),
        (("--n", 95, "--r", 0.28), "n = 95, r = 0.2800, power = 0.788"),
        (("--r", 0.28, "--power", 0.8), "n = 98, r = 0.2800, power = 0.800"),
        (("--n", 95, "--r", -0.28), "n = 95, r = -0.2800, power = 0.788"),
    ],
)
def test_power_gives_the_missing_one(done: Run, given: tuple[object, ...], answer: str) -> None:
    assert done("power", *given).startswith(answer)


def test_report_of_a_case_is_written(head, done: Run, out: Path) -> None:
    done("report", head.folder, "--derivatives", out / "d", "--out", out / "case.html")
    page = (out / "case.html").read_text("utf-8")
    assert "sub-ball" in page
    assert "The left thalamus is not contoured." in page
    assert not (out / "d").exists()  # a report changes nothing


@pytest.fixture
def window(monkeypatch: pytest.MonkeyPatch) -> list[tuple[object, ...]]:
    """What the window would have been asked to open."""
    asked: list[tuple[object, ...]] = []
    app = types.ModuleType("app")
    app.open_window = lambda *a: asked.append(("open", *a)) or 0  # type: ignore[attr-defined]
    app.run_demo = lambda *a: asked.append(("demo", *a)) or 0  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "thaliron_napari.viewer.app", app)
    return asked


def test_without_a_verb_the_window_opens(head, done: Run, window: list[tuple[object, ...]]) -> None:
    done(head.folder)
    done("--qsm", "q.nii", "--reader", "me")
    done()
    done("open", "demo")
    assert window == [
        ("open", [head.folder], {}, None, ""),
        ("open", [], {"qsm": Path("q.nii")}, None, "me"),
        ("open", [], {}, None, ""),
        ("open", [Path("demo")], {}, None, ""),
    ]


def test_demo_is_passed_on(done: Run, window: list[tuple[object, ...]]) -> None:
    done("demo")
    done("demo", "--offscreen", "--out", "d", "--size", "small")
    assert window == [("demo", None, False, "full"), ("demo", Path("d"), True, "small")]


def test_a_defect_is_one_line_and_debug_shows_it(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    app = types.ModuleType("app")

    def broken(*_: object) -> int:
        raise ZeroDivisionError("in the middle")

    app.open_window = broken  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "thaliron_napari.viewer.app", app)
    assert main([]) == 1
    assert re.fullmatch(r"thaliron: a defect .*in the middle.*--debug.*\n", capsys.readouterr().err)
    with pytest.raises(ZeroDivisionError):
        main(["--debug"])


def test_help_and_version_say_themselves(capsys) -> None:
    for arguments in (["--help"], ["grow", "--help"], ["--version"]):
        with pytest.raises(SystemExit) as stopped:
            main(arguments)
        assert stopped.value.code == 0
    out = capsys.readouterr().out
    assert f"thaliron {__version__}" in out
    assert "RAS mm" in out
    listed = re.findall(r"^    ([a-z]+) ", out, re.MULTILINE)
    verbs = "open demo import register contour grow qsm measure cohort regress power agree report export log"
    assert listed == verbs.split()


def test_the_command_itself_loads_nothing_heavy() -> None:
    code = "import sys, thaliron_napari.cli; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(run.stdout.split())
    assert not {"numpy", "nibabel", "scipy", "pandas", "matplotlib", "napari", "statsmodels", "SimpleITK"} & loaded


def test_the_module_is_the_command() -> None:
    run = subprocess.run([sys.executable, "-m", "thaliron_napari", "--version"], capture_output=True, text=True)
    assert (run.returncode, run.stdout) == (0, f"thaliron {__version__}\n")
