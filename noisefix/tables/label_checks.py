"""What is odd about a label column: words for no label, several labels in a cell, scores."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Sequence

from noisefix.errors import DataError

_SHOWN = 5
_MANY_SCORES = 20
_ROWS_OF_A_CLASS = 10
_MIN_ROWS_TO_DOUBT = 20
_MISSING = frozenset(
    (
        *("na", "n/a", "n.a.", "n.a", "#n/a", "#na", "none", "null", "<null>", "nil", "\\n"),
        *("?", "??", "???", "-", "--", "---", "–", "—", ".", "...", "_", "*", "/"),
        *("unknown", "unknown?", "unlabeled", "unlabelled", "no label", "no_label", "nolabel"),
        *("missing", "not available", "not labeled", "not labelled", "undefined", "unspecified"),
        *("(blank)", "[blank]", "blank", "(empty)", "[empty]", "empty", "(none)", "[none]"),
        *("tbd", "todo", "to do", "#ref!", "#value!", "#name?", "#null!", "#div/0!", "-1"),
    )
)
_NEVER_IN_A_NAME = ("|", ";", "\n", "\t")
_IN_NAMES_TOO = ("+", "&", " and ")
_SEPARATORS = (*_NEVER_IN_A_NAME, ",", "/", *_IN_NAMES_TOO)
_NUMBER = re.compile(r"[+-]?\d+")
_SCORE = re.compile(r"[+-]?\d*\.\d+(e[+-]?\d+)?", re.IGNORECASE)


def parse_missing(words: str | None) -> tuple[str, ...] | None:
    """Return the labels that ``--missing-labels`` names; None where nothing was said."""
    return None if words is None else tuple(w for part in words.split(",") if (w := part.strip()))


def label_warnings(
    labels: Sequence[str | None], where: str, missing: Sequence[str] | None, *, refuse: bool
) -> list[str]:
    """Return all that is odd about labels.

    Args:
        labels: (N,) labels, None for an unlabelled row.
        where: file and column, for messages.
        missing: the labels that mean that there is none; None: nobody has said.
        refuse: fail where cells hold several labels, or scores.

    Raises:
        DataError: they do, and ``refuse`` is set.
    """
    warnings = missing_words(labels, where) if missing is None else []
    for check in (check_single, check_scores):
        try:
            warnings += check(labels, where)
        except DataError as error:
            if refuse:
                raise
            warnings.append(error.message)
    return warnings


def check_classes(labels: Sequence[str | None], where: str) -> None:
    """Check that there are classes to tell apart.

    Raises:
        DataError: no label, one class only, or nearly a class for each row.
    """
    given = [label for label in labels if label is not None]
    distinct = set(given)
    hint = "is this the label column? name another with --label-column NAME"
    if not given:
        raise DataError(f"{where}: no row has a label", hint)
    if len(distinct) == 1:
        raise DataError(
            f"{where}: all {len(given)} labelled rows have the label {given[0]!r}; "
            "two classes or more are needed",
            hint,
        )
    if len(given) >= _MIN_ROWS_TO_DOUBT and len(distinct) > len(given) / 2:
        raise DataError(
            f"{where}: {len(distinct)} different labels in {len(given)} labelled rows", hint
        )


def missing_words(labels: Sequence[str | None], where: str) -> list[str]:
    """Warn of labels that may mean that there is none; no label is taken away for it.

    Args:
        labels: (N,) labels, None for an unlabelled row.
        where: file and column, for messages.
    """
    counts = Counter(label for label in labels if label is not None)
    found = [label for label in counts if label.casefold() in _MISSING]
    if all(_NUMBER.fullmatch(label) for label in counts):
        found = [label for label in found if label != "-1" or len(counts) > 3]
    if not found or len(found) == len(counts):
        return []
    found.sort(key=lambda label: (-counts[label], label))
    rows = sum(counts[label] for label in found)
    noun = "1 label looks" if rows == 1 else f"{rows:,} labels look"
    said = ", ".join(f"{label!r} ({counts[label]:,} x)" for label in found[:_SHOWN])
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return [
        f"{where}: {noun} like words for no label, but are taken for classes: {said}{more}. To "
        f'make such rows unlabelled, pass --missing-labels "{",".join(found)}"; if they are '
        'classes, --missing-labels "" ends this warning'
    ]


def check_single(labels: Sequence[str | None], where: str) -> list[str]:
    """Check that a cell holds one label, not several; warn where it cannot be told.

    Several are told by a list (``['a', 'b']``), and by ``a|b`` (or with ; , / + & "and" or a line
    break) where both parts are classes of their own too. One such combination alone may be a class,
    but with | ; and line breaks.

    Args:
        labels: (N,) labels, None for an unlabelled row.
        where: file and column, for messages.

    Raises:
        DataError: cells hold several labels.
    """
    counts = Counter(label for label in labels if label is not None)
    separator, joined = _joined(counts)
    if separator is None:
        return []
    if _is_sure(separator, joined):
        raise _several(joined, counts, where, separator)
    return [
        f"{where}: the label {joined[0]!r} ({counts[joined[0]]:,} rows) is made of other "
        "classes, and taken for a class of its own; if a row may have several labels: "
        f"noisefix detect --multi-label {_quoted(separator)}"
    ]


def separator_of(labels: Sequence[str | None]) -> str | None:
    """Return what stands between several labels in a cell; None: cells hold one label each.

    Args:
        labels: (N,) labels, None for an unlabelled row; as for ``check_single``.
    """
    separator, joined = _joined(Counter(label for label in labels if label is not None))
    return separator if separator is not None and _is_sure(separator, joined) else None


def _joined(counts: Counter[str]) -> tuple[str | None, list[str]]:
    """Return a separator ("list": none, but lists) and the labels that it divides."""
    lists = [label for label in counts if _is_list(label)]
    if lists:
        return "list", lists
    for separator in _SEPARATORS:
        joined = [label for label in counts if _is_joined(label, separator, counts)]
        if joined and not (separator == "," and all(_is_decimal(label) for label in joined)):
            return separator, joined
    return None, []


def _is_sure(separator: str, joined: Sequence[str]) -> bool:
    return len(joined) > 1 or separator in ("list", *_NEVER_IN_A_NAME)


def check_scores(labels: Sequence[str | None], where: str) -> list[str]:
    """Warn where labels are numbers with decimals, each its own class.

    Raises:
        DataError: and there are fewer than ten rows for each.
    """
    given = [label for label in labels if label is not None]
    distinct = set(given)
    scores = [label for label in distinct if _SCORE.fullmatch(label)]
    if len(scores) <= _MANY_SCORES or len(scores) < len(distinct) / 2:
        return []
    hint = "if they are scores, cut them into classes first, or name another --label-column"
    found = f"{where}: {len(scores):,} different numbers such as {min(scores)}"
    if len(given) < _ROWS_OF_A_CLASS * len(distinct):
        raise DataError(f"{found} in {len(given):,} labelled rows are no classes", hint)
    return [f"{found} are taken for classes; {hint}"]


def _several(labels: list[str], counts: Counter[str], where: str, separator: str) -> DataError:
    rows = sum(counts[label] for label in labels)
    shown = ", ".join(sorted(map(repr, labels), key=lambda label: (len(label), label))[:3])
    return DataError(
        f"{where}: {rows:,} of {counts.total():,} labelled rows hold several labels in one cell "
        f"({shown}{', ...' if len(labels) > 3 else ''}); one label a row is needed",
        f"if a row may have several labels: noisefix detect --multi-label {_quoted(separator)}; if "
        "these are classes of their own, write them without the separator; or name another "
        "--label-column",
    )


def _quoted(separator: str) -> str:
    if separator == "list":
        return separator
    return f'"{separator}"' if separator.isprintable() else f"${separator!r}"


def _is_list(label: str) -> bool:
    """Tell a Python or JSON list of two labels or more."""
    if not (label[:1] in "[({" and label[-1:] in "])}" and "," in label):
        return False
    try:
        value = ast.literal_eval(label)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return False
    return isinstance(value, list | tuple | set) and len(value) > 1


def _is_joined(label: str, separator: str, classes: Counter[str]) -> bool:
    parts = {part.strip() for part in label.split(separator)} - {""}
    least = len(parts) if separator in _IN_NAMES_TOO else 2
    return len(parts) > 1 and sum(part in classes for part in parts) >= least


def _is_decimal(label: str) -> bool:
    """Tell "1,5": where all are like this, the comma is a decimal one."""
    whole, _, fraction = label.partition(",")
    return bool(_NUMBER.fullmatch(whole)) and fraction in ("0", "5", "25", "75")
