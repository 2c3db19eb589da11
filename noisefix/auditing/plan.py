"""audit.json: the sample of a run folder, drawn once and only ever continued."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from noisefix.auditing.estimate import Stratum
from noisefix.auditing.options import MOST_ROWS
from noisefix.documents import misfit, parse_json
from noisefix.errors import DataError
from noisefix.run.decisions import (
    CLASS,
    DROP,
    UNSURE,
    PersonDecision,
    decision_key,
    read_decisions,
    standing,
    word_on,
)
from noisefix.run.folder import RunFolder
from noisefix.run.parquet import read_table
from noisefix.run.schemas import DECIDING, ISSUES
from noisefix.run.settled import run_decisions
from noisefix.tables.atomic import read_bytes, write_bytes

if TYPE_CHECKING:
    import numpy as np

VERSION = 1

STRATA = (
    "unflagged",
    "flagged",
    "disputed, unflagged",
    "disputed, flagged",
    "decided, unflagged",
    "decided, flagged",
)
"""Disputed: the readings of the data disagree. Decided: before the sample was drawn; all count."""

_DISPUTED, _DECIDED = 2, 4
_COLUMNS = ("id", "text", "given_label", "is_issue", "is_trusted")


class NoRowsError(DataError):
    """No row of a run can be drawn: none is open, labelled and has a text."""


@dataclass(frozen=True)
class Sample:
    """What audit.json says of one draw.

    Attributes:
        population: SHA-256 of all rows that can be drawn, with their given labels.
        seed: of the draw.
        strata: rows of each of ``STRATA``.
        ties: a number for each stratum, see ``Stratum.tie``.
        ids: the rows in the order in which they are marked, more than were ever asked for.
        stratum: of each of these, the place in ``STRATA``.
        decided_unflagged: ids of the rows that were decided before, and not flagged then.
        decided_flagged: the flagged ones of these.
        drawn: how many of the first ids are the sample.
        flagged: how many rows were flagged when it was drawn.
        left_out: labelled rows that are not judged: without a text, or of a trusted column.
    """

    population: str
    seed: int
    strata: list[int]
    ties: list[float]
    ids: list[str]
    stratum: list[int]
    decided_unflagged: list[str] = field(default_factory=list)
    decided_flagged: list[str] = field(default_factory=list)
    drawn: int = 0
    flagged: int = 0
    left_out: int = 0


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
        from noisefix.auditing.sample import counts

        start = self.sample.drawn
        return counts(self.sample.stratum[start : start + n_more], len(STRATA))


def open_plan(folder: RunFolder, rows: int, seed: int = 0) -> AuditPlan:
    """Return a run's sample; draw it if there is none yet of these rows, and continue it.

    Args:
        folder: the run folder.
        rows: how many rows are wanted; where more were drawn before, it stays with those.
        seed: of the draw, where it is the first.

    Raises:
        DataError: the run folder cannot be used, or no row can be drawn.
    """
    with folder.lock("noisefix audit"):
        table, provenance = read_table(folder.issues, ISSUES, _COLUMNS)
        issues = {name: table[name].to_pylist() for name in _COLUMNS}
        decided = run_decisions(folder)
        pool = _pool(issues, decided)
        digest = _digest(issues, pool)
        known = _read(folder.audit)
        sample = known[-1] if known else None
        notes: tuple[str, ...] = ()
        if sample is None or sample.population != digest:
            if sample is not None:
                notes = ("the data have changed since the last audit: a new sample is drawn",)
            sample = _draw(folder, issues, pool, decided, digest, seed)
            known = [*known, sample]
        wanted = min(max(rows, sample.drawn), len(sample.ids))
        if wanted != sample.drawn:
            sample = Sample(**{**asdict(sample), "drawn": wanted})
            _write(folder.audit, [*known[:-1], sample])
    return _with_marks(folder, sample, issues, decided, provenance.class_names, notes)


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


def _pool(issues: Mapping[str, list[Any]], decided: Mapping[str, PersonDecision]) -> list[int]:
    """Return the rows that can be drawn: labelled, with a text, not of a trusted column."""
    from noisefix.probing.judgeable import written_rows

    written = written_rows([text or "" for text in issues["text"]])
    return [
        row
        for row, (key, label, is_trusted) in enumerate(
            zip(issues["id"], issues["given_label"], issues["is_trusted"], strict=True)
        )
        if label is not None and written[row] and (not is_trusted or key in decided)
    ]


def _digest(issues: Mapping[str, list[Any]], pool: list[int]) -> str:
    digest = hashlib.sha256()
    for row in pool:
        key = decision_key(issues["text"][row], issues["given_label"][row])
        digest.update(f"{issues['id'][row]}\0{key}\n".encode(errors="surrogatepass"))
    return digest.hexdigest()


def _draw(
    folder: RunFolder,
    issues: Mapping[str, list[Any]],
    pool: list[int],
    decided: Mapping[str, PersonDecision],
    digest: str,
    seed: int,
) -> Sample:
    import numpy as np

    from noisefix.auditing.sample import counts, draw_order, kinds_of, ties

    n_rows = len(issues["id"])
    flagged = np.array(issues["is_issue"], dtype=bool)
    in_pool = np.zeros(n_rows, dtype=bool)
    in_pool[pool] = True
    is_decided = np.array([key in decided for key in issues["id"]], dtype=bool)
    disputed = _disputed(folder)
    is_disputed = np.array([key in disputed for key in issues["id"]], dtype=bool)
    strata = np.where(is_decided, _DECIDED, np.where(is_disputed, _DISPUTED, 0)) + flagged
    kinds = kinds_of(flagged, is_disputed, in_pool & ~is_decided)
    order = draw_order(kinds, MOST_ROWS, seed)
    if not len(order):
        raise NoRowsError(
            f"{folder.path}: there is no row to mark: {len(pool):,} labelled rows with a text, "
            "all of them decided",
            "noisefix evaluate tells how good the flags are where the truth is known",
        )

    def ids_of(chosen: np.ndarray) -> list[str]:
        return [issues["id"][row] for row in np.flatnonzero(chosen)]

    return Sample(
        population=digest,
        seed=seed,
        strata=counts(strata[in_pool].tolist(), len(STRATA)),
        ties=list(ties(len(STRATA), seed)),
        ids=[issues["id"][row] for row in order],
        stratum=strata[order].tolist(),
        decided_unflagged=ids_of(in_pool & is_decided & ~flagged),
        decided_flagged=ids_of(in_pool & is_decided & flagged),
        flagged=int((flagged & in_pool).sum()),
        left_out=sum(label is not None for label in issues["given_label"]) - len(pool),
    )


def _disputed(folder: RunFolder) -> frozenset[str]:
    if not folder.deciding.is_file():
        return frozenset()
    return frozenset(read_table(folder.deciding, DECIDING, ("id",))[0]["id"].to_pylist())


def _with_marks(
    folder: RunFolder,
    sample: Sample,
    issues: Mapping[str, list[Any]],
    decided: Mapping[str, PersonDecision],
    class_names: tuple[str, ...],
    notes: tuple[str, ...],
) -> AuditPlan:
    from noisefix.auditing.sample import counts

    said = standing(read_decisions(folder.decisions))
    place = {key: row for row, key in enumerate(issues["id"])}
    drawn = sample.stratum[: sample.drawn]
    n_drawn = counts(drawn, len(STRATA))
    rows = []
    for key, stratum in zip(sample.ids, drawn, strict=False):
        row = place[key]
        text, given = issues["text"][row], issues["given_label"][row]
        word = word_on(said, decision_key(text, given))
        rows.append(
            AuditRow(
                id=key,
                text=text or "",
                given_label=given,
                stratum=STRATA[stratum],
                inclusion_probability=n_drawn[stratum] / sample.strata[stratum],
                key=decision_key(text, given),
                is_marked=key in decided,
                is_unsure=word is not None and word.decision == UNSURE,
            )
        )
    members = [
        *zip(sample.ids, drawn, strict=False),
        *((key, _DECIDED) for key in sample.decided_unflagged),
        *((key, _DECIDED + 1) for key in sample.decided_flagged),
    ]
    strata = _marked(sample, members, decided, issues["given_label"], place)
    return AuditPlan(sample, rows, strata, class_names, notes)


def _marked(
    sample: Sample,
    members: Sequence[tuple[str, int]],
    decided: Mapping[str, PersonDecision],
    given: Sequence[str],
    place: Mapping[str, int],
) -> list[Stratum]:
    marked, wrong = [0] * len(STRATA), [0] * len(STRATA)
    for key, stratum in members:
        word = decided.get(key)
        if word is None:
            continue
        marked[stratum] += 1
        wrong[stratum] += is_wrong(word, given[place[key]])
    return [
        Stratum(rows, marked[k], wrong[k], bool(k % 2), sample.ties[k])
        for k, rows in enumerate(sample.strata)
    ]


def is_wrong(word: PersonDecision, given_label: str) -> bool:
    """Say whether a decision says that the given label is wrong: another class, or none."""
    return word.decision == DROP or (word.decision == CLASS and word.label != given_label)


def _read(path: Path) -> list[Sample]:
    """Read every sample that was drawn, the newest last.

    Raises:
        DataError: the file is not what ``_write`` has written.
    """
    if not path.exists():
        return []
    hint = "move the file away: the next audit draws a new sample, and decisions stay"
    try:
        content = parse_json(read_bytes(path))
        samples = content["samples"]
        wrong = [misfit(Sample, sample) for sample in samples]
        if any(wrong):
            raise ValueError(next(filter(None, wrong)))
        return [Sample(**sample) for sample in samples]
    except (ValueError, TypeError, KeyError) as error:
        raise DataError(f"{path}: is no file of an audit: {error}", hint) from error


def _write(path: Path, samples: Sequence[Sample]) -> None:
    content = {"version": VERSION, "samples": [asdict(sample) for sample in samples]}
    write_bytes(path, (json.dumps(content, ensure_ascii=True) + "\n").encode())
