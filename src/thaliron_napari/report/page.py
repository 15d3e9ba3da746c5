"""The frame that all pages share: one HTML file that needs nothing but itself."""

from collections.abc import Collection, Iterable, Sequence
from html import escape


def html_page(title: str, parts: Iterable[str]) -> str:
    """Page of HTML parts, with empty ones left out."""
    return _PAGE.format(title=escape(title), style=_STYLE, body="\n".join(part for part in parts if part))


def html_table(
    rows: Sequence[Sequence[str]],
    *,
    groups: str = "",
    gap: int | None = None,
    words: Collection[int] = (),
    caption: str = "",
) -> str:
    """Table with the first row as its head and the first column as its names.

    A wider gap stands before column `gap`; the columns `words` hold text, the others numbers. The caption says above
    the table what holds for all of it.
    """

    def cells(row: Sequence[str], head: bool) -> str:
        named = f"<th scope='{'col' if head else 'row'}'>{escape(row[0])}</th>"
        parts = [named if row[0] or not head else "<td></td>"]
        tag, scope = ("th", " scope='col'") if head else ("td", "")
        for i, cell in enumerate(row[1:], start=1):
            said = (("gap", i == gap), ("yes", cell.endswith("*")), ("words", i in words))
            marks = [mark for mark, yes in said if yes]
            named = f" class='{' '.join(marks)}'" if marks else ""
            parts.append(f"<{tag}{scope}{named}>{escape(cell)}</{tag}>")
        return f"<tr>{''.join(parts)}</tr>"

    title = f"<caption>{escape(caption)}</caption>" if caption else ""
    head = groups + cells(rows[0], True)
    body = "".join(cells(row, False) for row in rows[1:])
    return f"<div class='scroll'><table>{title}<thead>{head}</thead><tbody>{body}</tbody></table></div>"


def html_list(sentences: Iterable[str]) -> str:
    """Sentences as a list."""
    return f"<ul>{''.join(f'<li>{escape(sentence)}</li>' for sentence in sentences)}</ul>"


def html_notes(sentences: Sequence[str]) -> str:
    """Small print, a line a sentence."""
    return f"<p class='notes'>{'<br>'.join(escape(s) for s in sentences)}</p>" if sentences else ""


# The policy keeps browsers from loading or running anything, whatever text came into the page.
_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
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
@page { size: A4; margin: 15mm; }
:root { color-scheme: only light; }
body { margin: 0; background: #fff; color: #1d1f21; font: 16px/1.5 system-ui, "Segoe UI", "DejaVu Sans", sans-serif; }
main { max-width: 60rem; margin: 0 auto; padding: 2.5rem 1.5rem 4rem; }
.kicker { margin: 0; color: #0072B2; font-weight: 600; letter-spacing: .04em; }
h1 { margin: .1rem 0 .2rem; font-size: 1.9rem; line-height: 1.2; overflow-wrap: anywhere; }
.lead { margin: 0; color: #555; }
h2 { margin: 2.6rem 0 .6rem; padding-bottom: .3rem; border-bottom: 1px solid #d5d8db; font-size: 1.3rem; }
h3 { margin: 1.8rem 0 .5rem; font-size: 1rem; }
h3.formula { font-family: ui-monospace, "DejaVu Sans Mono", monospace; }
.synthetic, .doubt { margin: 1.4rem 0 0; padding: .7rem 1rem; border-left: 4px solid #E69F00; background: #fff6e3; }
.doubt h2 { margin: 0; padding: 0; border: 0; font-size: 1.05rem; }
.doubt ul { margin: .2rem 0 .6rem; padding-left: 1.3rem; }
.doubt ul:last-child { margin-bottom: 0; }
.fine { margin: 1.4rem 0 0; padding: .7rem 1rem; border-left: 4px solid #009E73; background: #eef8f4; }
.scroll { overflow-x: auto; margin-top: 1.2rem; }
table { border-collapse: collapse; font-size: .92rem; font-variant-numeric: tabular-nums; }
caption { padding: 0 0 .4rem; color: #555; text-align: left; }
thead tr:last-child > * { border-bottom: 1px solid #1d1f21; }
thead { border-top: 2px solid #1d1f21; }
tbody { border-bottom: 2px solid #1d1f21; }
th, td { padding: .25rem .7rem; text-align: right; vertical-align: baseline; white-space: nowrap; font-weight: 400; }
thead th { font-weight: 600; white-space: normal; vertical-align: bottom; }
thead th[colspan] { text-align: center; }
tr > :first-child { padding-left: 0; text-align: left; }
td.words, th.words { text-align: left; white-space: normal; overflow-wrap: break-word; }
td.words:last-child { overflow-wrap: anywhere; min-width: 6rem; }
.gap { padding-left: 2rem; }
.yes { font-weight: 700; }
.said { white-space: pre-wrap; overflow-wrap: anywhere; }
.notes { margin: .4rem 0 0; color: #555; font-size: .85rem; }
figure { margin: 1.2rem 0 0; }
figure img:not([width]) { width: 100%; }
figure img { max-width: 100%; height: auto; vertical-align: top; object-fit: contain; object-position: left; }
figcaption { margin-top: .4rem; color: #555; font-size: .85rem; }
.key { color: #1d1f21; }
.key span { display: inline-block; margin-right: 1.4rem; white-space: nowrap; }
.key i { display: inline-block; width: 1.6rem; margin-right: .4rem; vertical-align: middle; }
@media print {
  :root { font-size: 9.5pt; }
  body { font-size: 1rem; line-height: 1.35; }
  main { max-width: none; padding: 0; }
  h1 { font-size: 16pt; }
  h2 { margin-top: 1.6rem; font-size: 12pt; }
  figure { margin-top: .6rem; }
  h2, h3, caption, thead { break-after: avoid; }
  section, figure, tr, .doubt, .fine { break-inside: avoid; }
  th, td { padding: .1rem .4rem; }
  th[scope=row] { white-space: normal; }
  thead { display: table-header-group; }
  .scroll { overflow: visible; margin-top: .6rem; }
  .synthetic, .doubt, .fine { print-color-adjust: exact; }
  figure img { max-height: 235mm; }
}
"""
