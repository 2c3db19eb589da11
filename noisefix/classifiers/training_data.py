"""What a run folder knows, as the arrays that training takes."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from noisefix.classifiers.rejected import not_likelihood
from noisefix.errors import DataError
from noisefix.labels import UNLABELLED, encode_labels
from noisefix.run.arrays import column_array, list_matrix
from noisefix.run.decisions import KEEP
from noisefix.run.parquet import read_table
from noisefix.run.rejected import run_rejected, without_rejected
from noisefix.run.rows import in_order, name_matrix
from noisefix.run.schemas import CANDIDATES, EMBEDDINGS, ISSUES, LABEL_NAMES, RELABELS
from noisefix.run.settled import run_decisions, settled
from noisefix.run.vector_columns import VECTOR_COLUMNS, read_matrix
from noisefix.training.interface import TrainingData

if TYPE_CHECKING:
    import pyarrow as pa

    from noisefix.run.decisions import PersonDecision
    from noisefix.run.folder import RunFolder
    from noisefix.run.provenance import Provenance

_ISSUE_COLUMNS = (
    "id",
    "given_label",
    "p_error",
    "is_issue",
    "pred_probs",
    "true_label_probs",
    "duplicate_group",
)


@dataclass(frozen=True, eq=False)
class RunData:
    """The rows of a run folder.

    Attributes:
        data: what the methods get.
        class_names: (K,).
        ids: (N,).
        texts: (N,).
        encoder: name of the encoder that the embeddings were made with.
        encoder_sha256: digest of its files.
        encoder_seed: seed it was fitted with, for tfidf.
        inputs: SHA-256 of the tables read, by name.
        reading: which columns the texts stood in, and how labels were read, for other tables.
    """

    data: TrainingData
    class_names: tuple[str, ...]
    ids: list[str]
    texts: list[str]
    encoder: str
    encoder_sha256: str
    encoder_seed: int
    inputs: dict[str, str]
    reading: dict[str, Any] = field(default_factory=dict)


def read_run(run: RunFolder, *, with_words: bool = False) -> RunData:
    """Read the tables of a run folder, joined by id in the order of the embeddings.

    Args:
        run: the folder; candidates, label names and relabels are used where they are.
        with_words: make word features too, for methods that need them.

    Raises:
        DataError: a table is missing, or two tables are not about the same rows.
    """
    from noisefix.tables.atomic import sha256_file

    embeddings, made = read_table(run.embeddings, EMBEDDINGS, without=VECTOR_COLUMNS)
    encoder = _encoder_of(made, run)
    issues, judged = read_table(run.issues, ISSUES, columns=_ISSUE_COLUMNS)
    ids: list[str] = embeddings["id"].to_pylist()
    issues = in_order(issues, ids, str(run.issues), str(run.embeddings))
    names = judged.class_names
    decided = run_decisions(run)
    rejected = run_rejected(run)
    issues = without_rejected(settled(issues, decided, names), rejected, names)
    used = {"embeddings": run.embeddings, "issues": run.issues}
    optional: dict[str, Any] = {}
    if run.candidates.is_file():
        table, _ = read_table(run.candidates, CANDIDATES)
        optional |= _candidates(
            in_order(table, ids, str(run.candidates), str(run.embeddings)), names
        )
        used["candidates"] = run.candidates
    if run.label_names.is_file():
        table, _ = read_table(run.label_names, LABEL_NAMES)
        vectors = name_matrix(table, names)
        if vectors is not None:
            optional["label_embeddings"] = vectors
    given, p_error = _given(issues, ids, decided, names)
    if run.relabels.is_file():
        table, _ = read_table(run.relabels, RELABELS)
        optional["repaired_labels"] = _repaired(table, ids, given, names, decided)
        used["relabels"] = run.relabels
    optional["not_likelihood"] = not_likelihood(run, ids, names, rejected, decided)
    texts = [text or "" for text in embeddings["text"].to_pylist()]
    if with_words:
        from noisefix.probing.ngrams import ngram_features

        optional["word_features"] = ngram_features(texts)
    groups = issues["duplicate_group"]
    data = TrainingData(
        features=read_matrix(run.embeddings),
        given_labels=given,
        n_classes=len(names),
        pred_probs=np.ascontiguousarray(list_matrix(issues["pred_probs"]), np.float32),
        p_error=p_error,
        true_label_probs=np.ascontiguousarray(list_matrix(issues["true_label_probs"]), np.float32),
        is_issue=issues["is_issue"].to_numpy().astype(bool),
        noise_rate=float(judged.results["noise_rate"]),
        name_gain=float(judged.results.get("name_gain") or 0.0),
        groups=None if groups.null_count else groups.to_numpy().astype(np.int64),
        class_names=names,
        unverified_class=judged.results.get("unverified_class"),
        **optional,
    )
    return RunData(
        data,
        names,
        ids,
        texts,
        encoder,
        made.inputs.get("encoder", ""),
        int(made.seed or 0),
        {name: sha256_file(path) for name, path in used.items()},
        run.reading(),
    )


def _given(
    issues: pa.Table,
    ids: list[str],
    decided: Mapping[str, PersonDecision],
    names: tuple[str, ...],
) -> tuple[np.ndarray, np.ndarray]:
    """Return (N,) labels and (N,) p_error; what a person chose counts as given and right.

    Rows to drop, and rows of a class that no row was given, count as unlabelled.
    """
    given: list[str | None] = issues["given_label"].to_pylist()
    p_error = issues["p_error"].to_numpy().astype(np.float64)
    for row, key in enumerate(ids):
        word = decided.get(key)
        if word is None:
            continue
        if word.decision != KEEP:
            given[row] = word.label if word.label in names else None
        p_error[row] = np.nan if given[row] is None else 0.0
    return encode_labels(given, names), p_error


def _encoder_of(made: Provenance, run: RunFolder) -> str:
    """Return what embedded the texts: a model needs it for texts to come."""
    if "encoder" not in made.parameters:
        raise DataError(
            f"{run.embeddings}: was made elsewhere and does not say by which encoder, so that a "
            "model trained on it could not read new texts",
            "name it in the table's noisefix metadata (docs/tables.md), or embed the data with "
            "noisefix embed",
        )
    return str(made.parameters["encoder"])


def _candidates(table: pa.Table, names: tuple[str, ...]) -> dict[str, np.ndarray]:
    import pyarrow as pa
    import pyarrow.compute as pc

    labels = table["candidate_labels"].combine_chunks()
    values = table["candidate_weights"].combine_chunks()
    classes = pc.index_in(labels.flatten(), value_set=pa.array(names, labels.type.value_type))
    weights = np.zeros((table.num_rows, len(names)))
    weights[pc.list_parent_indices(labels), classes] = values.flatten()
    return {
        "candidate_weights": weights,
        "is_certain": column_array(table["is_certain"]),
    }


def _repaired(
    table: pa.Table,
    ids: list[str],
    given: np.ndarray,
    names: tuple[str, ...],
    decided: Collection[str],
) -> np.ndarray:
    """Return (N,) labels after relabelling: a row to be dropped has none."""
    place = {key: row for row, key in enumerate(ids)}
    index = {name: k for k, name in enumerate(names)}
    repaired = given.copy()
    columns = (table[name].to_pylist() for name in ("id", "action", "final_label"))
    for key, action, label in zip(*columns, strict=True):
        if key not in place or key in decided:
            continue
        if action == "drop":
            repaired[place[key]] = UNLABELLED
        elif action == "relabel" and label in index:
            repaired[place[key]] = index[label]
    return repaired
