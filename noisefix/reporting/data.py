"""From a run folder to the data of its page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from noisefix.reporting.across import across_section
from noisefix.reporting.annotators import annotators_section
from noisefix.reporting.audit import audit_columns
from noisefix.reporting.details import (
    DECIDING_KIND,
    KINDS,
    RANKED,
    detail_columns,
    detailed_rows,
    duplicate_groups,
    nearest_rows,
)
from noisefix.reporting.extra import section_data
from noisefix.reporting.judgement import ISSUE_COLUMNS, Judgement, judgement
from noisefix.reporting.layout import layout
from noisefix.reporting.mismatched import mismatched_section
from noisefix.reporting.packing import bits, map_places, pack, probabilities, safe
from noisefix.reporting.sections import overview
from noisefix.reporting.texts import fitting_limits, text_columns
from noisefix.reporting.trust import (
    calibration,
    how_it_was_made,
    ledger_columns,
    made_before,
    reviewers,
)
from noisefix.reporting.unnamed import unnamed_section
from noisefix.run.answers import read_verdicts
from noisefix.run.decisions import PersonDecision, read_decisions
from noisefix.run.parquet import read_table
from noisefix.run.rows import in_order
from noisefix.run.schemas import (
    CANDIDATES,
    CLASSES_TABLE,
    DECIDING,
    EMBEDDINGS,
    ISSUES,
    PAIRS,
    RELABELS,
    TableSchema,
)
from noisefix.run.standing import decided_rows, standing
from noisefix.run.vector_columns import embedding_matrix
from noisefix.version import __version__

if TYPE_CHECKING:
    import pyarrow as pa

    from noisefix.run.folder import RunFolder

FORMAT, VERSION = "noisefix-page", 1
_MAP_METHOD = "t-SNE of some rows by sampled pairs, the others put between them"

SECTIONS = (unnamed_section, mismatched_section, across_section, annotators_section)
"""Sections that only some runs have, in the order of the page: see ``extra``."""


@dataclass(frozen=True, eq=False)
class RunTables:
    """What a page is made of; the tables in the order of the issues.

    Attributes:
        folder: the run folder.
        issues: the issues, answers and people's decisions above them.
        judged: what they say.
        candidates: None where there are none.
        embeddings: (N, D), or None.
        decided: what people have decided, by id.
        said: every decision of the run folder, in its order.
    """

    folder: RunFolder
    issues: pa.Table
    judged: Judgement
    candidates: pa.Table | None
    embeddings: np.ndarray | None
    decided: Mapping[str, PersonDecision]
    said: tuple[PersonDecision, ...]


def read_tables(folder: RunFolder) -> RunTables:
    """Read what a page is made of; only the issues must be there.

    Raises:
        DataError: a table is missing or broken, or they are not of the same rows.
    """
    said = read_decisions(folder.decisions)
    issues, provenance = read_verdicts(folder, ISSUE_COLUMNS)
    ids, texts, given = (issues[k].to_pylist() for k in ("id", "text", "given_label"))
    decided = {ids[row]: word for row, word in decided_rows(texts, given, standing(said)).items()}
    candidates = _read(
        folder.candidates, CANDIDATES, ("id", "neighbor_ids", "neighbor_similarities")
    )
    embeddings = _read(folder.embeddings, EMBEDDINGS, ("id", "embedding"))
    if candidates is not None:
        candidates = in_order(candidates, ids, str(folder.candidates), str(folder.issues))
    if embeddings is not None:
        embeddings = in_order(embeddings, ids, str(folder.embeddings), str(folder.issues))
    judged = judgement(
        issues,
        provenance.class_names,
        provenance.results,
        _read(folder.classes, CLASSES_TABLE),
        _read(folder.pairs, PAIRS),
        several_labels=folder.set_reading() is not None,
    )
    vectors = None if embeddings is None else embedding_matrix(embeddings)
    return RunTables(folder, issues, judged, candidates, vectors, decided, said)


def page_data(tables: RunTables, *, seed: int = 0, transport: str = "file") -> dict[str, Any]:
    """Return the data of a page; docs/report.md says what each part means.

    Args:
        tables: what ``read_tables`` has read.
        seed: of the map, and of the audit's sample where none was drawn yet.
        transport: where decisions go: "file" (they stay in the browser) or "server".
    """
    judged, issues = tables.judged, tables.issues
    deciding = _deciding_ids(tables.folder)
    ids: list[str] = issues["id"].to_pylist()
    audit = audit_columns(tables.folder, ids, seed)
    asked = np.array(audit["rows"], np.int64)
    rows = detailed_rows(judged, asked, np.flatnonzero(np.isin(ids, deciding)))
    vectors = tables.embeddings if judged.has_several_labels else None
    near = nearest_rows(tables.candidates, vectors, ids, rows)
    data: dict[str, Any] = {
        "format": FORMAT,
        "version": VERSION,
        "transport": transport,
        "run": _about(tables),
        **overview(judged),
        "rows": {
            "n": len(ids),
            "id": None if ids == [str(k + 1) for k in range(len(ids))] else [safe(k) for k in ids],
            **verdict_columns(judged),
        },
        "duplicates": duplicate_groups(issues),
        "kinds": [*(name for name, _ in KINDS), *[DECIDING_KIND] * bool(deciding)],
        "detail": detail_columns(judged, issues, near, rows, deciding),
        "audit": audit,
        "decisions": decision_records(tables.decided, ids),
        "trust": {
            "calibration": _calibration(tables),
            "ledger": ledger_columns(tables.folder),
            **how_it_was_made(tables.folder),
        },
        "people": reviewers(tables.said),
        "sections": _sections(tables.folder, ids),
    }
    if tables.embeddings is not None:
        places = layout(tables.embeddings, seed=seed)
        data["map"] = {"xy": map_places(places), "method": _MAP_METHOD}
    if tables.folder.relabels.exists():
        data["annotator"] = _answers(tables.folder, ids)
    _add_texts(data, issues, rows)
    return data


def verdict_columns(judged: Judgement) -> dict[str, Any]:
    """Return what is said of every row, packed."""
    trusted = judged.is_trusted
    several = {"sets": [list(classes) for classes in judged.sets]}
    return {
        **(several if judged.has_several_labels else {}),
        "given": judged.given_labels.tolist(),
        "suggested": judged.suggested_labels.tolist(),
        "p": probabilities(judged.p_error),
        "flagged": bits(judged.is_issue),
        "trusted": bits(trusted) if trusted.any() else None,
        "order": judged.order[:RANKED].tolist(),
    }


def decision_records(decided: Mapping[str, PersonDecision], ids: list[str]) -> list[dict[str, Any]]:
    """Return decisions as the page knows them: with the row, and its id in this run."""
    return [
        {**asdict(decided[key]), "id": key, "row": row}
        for row, key in enumerate(ids)
        if key in decided
    ]


def _read(
    path: Path, schema: TableSchema, columns: tuple[str, ...] | None = None
) -> pa.Table | None:
    return read_table(path, schema, columns)[0] if path.exists() else None


def _deciding_ids(folder: RunFolder) -> list[str]:
    table = _read(folder.deciding, DECIDING, ("id",))
    return [] if table is None else table["id"].to_pylist()


def _calibration(tables: RunTables) -> list[dict[str, Any]] | None:
    if not tables.decided or not made_before(tables.folder):
        return None
    issues, _ = read_table(tables.folder.issues, ISSUES, ("id", "given_label", "p_error"))
    return calibration(issues, tables.decided)


def _sections(folder: RunFolder, ids: list[str]) -> list[dict[str, Any]]:
    place = {key: row for row, key in enumerate(ids)}
    made = (section(folder, place) for section in SECTIONS)
    return [section_data(section) for section in made if section is not None]


def _about(tables: RunTables) -> dict[str, Any]:
    record = tables.folder.read()
    about = record["input"]
    embedded = record["stages"].get("embed") or {"parameters": {}}
    label = (about.get("columns") or {}).get("label") or ""
    return {
        "name": about.get("name") or tables.folder.path.name,
        "folder": tables.folder.path.name,
        "encoder": str(embedded["parameters"].get("encoder", "")).rstrip("/").rsplit("/", 1)[-1],
        "labelled_by": tables.judged.facts.get("labelled_by", "unknown"),
        "digest": f"{about.get('sha256', '')[:32]} {label}",
        "version": __version__,
        "rows": tables.issues.num_rows,
        "labelled": tables.judged.n_labelled,
    }


def _answers(folder: RunFolder, ids: list[str]) -> dict[str, list[Any]]:
    table, _ = read_table(
        folder.relabels, RELABELS, ("id", "answer", "confidence", "annotator", "model")
    )
    place = {key: row for row, key in enumerate(ids)}
    known = [answer for answer in table.to_pylist() if answer["id"] in place]
    return {
        "row": [place[answer["id"]] for answer in known],
        "answer": [safe(answer["answer"] or "") for answer in known],
        "who": [answer["model"] or answer["annotator"] or "" for answer in known],
        "confidence": [answer["confidence"] for answer in known],
    }


def _add_texts(data: dict[str, Any], issues: pa.Table, rows: np.ndarray) -> None:
    texts, given = issues["text"].to_pylist(), issues["given_label"].to_pylist()
    detailed = np.zeros(len(texts), bool)
    detailed[rows] = True
    limits = fitting_limits(texts, detailed, len(pack(data)))
    data["rows"].update(text_columns(texts, given, detailed, limits))
