"""The lower part of the page: how far to trust what it says, and how to repeat it."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from noisefix.cleaning.ledger import read_ledger
from noisefix.errors import DataError
from noisefix.probability import Z_90, share_interval
from noisefix.run.decisions import CLASS, KEEP, UNSURE, PersonDecision
from noisefix.run.standing import conflicts, words_of_people

if TYPE_CHECKING:
    import pyarrow as pa

    from noisefix.run.folder import RunFolder

_STEPS = (0.0, 0.15, 0.5, 0.85, 1.0)
"""Ends of the steps of p_error: those that the page has words for."""

_SHOWN = 200


def calibration(
    issues: pa.Table, decided: Mapping[str, PersonDecision]
) -> list[dict[str, Any]] | None:
    """Return how often labels are wrong where the issues say so, as far as people have looked.

    Args:
        issues: an issues table that was made before the decisions, with id, given_label, p_error.
        decided: decisions by id.

    Returns:
        For each step of p_error: from, to, rows, wrong, low, high; None where nobody has looked.
    """
    found = []
    for key, label, p in zip(
        *(issues[name].to_pylist() for name in ("id", "given_label", "p_error")), strict=True
    ):
        word = decided.get(key)
        if word is not None and p is not None and word.decision in (KEEP, CLASS):
            found.append((p, word.decision == CLASS and word.label != label))
    if not found:
        return None
    p_error, wrong = (np.array(column) for column in zip(*found, strict=True))
    steps = np.clip(np.searchsorted(_STEPS, p_error, side="right") - 1, 0, len(_STEPS) - 2)
    lines = []
    for step in range(len(_STEPS) - 1):
        rows, hits = int((steps == step).sum()), int(wrong[steps == step].sum())
        if rows:
            low, high = share_interval(hits, rows, Z_90)
            ends = {"from": _STEPS[step], "to": _STEPS[step + 1]}
            lines.append({**ends, "rows": rows, "wrong": hits / rows, "low": low, "high": high})
    return lines


def reviewers(said: Iterable[PersonDecision]) -> dict[str, Any] | None:
    """Return who has decided how many rows, and how far they agree; None where nobody has.

    Returns:
        ``who`` and ``rows``, a place for each person; ``pairs``: two names, rows that both have
        decided on, the share on which they agree, Cohen's kappa (None where it says nothing);
        ``conflicts``: rows on which people differ.
    """
    said = tuple(said)
    words = words_of_people(said)
    by_person: dict[str, dict[str, tuple[str, str | None]]] = {}
    for key, spoken in words.items():
        for word in spoken:
            if word.decision != UNSURE:
                by_person.setdefault(word.who, {})[key] = (word.decision, word.label)
    if not by_person:
        return None
    people = sorted(by_person)
    return {
        "who": people,
        "rows": [len(by_person[name]) for name in people],
        "pairs": [
            [one, other, *agreement(by_person[one], by_person[other])]
            for one, other in combinations(people, 2)
            if by_person[one].keys() & by_person[other].keys()
        ],
        "conflicts": [
            {
                "id": conflict.id,
                "words": [[w.who, w.decision, w.label] for w in conflict.words],
            }
            for conflict in conflicts(said)[:_SHOWN]
        ],
    }


def agreement(one: Mapping[str, Any], other: Mapping[str, Any]) -> tuple[int, float, float | None]:
    """Return on how many rows two people have decided, the share that agrees, and Cohen's kappa.

    Args:
        one: what a person says, by row; something is decided by both.
        other: likewise.

    Returns:
        Kappa is None where both always say the same one thing.

    Source: Cohen 1960, A coefficient of agreement for nominal scales.
    """
    both = sorted(one.keys() & other.keys())
    first, second = ([said[key] for key in both] for said in (one, other))
    share = sum(a == b for a, b in zip(first, second, strict=True)) / len(both)
    chance = sum(first.count(word) * second.count(word) for word in set(first)) / len(both) ** 2
    return len(both), share, None if chance == 1 else (share - chance) / (1 - chance)


def ledger_columns(folder: RunFolder) -> dict[str, Any] | None:
    """Return the last changes that ``apply`` made; None where there are none."""
    if not folder.ledger.exists():
        return None
    table = read_ledger(folder.ledger).table
    if not table.num_rows:
        return None
    last = table.slice(max(table.num_rows - _SHOWN, 0))
    names = ("id", "old", "new", "action", "decided_at")
    return {"total": table.num_rows, **last.select(names).to_pydict()}


def how_it_was_made(folder: RunFolder) -> dict[str, Any]:
    """Return parameters and digests as pairs, and the commands that make the run again."""
    record = folder.read()
    about = record["input"]
    parameters = [["noisefix", record.get("noisefix_version", "")]]
    digests = [[f"input {about['name']}", about.get("sha256", "")]] if about else []
    for name, stage in record["stages"].items():
        for key, value in stage["parameters"].items():
            if value not in (None, [], "auto"):
                parameters.append([f"{name}: {key}", str(value)])
        parameters.append([f"{name}: seed", str(stage["seed"])])
        digests += [[f"{name}: {key}", value] for key, value in stage["inputs"].items()]
    return {"parameters": parameters, "digests": digests, "repeat": _commands(folder, record)}


def _commands(folder: RunFolder, record: dict[str, Any]) -> list[str]:
    run, about, stages = shlex.quote(folder.path.name), record["input"], record["stages"]
    report = f"noisefix report {run} -o report.html"
    if not about:
        return [report]
    detect = ["noisefix", "detect", str(about["name"]), "-o", folder.path.name, *_reading(folder)]
    for name, options in _REPEATED.items():
        made = stages.get(name, {"parameters": {}})["parameters"]
        for key in options:
            if made.get(key) not in (None, [], "auto", "unknown"):
                detect += _option(key, made[key])
    return [shlex.join(detect), report]


def _reading(folder: RunFolder) -> list[str]:
    """Return the options that say how several labels a row are written."""
    reading = folder.set_reading()
    if reading is None:
        return []
    if reading.columns:
        return _option("label_columns", ",".join(reading.columns))
    return _option("multi_label", reading.separator)


def _option(name: str, value: Any) -> list[str]:
    return [f"--{name.replace('_', '-')}", str(value)]


_REPEATED = {
    "embed": ("encoder", "precision"),
    "joint": ("labelled_by", "unverified_class", "one_sided", "flag_precision", "flag_top"),
    "several_labels": ("labelled_by", "one_sided", "flag_precision", "flag_top"),
}
"""Stages and those of their parameters that detect has an option for."""


def made_before(folder: RunFolder) -> bool:
    """Say whether the verdicts were made without the decisions of people."""
    try:
        stages = folder.read()["stages"]
        stage = stages.get("joint") or stages.get("several_labels") or {}
    except DataError:
        return True
    return "decided" not in stage.get("inputs", {})
