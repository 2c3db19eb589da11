"""What a notebook shows of a result: the verdict, and the most suspicious rows."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from noisefix.detection.verdict import flags, opening, uncertainty
from noisefix.wording import plural

if TYPE_CHECKING:
    from noisefix.detection.findings import DetectResult

_MOST_ROWS = 10
_MOST_CHARACTERS = 160


def detection_html(result: DetectResult) -> str:
    """Return a summary as HTML; texts, labels and names are escaped."""
    wrong = (result.flagged_wrong, result.flagged_wrong_low, result.flagged_wrong_high)
    several = result.several_labels is not None
    verdict = (
        f"{opening(result.verdict, result.noise_rate, several_labels=several)} "
        f"({uncertainty(result.noise_rate_low, result.noise_rate_high)}). "
        f"{flags(result.n_issues, *wrong)}."
    )
    about = (
        f"{result.input_name}: {plural(result.rows, 'row')}, "
        f"{plural(len(result.classes), 'class')}, {result.encoder}. Run folder: {result.run}"
    )
    head = ("id", "text", "given", "seems", "p(wrong)", "why")
    rows = [
        (
            row.id,
            _cut(row.text),
            row.given_label,
            row.suggested_label,
            f"{row.p_error:.2f}",
            row.reasons[0] if row.reasons else "",
        )
        for row in result.top[:_MOST_ROWS]
    ]
    table = "".join(_row(cells, "td") for cells in rows)
    return (
        f"<div><p><strong>{_safe(verdict)}</strong><br>{_safe(about)}</p>"
        f"<table><thead>{_row(head, 'th')}</thead><tbody>{table}</tbody></table></div>"
    )


def _row(cells: tuple[str, ...], tag: str) -> str:
    return "<tr>" + "".join(f"<{tag}>{_safe(cell)}</{tag}>" for cell in cells) + "</tr>"


def _safe(text: str) -> str:
    """Escape what is markup, and replace what is not seen and may turn the text around."""
    return escape("".join(char if char.isprintable() else " " for char in text))


def _cut(text: str) -> str:
    return text if len(text) <= _MOST_CHARACTERS else f"{text[:_MOST_CHARACTERS]}…"
