"""Every training method on real noise, clean sets and sets kept apart: one table.

``python tests/benchmarks methods``, or in pieces: ``python tests/benchmarks/methods.py --minutes
9`` trains until its time is up, and goes on from there when it is called again. All methods get
frozen embeddings of the train split (3,000 rows of it, where there are more), its given labels, and
what ``detect`` makes of them without being told who labelled. The test split's true labels score
what comes out.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence

import numpy as np
from methods_gains import Gain, Result, gathered, is_missing, signed, values_of
from methods_measured import CLEAN, MORE_SEEDS, SETS, measure_all, notes_of, ways
from report import Headline, Table

GOAL = 0.01
WORST = -0.005
MOST_LOST_CLEAN = -0.01
PAGES = "methods"
OVERVIEW = "training-methods"
OF_OPTIONS = {"weight-noise": "ce --set weight_noise=1.0"}
"""Pages of options that any method has, and how they were measured."""


def run(progress: Callable[[str], None] = lambda line: None) -> Result:
    """Measure whatever is not measured yet; return all of it."""
    notes = notes_of()
    measure_all(notes, progress=progress)
    return gathered(notes.all)


def titles(result: Result) -> list[str]:
    """Return the ways that were measured, in their order."""
    found = dict.fromkeys(t for entry in result["sets"].values() for t in entry["ways"])
    known = [way.title for way in ways()]
    return [t for t in (*known, *(t for t in found if t not in known)) if t in found]


def gains_table(result: Result, shown: Sequence[str] | None = None, title: str = "") -> Table:
    """Return what ways gain over ``ce`` and over ``repair``, on all groups of sets.

    Args:
        result: as ``gathered`` returns it.
        shown: the ways; None: all.
        title: of the table.
    """
    noisy, apart = SETS["noisy"], SETS["apart"]
    rows = []
    for way in titles(result) if shown is None else shown:
        own = [
            float(np.nanmean(v)) for n in noisy if not is_missing(v := values_of(result, n, way))
        ]
        gains = [Gain(result, noisy, way, other) for other in ("ce", "repair")]
        kept = [Gain(result, apart, way, other) for other in ("ce", "repair")]
        clean = Gain(result, CLEAN, way, "ce")
        rows.append(
            (
                f"`{way}`",
                f"{len(own)}",
                f"{100 * np.mean(own):.1f}" if own else "-",
                *(cell for gain in gains for cell in (str(gain), gain.worst_cell())),
                *(str(gain) for gain in kept),
                kept[1].worst_cell(),
                clean.worst_cell(),
                _number(cost(result, way)),
            )
        )
    return Table(
        title,
        (
            "method",
            "sets",
            "accuracy",
            "over `ce`",
            "worst set",
            "over `repair`",
            "worst set",
            "kept apart: over `ce`",
            "over `repair`",
            "worst set",
            "clean: worst over `ce`",
            "time",
        ),
        tuple(rows),
    )


def _number(value: float) -> str:
    return "-" if np.isnan(value) else f"{value:.1f}" if value < 10 else f"{value:.0f}"


def cost(result: Result, way: str) -> float:
    """Return the processor time of a way's trainings, divided by that of ``ce`` on the same."""
    own, plain = 0.0, 0.0
    for name in result["sets"]:
        pair = [values_of(result, name, w, "seconds") for w in (way, "ce")]
        both = ~np.isnan(pair[0]) & ~np.isnan(pair[1])
        own, plain = own + float(pair[0][both].sum()), plain + float(pair[1][both].sum())
    return own / plain if plain else float("nan")


def tables(result: Result) -> list[Table]:
    """Return gains, the accuracies behind them, and how well two classes are ranked."""
    seeds = len(result["seeds"])
    return [
        gains_table(
            result,
            title=f"What every method gains on frozen features, {seeds} seeds",
        ),
        _accuracy_table(result),
        _ranking_table(result),
    ]


def _accuracy_table(result: Result) -> Table:
    rows = [
        (f"`{way}`", *(_mean_percent(values_of(result, name, way)) for name in result["sets"]))
        for way in titles(result)
    ]
    return Table(
        "Test accuracy in percent, means of the seeds",
        ("method", *result["sets"]),
        tuple(rows),
    )


