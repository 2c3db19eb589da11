"""What is said of all labels together, in two sentences, wherever it is said."""

from __future__ import annotations

from noisefix.wording import interval, percent, plural

_WORDS = {
    "clean": ("These labels look clean", "look wrong"),
    "some": ("Some labels look wrong", "of them"),
    "many": ("Many labels look wrong", "of them"),
}
"""By verdict: how the sentence begins, and what the share is of."""

_WORDS_OF_ROWS = {
    "clean": ("These labels look clean", "of the rows look wrong"),
    "some": ("Some rows look wrongly labelled", "of them"),
    "many": ("Many rows look wrongly labelled", "of them"),
}
"""The same where a row may have several labels, and is wrong if any of them is."""


def opening(verdict: str, noise_rate: float, *, several_labels: bool = False) -> str:
    """Say how the labels look: "Some labels look wrong: about 14 % of them".

    Args:
        verdict: "clean", "some" or "many".
        noise_rate: estimated share of wrong labels, in [0, 1]; of rows with one where a row may
            have several.
        several_labels: it may.
    """
    words, about = (_WORDS_OF_ROWS if several_labels else _WORDS)[verdict]
    return f"{words}: about {percent(noise_rate)} {about}"


def uncertainty(low: float, high: float) -> str:
    """Say how sure the share is: "estimate; 90 % interval 7 to 26 %".

    Args:
        low: lower end of the interval, in [0, 1].
        high: upper end.
    """
    return f"estimate; 90 % interval {interval(low, high)}"


def flags(issues: int, wrong: float, low: float, high: float) -> str:
    """Say how many rows are flagged, and how many of them are wrong.

    Args:
        issues: flagged rows.
        wrong: how many of them are wrong, as is expected.
        low: lower end of the 90 % interval of it.
        high: upper end.
    """
    if not issues:
        return "No row looks wrong enough to be flagged"
    verb = "is" if issues == 1 else "are"
    return f"{plural(issues, 'row')} {verb} flagged, {_expected(issues, wrong, low, high)}"


def _expected(issues: int, wrong: float, low: float, high: float) -> str:
    if issues == 1:
        return f"wrong with a probability of {wrong:.2f}"
    least, most = round(low), round(high)
    span = f"{least:,}" if least == most else f"{least:,} to {most:,}"
    return f"about {span} of them wrong"
