"""The scripted demo: the phantom patient read in a real window, measured against its truth."""

from pathlib import Path

from qtpy.QtTest import QTest

from thaliron_napari.case import Case, Role, open_case
from thaliron_napari.viewer.phantom_case import SUBJECT, Knowledge, learn
from thaliron_napari.viewer.scripted_reader import read_case


def scripted_reading(images: dict[Role, Path], folder: Path) -> int:
    """Read the phantom in a real window and write pictures, tables and reports.

    Returns
    -------
    int
        0 when the numbers agree with the truth, 1 otherwise.
    """
    import napari

    from thaliron_napari.viewer.app import make_window

    derivatives = folder / "derivatives" / "thaliron"
    journal = derivatives / f"sub-{SUBJECT}" / "anat" / f"sub-{SUBJECT}_desc-edits.jsonl"
    journal.unlink(missing_ok=True)  # the demo starts from nothing each time
    case = open_case([], images=images, derivatives=derivatives)
    viewer = napari.Viewer(title="ThalIron")
    viewer.window.resize(1560, 960)
    panel = make_window(case, viewer=viewer)
    pictures = folder / "pictures"
    pictures.mkdir(parents=True, exist_ok=True)

    def picture(name: str) -> None:
        QTest.qWait(400)
        viewer.screenshot(str(pictures / f"{name}.png"), canvas_only=name.startswith("figure"), flash=False)

    knowledge = learn(case)
    read_case(panel, knowledge, folder, picture)
    values = _report(case, knowledge, folder, pictures)
    viewer.close()
    return values


def _report(case: Case, knowledge: Knowledge, folder: Path, pictures: Path) -> int:
    """Print what was measured beside the truth, and where everything is."""
    from thaliron_napari.measurement import measure_case

    values = measure_case(case).values
    rows = (
        ("relative susceptibility, ppb", values.get("chi_ppb"), knowledge.relative_ppb, 3.0),
        ("thalamic volume, ml", values.get("thalamus_ml"), knowledge.thalami_ml, 0.10 * knowledge.thalami_ml),
        ("lesion volume, ml", values.get("lesion_ml"), knowledge.lesions_ml, 0.15 * knowledge.lesions_ml),
    )
    print(f"\n{'':32}{'measured':>10}{'truth':>10}")
    good = True
    for words, value, truth, allowed in rows:
        print(f"{words:32}{value if value is None else format(value, '10.2f')}{truth:10.2f}")
        good &= isinstance(value, float) and abs(value - truth) <= allowed
    print(
        f"\npictures  {pictures}\ntables    {folder / 'tables'}\nreports   {folder / 'reports'}\n"
        f"case      {case.folder}"
    )
    return 0 if good else 1