def _mean_percent(values: np.ndarray) -> str:
    return "-" if is_missing(values) else f"{100 * np.nanmean(values):.1f}"


def _ranking_table(result: Result) -> Table:
    """Return how well the rarer of two classes is found, by all ways."""
    names = [
        name
        for name in result["sets"]
        if not is_missing(values_of(result, name, "ce", "average_precision"))
    ]
    rows = []
    for way in titles(result):
        gains = [Gain(result, names, way, o, "average_precision") for o in ("ce", "repair")]
        own = [_mean_percent(values_of(result, name, way, "average_precision")) for name in names]
        cells = [cell for gain in gains for cell in (str(gain), gain.worst_cell())]
        if gains[0].by_set:
            rows.append((f"`{way}`", *cells, *own))
    return Table(
        "Average precision, in percent, of finding the rarer of two classes in the test split",
        ("method", "over `ce`", "worst set", "over `repair`", "worst set", *names),
        tuple(rows),
    )


def headlines(result: Result) -> list[Headline]:
    """Return whether a way beats ``repair`` wherever it was looked, and what clean sets cost."""
    everywhere = [*SETS["noisy"], *SETS["apart"]]
    others = [way for way in titles(result) if way not in ("ce", "repair")]
    whole = [w for w in others if len(Gain(result, everywhere, w, "repair").by_set) > 12]
    found = []
    for group, names in (("the nine noisy sets", SETS["noisy"]), ("all noisy sets", everywhere)):
        gains = {way: Gain(result, names, way, "repair") for way in whole}
        if gains:
            best = max(gains, key=lambda way: gains[way].mean)
            gain = gains[best]
            found.append(
                Headline(
                    f"the best method beside repair on {group} ({best}): mean / worst set, points",
                    f"{signed(gain.mean)} / {signed(gain.least)}",
                    "at least +1.0 / -0.5",
                    gain.mean >= GOAL and gain.least >= WORST,
                )
            )
    lost = {way: Gain(result, CLEAN, way, "ce").least for way in titles(result)}
    below = [way for way, least in lost.items() if least < MOST_LOST_CLEAN]
    if lost:
        worst = min(lost, key=lambda way: lost[way] if lost[way] == lost[way] else 0.0)
        found.append(
            Headline(
                f"clean sets: methods that lose more than a point to ce ({len(below)} of "
                f"{len(lost)}); the worst ({worst})",
                f"{signed(lost[worst])}",
                "at least -1.0",
                not below,
            )
        )
    return found


def pages(result: Result) -> dict[str, str]:
    """Return what each page of docs/methods says of its method: its rows, and all in the overview.

    Keys are paths within docs/.
    """
    by_method: dict[str, list[str]] = {}
    for entry in result["sets"].values():
        for way, found in entry["ways"].items():
            rows = by_method.setdefault(found["method"], [])
            rows += [] if way in rows else [way]
    of_page = {name: [t for t in titles(result) if t in rows] for name, rows in by_method.items()}
    of_page |= {page: [way] for page, way in OF_OPTIONS.items() if way in titles(result)}
    seeds = f"frozen features, {len(result['seeds'])} seeds"
    shown = {
        f"{PAGES}/{name}.md": str(gains_table(result, rows, f"{name}, {seeds}"))
        for name, rows in of_page.items()
    }
    return shown | {f"{PAGES}/{OVERVIEW}.md": str(gains_table(result, None, f"All, {seeds}"))}


def main() -> None:
    """Parse options, and measure for some time."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=None)
    parser.add_argument("--but", default="", help="methods to leave out, with commas")
    parser.add_argument("--seeds", type=int, default=1 + len(MORE_SEEDS))
    options = parser.parse_args()
    until = None if options.minutes is None else time.monotonic() + 60 * options.minutes
    is_done = measure_all(
        notes_of(),
        [way for way in ways() if way.method not in options.but.split(",")],
        n_seeds=options.seeds,
        until=until,
        progress=lambda line: print(line, flush=True),
    )
    print("all is measured" if is_done else "time is up: call again to go on")


if __name__ == "__main__":
    main()
