"""A model as a line of text, ``y ~ x1 + ln(x2) + category(site)``, read without running any of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from thaliron_napari.errors import ModelError

_HELP = "write it as outcome ~ predictor + predictor, such as ln(lesion_ml) ~ chi_ppb + age + category(site)"
_OPERATORS = "*:^|/-%=<>"
_CATEGORY = re.compile(r"category\s*\((?P<column>.+?)(?:,\s*reference\s*=\s*(?P<level>[^,]+?)\s*)?\)")


@dataclass(frozen=True)
class Formula:
    """What a formula says, in the words that `fit` takes."""

    outcome: str
    predictors: tuple[str, ...]
    references: Mapping[str, str] = field(default_factory=dict)


def parse_formula(text: str) -> Formula:
    """Read a formula.

    Parameters
    ----------
    text : str
        ``outcome ~ term + term``. A term is a column, ``ln(column)`` or another term that the table knows,
        ``category(column)`` or ``category(column, reference=level)``. The constant is always in the model. A column
        whose name holds a sign of the formula stands between backticks: `` `T2-lesions` ``.

    Returns
    -------
    Formula
        Whether the table has these columns is for `fit` to say.

    Raises
    ------
    ModelError
        Where it is no formula of this kind.
    """
    sides = _split(text, "~")
    if len(sides) != 2:
        found = "no ~" if len(sides) == 1 else "more than one ~"
        raise ModelError(f"the formula {text.strip()!r} has {found}; {_HELP}")
    left, right = sides
    if not left.strip():
        raise ModelError(f"the formula {text.strip()!r} has no outcome before its ~; {_HELP}")
    if not right.strip():
        raise ModelError(f"the formula {text.strip()!r} has no predictor after its ~; {_HELP}")
    references: dict[str, str] = {}
    predictors = tuple(_term(part, references) for part in _split(right, "+"))
    if len(outcomes := _split(left, "+")) > 1:
        raise ModelError(f"the formula has {len(outcomes)} outcomes before its ~; it takes one")
    return Formula(_term(left, {}), predictors, references)


def _split(text: str, sign: str) -> list[str]:
    """Parts of a text between signs that stand outside parentheses and backticks."""
    parts, depth, quoted, start = [], 0, False, 0
    for i, letter in enumerate(text):
        if letter == "`":
            quoted = not quoted
        elif quoted:
            continue
        elif letter in "()":
            depth += 1 if letter == "(" else -1
            if depth < 0:
                raise ModelError(f"the formula has a ) without its ( after {text[:i].strip()!r}; take it out")
        elif letter == sign and depth == 0:
            parts.append(text[start:i])
            start = i + 1
    if quoted:
        raise ModelError("the formula has a ` without its partner; a column's name stands between two of them")
    if depth > 0:
        raise ModelError(f"the formula has a ( that is not closed in {text.strip()!r}; add the )")
    return [*parts, text[start:]]


def _term(text: str, references: dict[str, str]) -> str:
    """One term as `fit` takes it; the reference level of a category goes into `references`."""
    text = text.strip()
    if not text:
        raise ModelError(f"the formula has a + or an end with no column beside it; {_HELP}")
    if text.startswith("`") and text.endswith("`") and text.count("`") == 2:
        return text[1:-1]
    if text in ("1", "+1"):
        raise ModelError("the constant is always in the model; leave the 1 out of the formula")
    if text in ("0", "-1") or text.endswith("-1"):
        raise ModelError("a model without a constant is not offered; leave the 0 or -1 out of the formula")
    outside = re.sub(r"`[^`]*`", "", _without_parentheses(text))
    for sign in _OPERATORS:
        if sign in outside:
            raise ModelError(
                f"{text!r} is no term of a formula: predictors are joined by + alone, and a column whose name "
                f"holds {sign} stands between backticks"
            )
    if category := _CATEGORY.fullmatch(text):
        name = f"category({_plain(category['column'])})"
        if category["level"]:
            references[name] = _plain(category["level"])
        return name
    if call := re.fullmatch(r"(?P<function>[A-Za-z_]\w*)\s*\((?P<inside>.*)\)", text):
        if not call["inside"].strip():
            raise ModelError(f"{text!r} names no column between its parentheses")
        if call["function"] == "log":
            natural = f"ln({_plain(call['inside'])})"
            raise ModelError(f"{text!r} does not say which logarithm; write {natural} for the natural one")
        return f"{call['function']}({_plain(call['inside'])})"
    if ")" in text or "(" in text:
        raise ModelError(f"{text!r} is no term of a formula; join terms by +")
    return text.replace("`", "")


def _without_parentheses(text: str) -> str:
    depth, kept = 0, []
    for letter in text:
        depth += (letter == "(") - (letter == ")")
        if depth == 0 and letter != ")":
            kept.append(letter)
    return "".join(kept)


def _plain(text: str) -> str:
    return text.strip().replace("`", "").strip("'\"")
