"""What ``compare`` measured, as tables for those who want it all."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import relabel_columns
from report import Table, mean, mean_interval, number, percent, points

Result = dict[str, Any]

GROUPS = {"people": "people", "rules": "rules", "model": "models", "clean": "clean sets"}
SIDES = {
    "told": "noisefix, told",
    "told_shipped": "the same, constants as shipped",
    "not_told": "noisefix, not told",
    "not_told_shipped": "the same, constants as shipped",
    "plain": "plain script",
    "datalab": "Datalab",
    "simifeat": "SimiFeat",
}


def in_short(one: Result) -> str:
    """Return how far a set is, for the terminal."""
    found = [number(one["sides"][side].get("average_precision")) for side in ("told", "plain")]
    return f"average precision {found[0]}, plain {found[1]}"


def lead(one: Result, side: str, measure: str) -> float | None:
    """Return by how much a side is above the plain script on a set; None: nothing to find."""
    ours, plain = (one["sides"][name].get(measure) for name in (side, "plain"))
    return None if ours is None or plain is None else ours - plain


def relabelled(one: Result) -> dict[str, float]:
    """Return the label accuracy after asking each of a set's annotators."""
    found: dict[str, float] = one["columns"]["relabelled"]
    return found


def technical(result: Result) -> list[Table]:
    """Return all other tables."""
    return [
        _leads(result),
        _sides(result),
        _sets(result),
        _verified(result),
        _accuracies(result),
        *relabel_columns.tables(result["sets"]),
    ]


def _leads(result: Result) -> Table:
    rows = []
    groups = [(words, [who]) for who, words in GROUPS.items() if who != "clean"]
    for words, kinds in [*groups, ("models and rules", ["model", "rules"]), ("all", [*GROUPS])]:
        sets = [one for one in result["sets"] if one["who"] in kinds]
        for side in ("told", "not_told", "datalab", "simifeat"):
            cells = [
                cell
                for measure in ("average_precision", "f1")
                for cell in _lead_cells(sets, side, measure)
            ]
            if cells[0] != "-":
                rows.append((f"{words}: {SIDES[side]}", *cells))
    return Table(
        "Beyond the plain script",
        (
            "labelled by: way",
            "average precision",
            "90 % interval",
            "worst set",
            "F1 of flags",
            "90 % interval",
            "worst set",
        ),
        tuple(rows),
        "Intervals: the sets drawn anew, 2,000 times.",
    )


def _lead_cells(sets: Iterable[Result], side: str, measure: str) -> list[str]:
    found = {one["name"]: lead(one, side, measure) for one in sets}
    there = {name: value for name, value in found.items() if value is not None}
    if not there:
        return ["-", "-", "-"]
    low, high = mean_interval(there.values())
    worst = min(there, key=lambda name: there[name])
    return [
        _signed(mean(there.values())),
        f"{_signed(low)} to {_signed(high)}",
        f"{worst} {_signed(there[worst])}",
    ]


def _signed(value: float) -> str:
    return number(value) if value < 0 else f"+{number(value)}"


_MEASURES = ("average_precision", "precision_at_30", "f1", "calibration_error", "noise_rate_error")


def _sides(result: Result) -> Table:
    rows = []
    for who, words in GROUPS.items():
        sets = sets_of(result, who)
        for side, name in SIDES.items() if sets else ():
            cells = [number(mean_of(sets, side, measure)) for measure in _MEASURES]
            covered = percent(mean_of(sets, side, "covered"), 0)
            flagged = percent(mean_of(sets, side, "flagged"))
            rows.append((f"{words}: {name}", *cells, covered, flagged))
    return Table(
        "Ways to find wrong labels, means over the sets",
        (
            "labelled by: way",
            "average precision",
            "wrong among the first 30",
            "F1 of flags",
            "calibration error",
            "noise-rate error",
            "interval covers",
            "flagged",
        ),
        tuple(rows),
        "Datalab: cleanlab's label check as `Datalab.find_issues(features=...)` runs it, by the "
        "labels of the ten nearest rows (its code is called directly; with the plain script's "
        "probabilities it would rank as the plain script does). SimiFeat: the vote of the ten "
        "nearest rows, copies left out, flagged where another label wins; its noise rate is the "
        "share flagged. The calibration of these two and of the plain script is that of 1 - their "
        "score. Of a clean set no interval that begins above 0 holds 0.",
    )


