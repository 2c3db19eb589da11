"""Which texts ``augment --pairs`` has edited: surely mislabelled rows of the most confused classes.

Source: VISION, 2025 (known from its abstract), which asks an LLM for the smallest change of a text
that flips its label, and trains and measures on both.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from noisefix.errors import UsageError
from noisefix.relabelling.augment_options import AugmentOptions
from noisefix.relabelling.edit_requests import (
    EditRequest,
    check_has_texts,
    edit_questions,
    editable_rows,
)
from noisefix.run.decisions import read_said
from noisefix.run.folder import RunFolder
from noisefix.run.outputs import check_not_foreign
from noisefix.run.parquet import read_provenance, read_table
from noisefix.run.rows import RunRows, read_run_rows
from noisefix.run.schemas import JOINT
from noisefix.seeds import check_seed

if TYPE_CHECKING:
    from noisefix.annotators.edits import EditQuestion
    from noisefix.annotators.prompts import PromptStyle
    from noisefix.run.decisions import PersonDecision

N_CELLS = 5
ROWS_OF_A_CELL = 20


@dataclass(frozen=True)
class Cell:
    """Two classes that are confused.

    Attributes:
        given: class id that rows were given.
        true: class id that they most probably are.
        joint: estimated P(given, true).
        rows: indices of the rows to edit, the surest first.
    """

    given: int
    true: int
    joint: float
    rows: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class PairPlan:
    """What is to be asked.

    Attributes:
        folder: the run folder.
        rows: its rows.
        options: what was chosen.
        style: wording.
        cells: the pairs of classes, and the rows of each.
        said: what ``--decisions`` holds.
    """

    folder: RunFolder
    rows: RunRows
    options: AugmentOptions
    style: PromptStyle
    cells: tuple[Cell, ...]
    said: tuple[PersonDecision, ...] = ()

    @property
    def requests(self) -> list[EditRequest]:
        """An edit towards the given label for each row, in the order of the cells."""
        return [
            EditRequest(row, cell.given, instead_of=cell.true)
            for cell in self.cells
            for row in cell.rows
        ]

    @property
    def asked(self) -> np.ndarray:
        """(A,) indices of the rows, in the order in which they are asked."""
        return np.array([request.row for request in self.requests], dtype=np.int64)

    @property
    def n_questions(self) -> int:
        """How many edits are asked for."""
        return len(self.requests)

    def questions(self) -> Iterator[EditQuestion]:
        """Yield the questions, in order."""
        shows = self.options.demonstrations
        return edit_questions(self.rows, self.requests, self.style, with_examples=shows)


def plan_pairs(run: str | Path, options: AugmentOptions) -> PairPlan:
    """Choose the rows to have edited.

    Args:
        run: run folder that ``detect`` has written.
        options: what was chosen.

    Raises:
        DataError: the run folder, labels.toml or the template cannot be used.
        UsageError: no encoder is known that could compare texts.
    """
    from noisefix.annotators.prompts import check_label_names
    from noisefix.encoders.find import GIVEN

    check_seed(options.seed)
    folder = RunFolder.open(run, options.run_data, fresh=("issues", "candidates"))
    check_not_foreign([folder.contrast_pairs], "move it away")
    check_has_texts(folder, "--pairs")
    if (read_provenance(folder.embeddings).parameters.get("encoder") or GIVEN) == GIVEN:
        raise UsageError(
            f"--pairs: compares texts by the run's encoder, and the vectors of {folder.path} were "
            "given",
            "run noisefix detect --encoder NAME on the texts",
        )
    said = read_said(options.decisions)
    rows = read_run_rows(folder, said)
    check_label_names(rows.class_names)
    style = options.style()
    index = {name: k for k, name in enumerate(rows.class_names)}
    joint = np.zeros((len(index), len(index)))
    for line in read_table(folder.joint, JOINT)[0].to_pylist():
        joint[index[line["given_label"]], index[line["true_label"]]] = line["joint"]
    cells = choose_cells(joint, rows, editable_rows(rows, style))
    return PairPlan(folder, rows, options, style, _limited(cells, options, len(rows)), said)


def choose_cells(joint: np.ndarray, rows: RunRows, is_editable: np.ndarray) -> tuple[Cell, ...]:
    """Return the ``N_CELLS`` largest cells off the diagonal, with the surest rows of each.

    A row is of a cell when it was given the one class and the other is its most probable; of
    (nearly) equal texts there is one.

    Args:
        joint: (K, K) P(given, true), [given, true].
        rows: the run's rows.
        is_editable: (N,) bool: the row may be asked about.
    """
    n_classes = len(joint)
    off = np.where(np.eye(n_classes, dtype=bool), 0.0, joint)
    order = np.argsort(-off, axis=None, kind="stable")[:N_CELLS]
    likeliest = rows.true_label_probs.argmax(axis=1)
    cells = []
    for place in order.tolist():
        given, true = divmod(place, n_classes)
        if off[given, true] <= 0:
            continue
        members = np.flatnonzero(
            is_editable & (rows.given_labels == given) & (likeliest == true) & (given != likeliest)
        )
        surest = members[np.argsort(-rows.true_label_probs[members, true], kind="stable")]
        _, first = np.unique(rows.groups[surest], return_index=True)
        chosen = surest[np.sort(first)][:ROWS_OF_A_CELL]
        cells.append(Cell(given, true, float(off[given, true]), tuple(chosen.tolist())))
    return tuple(cells)


def _limited(cells: tuple[Cell, ...], options: AugmentOptions, n_rows: int) -> tuple[Cell, ...]:
    """Take rows from the end of the last cell on, until there are no more than the limits say."""
    limits = [sum(len(cell.rows) for cell in cells)]
    limits += [] if options.max_rows is None else [options.max_rows]
    limits += [] if options.share is None else [int(options.share * n_rows)]
    left, kept = min(limits), []
    for cell in cells:
        kept.append(Cell(cell.given, cell.true, cell.joint, cell.rows[:left]))
        left -= len(kept[-1].rows)
    return tuple(kept)
