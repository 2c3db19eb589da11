"""The sample of a run, drawn once and only ever continued, with what people have said by now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from noisefix.auditing.estimate import Stratum
from noisefix.auditing.sample import counts
from noisefix.auditing.sample_file import (
    DECIDED,
    STRATA,
    Sample,
    draw,
    population,
    read_samples,
    rows_to_draw,
    write_samples,
)
from noisefix.run.decisions import (
    CLASS,
    DROP,
    NOT,
    UNSURE,
    PersonDecision,
    decision_key,
    read_decisions,
)
from noisefix.run.folder import RunFolder
from noisefix.run.parquet import read_table
from noisefix.run.schemas import ISSUES
from noisefix.run.settled import run_decisions
from noisefix.run.standing import standing, word_on

_COLUMNS = ("id", "text", "given_label", "is_issue", "is_trusted")


@dataclass(frozen=True)
class AuditRow:
    """One row of the sample.

    Attributes:
        id: of the row.
        text: its text.
        given_label: the label in the input; not to be shown before the row is marked.
        stratum: one of ``STRATA``; not to be shown either.
        inclusion_probability: of all rows of its stratum, the share in the sample.
        key: of its decisions.
        is_marked: a person has said what it is.
        is_unsure: a person has looked, and could not tell.
    """

    id: str
    text: str
    given_label: str
    stratum: str
    inclusion_probability: float
    key: str
    is_marked: bool
    is_unsure: bool

    @property
    def is_random(self) -> bool:
        """Drawn from the rows that look right, not for its suspicion."""
        return self.stratum == STRATA[0]


@dataclass(frozen=True, eq=False)
class AuditPlan:
    """The sample of a run, with what people have said by now.

    Attributes:
        sample: as drawn.
        rows: the sample's rows in the order in which they are marked.
        strata: how far each is marked.
        class_names: every class of the run.
        notes: what a person should know.
    """

    sample: Sample
    rows: list[AuditRow]
    strata: list[Stratum]
    class_names: tuple[str, ...]
    notes: tuple[str, ...] = ()

    @property
    def to_mark(self) -> list[AuditRow]:
        """The rows that nobody has looked at."""
        return [row for row in self.rows if not (row.is_marked or row.is_unsure)]

    def coming(self, n_more: int) -> list[int]:
        """Return how many of the next rows after the sample are of each stratum."""
        start = self.sample.drawn
        return counts(self.sample.stratum[start : start + n_more], len(STRATA))


def open_plan(
    folder: RunFolder, rows: int, seed: int = 0, more: Sequence[PersonDecision] = ()
) -> AuditPlan:
    """Return a run's sample; draw it if there is none yet of these rows, and continue it.

    Args:
        folder: the run folder.
        rows: how many rows are wanted; where more were drawn before, it stays with those.
        seed: of the draw, where it is the first.
        more: decisions that are not among the folder's yet.

    Raises:
        DataError: the run folder cannot be used, or no row can be drawn; nothing was written.
    """
    with folder.lock("noisefix audit"):
        table, provenance = read_table(folder.issues, ISSUES, _COLUMNS)
        issues = {name: table[name].to_pylist() for name in _COLUMNS}
        decided = run_decisions(folder, more)
        pool = rows_to_draw(issues, decided)
        known = read_samples(folder.audit)
        sample = known[-1] if known else None
        notes: tuple[str, ...] = ()
        if sample is None or sample.population != population(issues, pool):
            if sample is not None:
                notes = ("the data have changed since the last audit: a new sample is drawn",)
            sample = draw(folder, issues, pool, decided, seed)
            known = [*known, sample]
        wanted = min(max(rows, sample.drawn), len(sample.ids))
        if wanted != sample.drawn:
            sample = replace(sample, drawn=wanted)
            write_samples(folder.audit, [*known[:-1], sample])
        said = standing((*read_decisions(folder.decisions), *more))
    return _with_marks(sample, issues, decided, said, provenance.class_names, notes)


def audit_rows(run: str | Path, rows: int = 30, *, seed: int = 0) -> list[AuditRow]:
    """Return the rows of a run's sample in the order in which they are to be marked.

    Args:
        run: the run folder.
        rows: how many, see ``open_plan``.
        seed: of the draw, where it is the first.

    Raises:
        DataError: as for ``open_plan``.
    """
    return open_plan(RunFolder.open(run), rows, seed).rows


def _with_marks(
    sample: Sample,
    issues: Mapping[str, list[Any]],
    decided: Mapping[str, PersonDecision],
    said: Mapping[str, PersonDecision],
    class_names: tuple[str, ...],
    notes: tuple[str, ...],
) -> AuditPlan:
    place = {key: row for row, key in enumerate(issues["id"])}
    drawn = sample.stratum[: sample.drawn]
    n_drawn = counts(drawn, len(STRATA))
    rows, marks = [], dict(decided)
    for key, stratum in zip(sample.ids, drawn, strict=False):
        row = place[key]
        text, given = issues["text"][row], issues["given_label"][row]
        word = word_on(said, decision_key(text, given))
        if key not in decided and word is not None and _rejects(word):
            marks[key] = word
        rows.append(
            AuditRow(
                id=key,
                text=text or "",
                given_label=given,
                stratum=STRATA[stratum],
                inclusion_probability=n_drawn[stratum] / sample.strata[stratum],
                key=decision_key(text, given),
                is_marked=key in marks,
                is_unsure=word is not None and word.decision == UNSURE,
            )
        )
    members = [
        *zip(sample.ids, drawn, strict=False),
        *((key, DECIDED) for key in sample.decided_unflagged),
        *((key, DECIDED + 1) for key in sample.decided_flagged),
    ]
    strata = _marked(sample, members, marks, issues["given_label"], place)
    return AuditPlan(sample, rows, strata, class_names, notes)


def _marked(
    sample: Sample,
    members: Sequence[tuple[str, int]],
    marks: Mapping[str, PersonDecision],
    given: Sequence[str],
    place: Mapping[str, int],
) -> list[Stratum]:
    marked, wrong = [0] * len(STRATA), [0] * len(STRATA)
    for key, stratum in members:
        word = marks.get(key)
        if word is None:
            continue
        marked[stratum] += 1
        wrong[stratum] += is_wrong(word, given[place[key]])
    return [
        Stratum(rows, marked[k], wrong[k], bool(k % 2), sample.ties[k])
        for k, rows in enumerate(sample.strata)
    ]


def is_wrong(word: PersonDecision, given_label: str) -> bool:
    """Say whether a decision says that the given label is wrong: another class, none, or not it."""
    is_other = word.decision == CLASS and word.label != given_label
    return word.decision == DROP or is_other or _rejects(word)


def _rejects(word: PersonDecision) -> bool:
    """Say whether the given label is ruled out, and none is named in its place."""
    return word.decision == NOT and word.label is None