def _sets(result: Result) -> Table:
    rows = []
    for one in _in_order(result):
        cells = [one["name"], one["who"], f"{one['scored']:,}", percent(one["noise_rate"])]
        for side in ("told", "not_told", "plain", "datalab", "simifeat"):
            found = one["sides"][side]
            cells.append(f"{number(found.get('average_precision'))} / {number(found.get('f1'))}")
        top = [one["sides"][side].get("precision_at_30") for side in ("told", "plain")]
        estimated = [percent(one["sides"][side]["noise_rate"]) for side in ("told", "plain")]
        cells += [" / ".join(number(x, 2) for x in top), " / ".join(estimated)]
        rows.append(tuple(cells))
    return Table(
        "The sets one by one: average precision / F1 of flags",
        (
            "set",
            "labelled by",
            "rows",
            "wrong",
            "noisefix, told",
            "not told",
            "plain script",
            "Datalab",
            "SimiFeat",
            "wrong among the first 30: told / plain",
            "noise rate: told / plain",
        ),
        tuple(rows),
        "Rows: those with a label whose truth is known.",
    )


def _verified(result: Result) -> Table:
    rows = []
    for who, words in GROUPS.items():
        sets = [one for one in sets_of(result, who) if "100" in one["verified"]]
        for n_rows in ("0", "30", "100") if sets else ():
            found = [one["verified"].get(n_rows) or one["sides"]["told"] for one in sets]
            cells = [
                number(mean(f.get(measure) for f in found))
                for measure in ("average_precision", "f1", "calibration_error", "noise_rate_error")
            ]
            cells.append(percent(mean(f["covered"] for f in found), 0))
            cells.append(number(mean(f.get("right_first") for f in found)))
            rows.append((f"{words} ({len(sets)}), {n_rows} verified", *cells))
    return Table(
        "What verified rows are worth to the others, told who labelled",
        (
            "labelled by",
            "average precision",
            "F1 of flags",
            "calibration error",
            "noise-rate error",
            "interval covers",
            "right label first, of the wrong rows",
        ),
        tuple(rows),
        f"Drawn at random, {result['draws']} draws; scored on all other rows. Last column: of the "
        "labels other than the given one, the likeliest is right. Sets with fewer than 200 rows of "
        "known truth are left out.",
    )


def _accuracies(result: Result) -> Table:
    rows = []
    for one in _in_order(result):
        cells = [one["name"], one["who"], percent(one["given"])]
        cells.append(points(one["unaided"] - one["given"]))
        for n_rows in ("30", "100"):
            found = one["verified"].get(n_rows)
            pair = [found[name] - one["given"] for name in ("alone", "after")] if found else []
            cells.append(" / ".join(points(gain) for gain in pair) or "-")
        if one["columns"]:
            gained = [x - one["given"] for x in relabelled(one).values()]
            cells.append(f"{points(mean(gained))} ({len(gained)}), {points(min(gained))}")
        else:
            cells.append("-")
        rows.append(tuple(cells))
    return Table(
        "Right labels, and points gained",
        (
            "set",
            "labelled by",
            "given",
            "apply alone",
            "30 verified: those rows alone / and apply",
            "100 verified",
            "relabel, half of the rows: mean (annotators), worst",
        ),
        tuple(rows),
        f"Told who labelled (relabel: not told). Verified rows are drawn at random, "
        f"{result['draws']} draws; where half of the known rows are fewer, none are. apply "
        "changes further labels once 50 verified rows or the label names vouch for it. relabel: "
        "each of the set's columns of other annotators' answers, good and bad.",
    )


def sets_of(result: Result, who: str) -> list[Result]:
    """Return the results of the sets of one kind of labeller."""
    return [one for one in result["sets"] if one["who"] == who]


def _in_order(result: Result) -> list[Result]:
    return [
        one for who in GROUPS for one in sorted(sets_of(result, who), key=lambda o: str(o["name"]))
    ]


def mean_of(sets: Iterable[Result], side: str, measure: str) -> float:
    """Return a side's mean over sets; NaN if it has the measure on none."""
    return mean(one["sides"][side].get(measure) for one in sets)
