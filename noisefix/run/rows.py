"""The rows of a run folder as arrays: what the relabel stage asks from and weighs with."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from noisefix.errors import DataError
from noisefix.labels import UNLABELLED, encode_labels
from noisefix.probing.judgeable import written_rows
from noisefix.run.arrays import list_matrix
from noisefix.run.parquet import read_columns, read_table
from noisefix.run.rejected import run_rejected, without_rejected
from noisefix.run.schemas import CANDIDATES, EMBEDDINGS, HAS_TEXT, ISSUES
from noisefix.run.settled import run_decisions, settled
from noisefix.run.vector_columns import embedding_matrix
from noisefix.tables.atomic import sha256_file

if TYPE_CHECKING:
    import pyarrow as pa

    from noisefix.run.decisions import PersonDecision
    from noisefix.run.folder import RunFolder

_ISSUE_COLUMNS = (
    "id",
    "text",
    "given_label",
    "p_error",
    "is_issue",
    "is_trusted",
    "pred_probs",
    "true_label_probs",
    "duplicate_group",
)


@dataclass(frozen=True, eq=False)
class RunRows:
    """N rows, K classes, in the order of issues.parquet.

    Attributes:
        ids: (N,) row ids.
        texts: (N,) texts.
        class_names: (K,) in canonical order.
        given_labels: (N,) class ids, -1 = unlabelled.
        p_error: (N,) in [0, 1]; NaN for unlabelled rows.
        is_issue: (N,) bool: flagged.
        is_trusted: (N,) bool: a person vouched for the label.
        pred_probs: (N, K) out-of-sample probabilities of the pooled views.
        true_label_probs: (N, K) P(true label | text, given label).
        groups: (N,) duplicate groups.
        candidates: (N,) class ids that clean neighbours make plausible, heaviest first.
        embeddings: (N, D) unit-length rows.
        results: facts about the data set, from the joint stage.
        digests: SHA-256 of the tables read, by name.
    """

    ids: list[str]
    texts: list[str]
    class_names: tuple[str, ...]
    given_labels: np.ndarray
    p_error: np.ndarray
    is_issue: np.ndarray
    is_trusted: np.ndarray
    pred_probs: np.ndarray
    true_label_probs: np.ndarray
    groups: np.ndarray
    candidates: list[list[int]]
    embeddings: np.ndarray
    results: dict[str, Any] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def written(self) -> np.ndarray:
        """(N,) bool: the row has a text."""
        return written_rows(self.texts)

    def label_pool(self, row: int, *, everything: bool = False) -> list[int]:
        """Return the class ids to offer for a row, the most plausible first.

        The neighbours' candidates, the given label, and the most probable other label; or all
        classes.

        Args:
            row: index of the row.
            everything: offer every class.
        """
        by_probability = np.argsort(-self.true_label_probs[row], kind="stable").tolist()
        if everything:
            return [int(k) for k in by_probability]
        offered = set(self.candidates[row]) | set(by_probability[:2])
        if self.given_labels[row] != UNLABELLED:
            offered.add(int(self.given_labels[row]))
        return [int(k) for k in by_probability if k in offered]

    def offered(self, asked: np.ndarray) -> np.ndarray:
        """Return which labels ``label_pool`` offers, (N, K) bool; all for rows that are not asked.

        Args:
            asked: indices of the rows asked about.
        """
        pools = np.ones(self.true_label_probs.shape, dtype=bool)
        pools[asked] = False
        for row in asked.tolist():
            pools[row, self.label_pool(row)] = True
        return pools


def read_run_rows(folder: RunFolder, said: Iterable[PersonDecision] = ()) -> RunRows:
    """Read issues, candidates and embeddings of a run folder, settled as people decided.

    Args:
        folder: the run folder.
        said: decisions that are not among the folder's.

    Raises:
        DataError: a table is missing or broken, or they are not of the same rows.
    """
    issues, provenance = read_table(folder.issues, ISSUES, _ISSUE_COLUMNS)
    said = tuple(said)
    issues = settled(issues, run_decisions(folder, said), provenance.class_names)
    issues = without_rejected(issues, run_rejected(folder, said), provenance.class_names)
    embeddings, _ = read_table(folder.embeddings, EMBEDDINGS, ("id", "embedding"))
    candidates, _ = read_table(folder.candidates, CANDIDATES, ("id", "candidate_labels"))
    ids = issues["id"].to_pylist()
    embeddings = in_order(embeddings, ids, str(folder.embeddings), str(folder.issues))
    candidates = in_order(candidates, ids, str(folder.candidates), str(folder.issues))
    names = provenance.class_names
    index = {name: k for k, name in enumerate(names)}
    n_rows = len(ids)
    groups = issues["duplicate_group"].to_numpy().astype(np.float64)
    own = np.arange(n_rows) + (np.nanmax(groups, initial=-1) + 1)
    return RunRows(
        ids=ids,
        texts=[text or "" for text in issues["text"].to_pylist()],
        class_names=names,
        given_labels=encode_labels(issues["given_label"].to_pylist(), names),
        p_error=issues["p_error"].to_numpy(),
        is_issue=issues["is_issue"].to_numpy().astype(bool),
        is_trusted=issues["is_trusted"].to_numpy().astype(bool),
        pred_probs=list_matrix(issues["pred_probs"]),
        true_label_probs=list_matrix(issues["true_label_probs"]),
        groups=np.where(np.isnan(groups), own, groups).astype(np.int64),
        candidates=[
            [index[label] for label in labels]
            for labels in candidates["candidate_labels"].to_pylist()
        ],
        embeddings=embedding_matrix(embeddings),
        results=provenance.results,
        digests={
            name: sha256_file(getattr(folder, name))
            for name in ("issues", "candidates", "embeddings")
        },
    )


def in_order(table: pa.Table, ids: list[str], name: str, other: str) -> pa.Table:
    """Return the rows of a table in the order of another one's ids.

    Args:
        table: (N rows) with the column id.
        ids: (N,) the other's ids.
        name: the table, for the message.
        other: the table whose ids they are.

    Raises:
        DataError: they are not the same ids.
    """
    own = table["id"].to_pylist()
    if own == ids:
        return table
    place = {key: row for row, key in enumerate(own)}
    missing = [key for key in ids if key not in place]
    if missing or len(place) != len(ids):
        raise DataError(
            f"{name} and {other} are not of the same rows ({len(missing)} of {len(ids)} ids are "
            f"missing from the former, which has {len(place)}"
            + (f"; the first is {missing[0]!r})" if missing else ")"),
            "run noisefix detect again, or mend the table that was made elsewhere",
        )
    return table.take([place[key] for key in ids])


def definitions_of(
    label_names: pa.Table, class_names: Sequence[str]
) -> tuple[np.ndarray, ...] | None:
    """Return what the encoder makes of the names, or the definitions, of the classes.

    Args:
        label_names: the label_names table, in any order.
        class_names: (K,).

    Returns:
        K matrices in class order, (n, D) float32 with n = 1 for most; None where a class is not in
        the table.
    """
    rows: dict[str, list[int]] = {}
    for row, label in enumerate(label_names["label"].to_pylist()):
        rows.setdefault(label, []).append(row)
    if any(name not in rows for name in class_names):
        return None
    vectors = list_matrix(label_names["embedding"]).astype(np.float32)
    return tuple(vectors[rows[name]] for name in class_names)


def name_matrix(label_names: pa.Table, class_names: Sequence[str]) -> np.ndarray | None:
    """Return (K, D) one vector a class, of several definitions their mean direction.

    Args and the rest as for ``definitions_of``.
    """
    found = definitions_of(label_names, class_names)
    return None if found is None else np.concatenate([_middle(each) for each in found])


def _middle(vectors: np.ndarray) -> np.ndarray:
    """Return the (1, D) mean direction; one vector is returned as it is."""
    if len(vectors) == 1:
        return vectors
    total = vectors.sum(axis=0, keepdims=True)
    middle: np.ndarray = (total / max(float(np.linalg.norm(total)), 1e-12)).astype(np.float32)
    return middle


def has_texts(embeddings: pa.Table) -> bool:
    """Say whether the rows of an embeddings table have texts; else ``text`` is what names them."""
    return HAS_TEXT not in embeddings.column_names or bool(embeddings[HAS_TEXT][0].as_py())


def run_has_texts(folder: RunFolder) -> bool:
    """Say whether the rows of a run have texts that somebody can be asked about.

    Raises:
        DataError: the embeddings cannot be read.
    """
    if HAS_TEXT not in read_columns(folder.embeddings):
        return True
    return has_texts(read_table(folder.embeddings, EMBEDDINGS, ("id", HAS_TEXT))[0])
