"""The curves of accuracy against share asked: into the page as a table and as a figure."""

from __future__ import annotations

import numpy as np
import pytest

SHARES = [0.05, 0.1, 0.15, 0.5, 1.0]


@pytest.fixture
def load(load_benchmark):
    return load_benchmark


@pytest.fixture
def result():
    curves = {"noisefix": 0.98, "random": 0.94, "cleanlab": 0.964, "believed": 0.2}
    case = {
        "set": "mails",
        "annotator": "llm_any",
        "given": 0.9,
        "all": 0.8,
        "at_most": 0.5,
        "at_least": 0.94,
        "after": 0.95,
        "lowest": 0.949,
        "relabelled": 12,
        "review": 3,
        "alarm": "",
        "shares": SHARES,
        "curve": {way: np.linspace(0.9, end, 5).tolist() for way, end in curves.items()},
    }
    return {"cases": [case, case | {"set": "clean", "at_least": None, "given": 1.0}]}


def test_the_page_gets_table_and_figure(load, result, tmp_path):
    results = load("results")
    entry = {"date": "2026-01-01", "seconds": 1.0, "machine": load("machine").describe()}
    page = "".join(
        f"<!-- begin {name} -->\n<!-- end {name} -->\n" for name in ("summary", "relabel_quality")
    )
    (tmp_path / "benchmarks.md").write_text(page)
    results.write_docs(tmp_path, {"relabel_quality": entry | {"result": result}})
    shown = (tmp_path / "benchmarks.md").read_text()
    line = next(line for line in shown.splitlines() if " .920 / .910 / .916 " in line)
    assert line.startswith("| mails: llm_any |")
    assert ".940 / .920 / .932" not in line, "a share that the table does not show"
    assert "](relabel-curve.png)" in shown
    figure = (tmp_path / "relabel-curve.png").read_bytes()
    assert figure.startswith(b"\x89PNG")
    assert len(figure) > 20_000
    assert "mails: llm_any" in shown.partition("asked for")[2]


def test_lines_stay_in_their_panel_unless_answers_are_believed(load, result, tmp_path, monkeypatch):
    curves = load("relabel_curves")
    seen = []
    panel = curves._panel
    monkeypatch.setattr(curves, "_panel", lambda axis, case: seen.append(axis) or panel(axis, case))
    curves.draw(result, str(tmp_path / "curves.png"))
    axis = seen[1]  # in the order of the sets' names
    low, high = axis.get_ylim()
    lines = {line.get_label(): line for line in axis.get_lines()}
    assert set(lines) == {*curves.ORDERS.values(), "given labels"}
    for way in ("noisefix", "random", "cleanlab"):
        values = lines[curves.ORDERS[way]].get_ydata()
        assert low <= min(values)
        assert max(values) <= high
        assert values[0] == 0.9, "nobody asked: the given labels"
        assert len(values) == len(SHARES) + 1
    assert low > 0.5, "one bad line must not flatten the others"


def test_every_set_has_a_case(load):
    cases = load("relabel_quality").CASES
    sets = load("shared_sets")
    assert {case.set_name for case in cases} == {*sets.MAIN_SETS, *sets.CLEAN_SETS}
    assert len({(case.set_name, case.column) for case in cases}) == len(cases)


def test_flipped_answers_keep_unknown_truth_unknown(load):
    flipped = load("relabel_quality")._flipped(["a", "", "b"] * 400)
    assert flipped[1::3] == [""] * 400
    changed = np.mean([one != other for one, other in zip(flipped[::3], ["a"] * 400, strict=True)])
    assert changed == pytest.approx(0.3, abs=0.06)
    assert set(flipped) == {"a", "", "b"}
