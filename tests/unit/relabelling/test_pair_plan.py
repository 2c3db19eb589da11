"""Which rows are edited for pairs."""

from __future__ import annotations

import numpy as np

from noisefix.relabelling.pair_plan import N_CELLS, ROWS_OF_A_CELL, choose_cells


def test_the_largest_cells_and_their_surest_rows(make_rows):
    # rows: two given a and truly b, one given b and truly a, one right
    probs = [[0.3, 0.7, 0], [0.1, 0.9, 0], [0.6, 0.4, 0], [0.9, 0.1, 0]]
    rows = make_rows([0, 0, 1, 0], probs)
    joint = np.array([[0.5, 0.1, 0.02], [0.2, 0.1, 0.0], [0.0, 0.0, 0.08]])
    cells = choose_cells(joint, rows, np.ones(4, bool))
    assert [(c.given, c.true, c.joint) for c in cells] == [(1, 0, 0.2), (0, 1, 0.1), (0, 2, 0.02)]
    assert [c.rows for c in cells] == [(2,), (1, 0), ()]
    assert choose_cells(joint, rows, np.array([1, 0, 1, 1], bool))[1].rows == (0,)


def test_of_nearly_equal_texts_there_is_one(make_rows):
    rows = make_rows([0, 0, 0], [[0.3, 0.7], [0.1, 0.9], [0.2, 0.8]])
    rows.groups[:] = [5, 5, 6]
    (cell,) = choose_cells(np.array([[0.5, 0.5], [0, 0]]), rows, np.ones(3, bool))
    assert cell.rows == (1, 2)


def test_no_more_than_so_many(random_rows):
    rows = random_rows(2000, seed=0)
    joint = np.random.default_rng(0).random((4, 4))
    cells = choose_cells(joint, rows, np.ones(2000, bool))
    assert len(cells) == N_CELLS
    assert max(len(cell.rows) for cell in cells) == ROWS_OF_A_CELL
    off = np.sort(joint[~np.eye(4, dtype=bool)])[::-1]
    assert [cell.joint for cell in cells] == off[:N_CELLS].tolist()
    for cell in cells:
        chosen = rows.true_label_probs[list(cell.rows), cell.true]
        assert (np.diff(chosen) <= 0).all()
        assert (rows.given_labels[list(cell.rows)] == cell.given).all()
        assert (rows.true_label_probs[list(cell.rows)].argmax(axis=1) == cell.true).all()
