"""audit.json: the samples that were drawn of a run, and how one is drawn."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from noisefix.auditing.options import MOST_ROWS
from noisefix.auditing.sample import counts, draw_order, kinds_of, ties
from noisefix.documents import misfit, parse_json
from noisefix.errors import DataError
from noisefix.run.decisions import PersonDecision, decision_key
from noisefix.run.folder import RunFolder
from noisefix.run.parquet import read_table
from noisefix.run.schemas import DECIDING
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

DECIDED = 4
_DISPUTED = 2


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


def rows_to_draw(
    issues: Mapping[str, list[Any]], decided: Mapping[str, PersonDecision]
) -> list[int]:
    """Return the rows that can be drawn: labelled, with a text, not of a trusted column.

    Args:
        issues: columns of the issues table: id, text, given_label, is_issue, is_trusted.
        decided: decisions by id.
    """
    from noisefix.probing.judgeable import written_rows

    written = written_rows([text or "" for text in issues["text"]])
    return [
        row
        for row, (key, label, is_trusted) in enumerate(
            zip(issues["id"], issues["given_label"], issues["is_trusted"], strict=True)
        )
        if label is not None and written[row] and (not is_trusted or key in decided)
    ]


def population(issues: Mapping[str, list[Any]], pool: Sequence[int]) -> str:
    """Return a SHA-256 of all rows that can be drawn, with their given labels."""
    digest = hashlib.sha256()
    for row in pool:
        key = decision_key(issues["text"][row], issues["given_label"][row])
        digest.update(f"{issues['id'][row]}\0{key}\n".encode(errors="surrogatepass"))
    return digest.hexdigest()


def draw(
    folder: RunFolder,
    issues: Mapping[str, list[Any]],
    pool: Sequence[int],
    decided: Mapping[str, PersonDecision],
    seed: int,
) -> Sample:
    """Draw a sample; nothing is written.

    Args:
        folder: the run folder, for the rows that are disputed.
        issues: columns of the issues table: id, text, given_label, is_issue, is_trusted.
        pool: the rows that can be drawn, see ``rows_to_draw``.
        decided: decisions by id.
        seed: of the draw.

    Raises:
        NoRowsError: there is no row to mark.
    """
    import numpy as np

    n_rows = len(issues["id"])
    flagged = np.array(issues["is_issue"], dtype=bool)
    in_pool = np.zeros(n_rows, dtype=bool)
    in_pool[list(pool)] = True
    is_decided = np.array([key in decided for key in issues["id"]], dtype=bool)
    disputed = _disputed(folder)
    is_disputed = np.array([key in disputed for key in issues["id"]], dtype=bool)
    strata = np.where(is_decided, DECIDED, np.where(is_disputed, _DISPUTED, 0)) + flagged
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
        population=population(issues, pool),
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


def read_samples(path: Path) -> list[Sample]:
    """Read every sample that was drawn, the newest last.

    Raises:
        DataError: the file is not what ``write_samples`` has written.
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


def write_samples(path: Path, samples: Sequence[Sample]) -> None:
    """Write every sample that was drawn, the newest last.

    Raises:
        DataError: the file cannot be written.
    """
    content = {"version": VERSION, "samples": [asdict(sample) for sample in samples]}
    write_bytes(path, (json.dumps(content, ensure_ascii=True) + "\n").encode())
