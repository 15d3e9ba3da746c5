"""The frame that all pages share: one HTML file that needs nothing but itself."""

from collections.abc import Collection, Iterable, Sequence
from html import escape


def html_page(title: str, parts: Iterable[str]) -> str:
    """Page of HTML parts, with empty ones left out."""
    return _PAGE.format(title=escape(title), style=_STYLE, body="\n".join(part for part in parts if part))


def html_table(
    rows: Sequence[Sequence[str]], *, groups: str = "", gap: int | None = None, words: Collection[int] = ()
) -> str:
    """Table with the first row as its head and the first column as its names.

    A wider gap stands before column `gap`; the columns `words` hold text, the others numbers.
    """

    def cells(row: Sequence[str], tag: str) -> str:
        parts = [f"<th scope='row'>{escape(row[0])}</th>" if tag == "td" else "<td></td>"]
        for i, cell in enumerate(row[1:], start=1):
            said = (("gap", i == gap), ("yes", cell.endswith("*")), ("words", i in words))
            marks = [mark for mark, yes in said if yes]
            named = f" class='{' '.join(marks)}'" if marks else ""
            parts.append(f"<{tag}{named}>{escape(cell)}</{tag}>")
        return f"<tr>{''.join(parts)}</tr>"

    head = groups + cells(rows[0], "th")
    body = "".join(cells(row, "td") for row in rows[1:])
    return f"<div class='scroll'><table><thead>{head}</thead><tbody>{body}</tbody></table></div>"


def html_notes(sentences: Sequence[str]) -> str:
    """Small print, a line a sentence."""
    return f"<p class='notes'>{'<br>'.join(escape(s) for s in sentences)}</p>" if sentences else ""


_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{style}</style>
</head>
<body><main>
{body}
</main></body>
</html>
"""

_STYLE = """
:root { color-scheme: light; }
body { margin: 0; background: #fff; color: #1d1f21; font: 16px/1.5 system-ui, "Segoe UI", "DejaVu Sans", sans-serif; }
main { max-width: 60rem; margin: 0 auto; padding: 2.5rem 1.5rem 4rem; }
.kicker { margin: 0; color: #0072B2; font-weight: 600; letter-spacing: .04em; }
h1 { margin: .1rem 0 .2rem; font-size: 1.9rem; line-height: 1.2; }
.lead { margin: 0; color: #555; }
h2 { margin: 2.6rem 0 .6rem; padding-bottom: .3rem; border-bottom: 1px solid #d5d8db; font-size: 1.3rem; }
h3 { margin: 1.8rem 0 .5rem; font-size: 1rem; }
h3.formula { font-family: ui-monospace, "DejaVu Sans Mono", monospace; }
.synthetic { margin: 1.4rem 0 0; padding: .7rem 1rem; border-left: 4px solid #E69F00; background: #fff6e3; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .92rem; font-variant-numeric: tabular-nums; }
thead tr:last-child > * { border-bottom: 1px solid #1d1f21; }
thead { border-top: 2px solid #1d1f21; }
tbody { border-bottom: 2px solid #1d1f21; }
th, td { padding: .25rem .7rem; text-align: right; white-space: nowrap; font-weight: 400; }
thead th { font-weight: 600; }
thead th[colspan] { text-align: center; }
th[scope=row] { padding-left: 0; text-align: left; }
td.words, th.words { text-align: left; white-space: normal; overflow-wrap: anywhere; min-width: 4.5rem; }
figure + .scroll { margin-top: 1.2rem; }
.gap { padding-left: 2rem; }
.yes { font-weight: 700; }
.notes { margin: .4rem 0 0; color: #555; font-size: .85rem; }
figure { margin: 1.2rem 0 0; }
figure img { width: 100%; height: auto; }
figcaption { color: #555; font-size: .85rem; }
@media print { main { max-width: none; padding: 0; } section, figure, table { break-inside: avoid; } }
"""
