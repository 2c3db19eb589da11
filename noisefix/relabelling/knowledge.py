"""Passages of a handbook or a glossary, of which the nearest are shown with each question.

Source: NLKI, 2025 (known from its abstract), in which facts that are retrieved for a question help
small models. Only the retrieval is taken from there.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from noisefix.detection.label_names import WORDLESS_ENCODERS
from noisefix.errors import DataError
from noisefix.run.folder import RunFolder
from noisefix.run.parquet import read_provenance
from noisefix.tables.atomic import read_bytes, sha256_file

N_SHOWN = 3
"""Passages shown with a question."""

_WRITTEN = (".md", ".markdown", ".txt")
_HEADING = re.compile(r"#{1,6}\s+(.*\S)")


@dataclass(frozen=True, eq=False)
class Knowledge:
    """P passages, and which of them each row is shown.

    Attributes:
        name: the file's name.
        ids: (P,) what a person finds each of them by.
        texts: (P,) the passages.
        nearest: (N, s) indices of the passages nearest to each row, the nearest first.
        sha256: digest of the file.
    """

    name: str
    ids: tuple[str, ...]
    texts: tuple[str, ...]
    nearest: np.ndarray = field(repr=False)
    sha256: str = ""

    def shown(self, row: int) -> list[str]:
        """Return the passages that a row is shown."""
        return [self.texts[passage] for passage in self.nearest[row].tolist()]

    def named(self, row: int) -> str:
        """Name them, as a reason for what was answered."""
        names = (self.ids[passage] for passage in self.nearest[row].tolist())
        return f"was shown of {self.name}: {'; '.join(names)}"


def read_knowledge(
    path: Path, folder: RunFolder, texts: Sequence[str], embeddings: np.ndarray, device: str
) -> Knowledge:
    """Read passages, and find those nearest to each row.

    The run's encoder reads the passages too; where it knows no meaning (tfidf, vectors of your
    own), the words that passages and texts share decide.

    Args:
        path: Markdown or plain text (a passage ends at an empty line), or a table with a column of
            texts, and one of ids if there are any.
        folder: the run.
        texts: (N,) the rows' texts.
        embeddings: (N, D) unit vectors of the rows, of the run's encoder.
        device: where to encode.

    Raises:
        DataError: the file cannot be read, or holds no passage.
        ModelError: the run's encoder cannot be loaded.
    """
    ids, passages = _read(path)
    if not passages:
        raise DataError(f"{path}: holds no passage", "write some, with empty lines between them")
    parameters = read_provenance(folder.embeddings).parameters
    encoder = str(parameters.get("encoder", ""))
    if encoder in WORDLESS_ENCODERS or not encoder:
        similarity = _by_words(texts, passages)
    else:
        from noisefix.encoders.load import load_encoder

        precision = str(parameters.get("precision", "auto"))
        vectors = load_encoder(encoder, device=device, precision=precision).encode(passages)
        similarity = embeddings @ vectors.T
    chosen = nearest_passages(similarity)
    return Knowledge(path.name, tuple(ids), tuple(passages), chosen, sha256_file(path))


def nearest_passages(similarity: np.ndarray) -> np.ndarray:
    """Return the passages most like each row, (N, s), ties by their order, of (N, P) cosines."""
    order: np.ndarray = np.argsort(-np.round(similarity, 6), axis=1, kind="stable")
    return order[:, :N_SHOWN]


def _by_words(texts: Sequence[str], passages: Sequence[str]) -> np.ndarray:
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectorizer = TfidfVectorizer(sublinear_tf=True, dtype=np.float32)
    try:
        of_passages = vectorizer.fit_transform(passages)
    except ValueError:  # not one word in them
        return np.zeros((len(texts), len(passages)), np.float32)
    found: np.ndarray = (vectorizer.transform(texts) @ of_passages.T).toarray()
    return found


def _read(path: Path) -> tuple[list[str], list[str]]:
    if path.suffix.lower() in _WRITTEN:
        return _written(path)
    from noisefix.tables.dataset import load_dataset
    from noisefix.tables.source import read_source

    table = load_dataset(read_source(path), needs_labels=False)
    kept = [place for place, text in enumerate(table.texts) if text.strip()]
    return [table.ids[place] for place in kept], [table.texts[place] for place in kept]


def _written(path: Path) -> tuple[list[str], list[str]]:
    """Cut a text at empty lines; a passage is found by the heading above it and its first line."""
    try:
        text = read_bytes(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 text", "save the file as UTF-8") from error
    ids: list[str] = []
    passages: list[str] = []
    heading, lines, start = "", [], 0
    for number, line in enumerate([*text.splitlines(), ""], 1):
        found = _HEADING.fullmatch(line.strip())
        if line.strip() and not found:
            start = start or number
            lines.append(line.strip())
            continue
        if lines:
            ids.append(f"{heading}, line {start}" if heading else f"line {start}")
            passages.append("\n".join([heading, *lines] if heading else lines))
        lines, start = [], 0
        heading = found.group(1) if found else heading
    return ids, passages
