"""The upper part of the page: the verdict, the noise rate, classes and confusions."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from noisefix.detection.verdict import flags, opening
from noisefix.reporting.judgement import Judgement

INTERVAL = 0.9


def overview(judged: Judgement) -> dict[str, Any]:
    """Return what the page says of all labels: verdict, noise, classes, confusions."""
    return {
        "verdict": _verdict(judged),
        "noise": _noise(judged),
        "classes": _classes(judged),
        "confusions": None if judged.has_several_labels else _confusions(judged),
    }


def _verdict(judged: Judgement) -> dict[str, str]:
    facts, several = judged.facts, judged.has_several_labels
    level = facts.get("verdict", "some")
    issues = int(judged.is_issue.sum())
    expected = float(judged.p_error[judged.is_issue].sum())
    ends = [facts.get(f"flagged_wrong{end}", expected) for end in ("", "_low", "_high")]
    if issues != facts.get("issues", issues):  # answers or decisions came since
        ends = [expected] * 3
    return {
        "level": level,
        "sentence": f"{opening(level, facts['noise_rate'], several_labels=several)}.",
        "detail": f"{flags(issues, *ends)}. All this is estimated from the data themselves.",
    }


def _noise(judged: Judgement) -> dict[str, Any]:
    rate = judged.facts["noise_rate"]
    return {
        "rate": rate,
        "low": judged.facts.get("noise_rate_low", rate),
        "high": judged.facts.get("noise_rate_high", rate),
        "interval": INTERVAL,
    }


def _classes(judged: Judgement) -> dict[str, list[Any]]:
    columns = judged.classes
    shares = {
        name: [round(float(value), 5) for value in columns[column]]
        for name, column in (
            ("given", "given_share"),
            ("estimated", "true_share"),
            ("wrong", "noise_rate"),
            ("low", "noise_rate_low"),
            ("high", "noise_rate_high"),
        )
    }
    counts = {"rows": columns["rows"], "flagged": columns["issues"]}
    if judged.has_several_labels:
        missing = [round(float(value), 1) for value in columns["missing"]]
        counts |= {"lacking": columns["lacking"], "missing": missing}
    return {"name": list(judged.class_names), **counts, **shares}


def _confusions(judged: Judgement) -> dict[str, list[Any]]:
    """Return the pairs of classes of which rows are flagged, or are expected to be confused."""
    flagged = np.flatnonzero(judged.is_issue & (judged.given_labels >= 0))
    given, suggested = judged.given_labels[flagged], judged.suggested_labels[flagged]
    counts = Counter(zip(given.tolist(), suggested.tolist(), strict=True))
    place = {name: k for k, name in enumerate(judged.class_names)}
    expected = {
        (place[g], place[s]): round(float(x), 2)
        for g, s, x in zip(
            *(judged.pairs.get(k, ()) for k in ("given_label", "suggested_label", "expected_rows")),
            strict=True,
        )
    }
    cells = sorted({*counts, *expected})
    return {
        "given": [g for g, _ in cells],
        "suggested": [s for _, s in cells],
        "flagged": [counts[cell] for cell in cells],
        "expected": [expected.get(cell, float(counts[cell])) for cell in cells],
    }
