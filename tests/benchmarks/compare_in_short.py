"""What ``compare`` measured, in short: what a user gains, and what was asked of noisefix."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from compare_tables import GROUPS, Result, lead, mean_of, relabelled, sets_of
from report import Headline, Table, mean, number, percent, points

_BEHIND = -0.02  # lead in average precision below which a set is named


def first_screen(result: Result) -> list[Table]:
    """Return what a user gains, by who labelled, and where not."""
    return [_finding(result), _repairing(result)]


def _finding(result: Result) -> Table:
    rows = []
    for who, words in GROUPS.items():
        sets = sets_of(result, who)
        if sets:
            rates = [one["noise_rate"] for one in sets]
            rows.append(
                (
                    f"{words} ({len(sets)})",
                    f"{percent(min(rates), 0)} to {percent(max(rates), 0)}",
                    _both(sets, "precision_at_30", lambda x: f"{30 * x:.0f}"),
                    _both(sets, "flag_recall", _whole_percent),
                    _both(sets, "flag_precision", _whole_percent),
                    _both(sets, "flagged", _whole_percent),
                    _both(sets, "noise_rate_error", lambda x: f"{100 * x:.0f}"),
                )
            )
    return Table(
        "Finding wrong labels: noisefix / the plain script",
        (
            "labelled by (sets)",
            "labels that are wrong",
            "wrong among the 30 rows shown first",
            "wrong labels that are flagged",
            "flagged rows that are wrong",
            "rows flagged",
            "noise rate off by, points",
        ),
        tuple(rows),
        f"Means over the sets. {_where_not(result)}",
    )


def _where_not(result: Result) -> str:
    """Say where noisefix ranks below the plain script."""
    leads = {
        one["name"]: (found, GROUPS[one["who"]])
        for one in result["sets"]
        if (found := lead(one, "told", "average_precision")) is not None
    }
    behind = sorted((found, who, name) for name, (found, who) in leads.items() if found < _BEHIND)
    if not behind:
        return "On none of the sets is its ranking clearly worse than the plain script's."
    listed = ", ".join(f"`{name}` ({who}, {number(found)})" for found, who, name in behind)
    return (
        f"Where it does not help: on {len(behind)} of {len(leads)} sets its ranking is "
        f"worse than the plain script's by more than {number(-_BEHIND, 2)} of average "
        f"precision: {listed}."
    )


def _repairing(result: Result) -> Table:
    rows = []
    for who, words in GROUPS.items():
        sets = sets_of(result, who)
        if not sets:
            continue
        gains = [
            _gain(sets, lambda one: one["unaided"]),
            _gain(sets, lambda one: one["verified"].get("100", {}).get("alone")),
            _gain(sets, lambda one: one["verified"].get("100", {}).get("after")),
            _gain(sets, lambda one: one["columns"] and mean(relabelled(one).values())),
        ]
        given = percent(mean(one["given"] for one in sets), 0)
        rows.append((f"{words} ({len(sets)})", given, *gains))
    return Table(
        "Right labels, and points gained: mean (worst set)",
        (
            "labelled by (sets)",
            "right as given",
            "apply alone",
            "100 rows checked by hand, alone",
            "the same, and apply",
            "another annotator, half of the rows asked",
        ),
        tuple(rows),
        "Where nothing vouches for a change, apply alone changes nothing. The annotators are the "
        "sets' own columns of other answers, bad ones too; sets without one do not count.",
    )


def _gain(sets: Iterable[Result], after: Callable[[Result], float | None]) -> str:
    pairs = [(after(one), one["given"]) for one in sets]
    gains = [new - old for new, old in pairs if new is not None]
    return f"{100 * mean(gains):+.1f} ({100 * min(gains):+.1f})" if gains else "-"


def headlines(result: Result) -> list[Headline]:
    """Return what was asked of ranking, flags, calibration, noise rate and repair."""
    noisy = [one for one in result["sets"] if one["who"] != "clean"]
    if not noisy:
        return []
    f1 = [lead(one, "told", "f1") for one in noisy]
    lowest = min(x for x in f1 if x is not None)
    calibration = mean_of(noisy, "told", "calibration_error")
    rate = mean_of(noisy, "told", "noise_rate_error")
    unaided = [one["unaided"] - one["given"] for one in result["sets"]]
    lines = [
        Headline(
            f"F1 of the flags beyond the plain script's (worst set {number(lowest)})",
            number(mean(f1)),
            "at least .10, no set below -.08",
            mean(f1) >= 0.1 and lowest >= -0.08,
        ),
        Headline(
            "calibration error / noise-rate error",
            f"{number(calibration)} / {number(rate)}",
            "at most .10 / .09",
            calibration <= 0.1 and rate <= 0.09,
        ),
        Headline(
            "apply --strategy relabel alone, worst change of right labels in points",
            points(min(unaided)),
            "at least -0.10",
            min(unaided) >= -0.001,
        ),
    ]
    clean = [one["sides"]["told"] for one in sets_of(result, "clean")]
    if clean:
        flagged, estimated = (max(one[name] for one in clean) for name in ("flagged", "noise_rate"))
        lines.append(
            Headline(
                "clean sets: most rows flagged / highest noise rate",
                f"{percent(flagged)} / {percent(estimated)}",
                "at most 2 % / 3 %",
                flagged <= 0.02 and estimated <= 0.03,
            )
        )
    return lines


def _both(sets: list[Result], measure: str, show: Callable[[float], str]) -> str:
    found = [mean_of(sets, side, measure) for side in ("told", "plain")]
    return "-" if any(x != x for x in found) else " / ".join(show(x) for x in found)


def _whole_percent(value: float) -> str:
    return percent(value, 0)
