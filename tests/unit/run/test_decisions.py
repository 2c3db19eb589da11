"""Decisions of people: appended, final, matched by text and given label."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noisefix.errors import DataError
from noisefix.run.decisions import (
    DROP,
    KEEP,
    UNDO,
    UNSURE,
    PersonDecision,
    append_decisions,
    decision_key,
    import_decisions,
    read_decisions,
    read_named,
)

KEY = decision_key("where is it", "refund")


def word(decision: str = KEEP, label: str | None = None, **more: str) -> PersonDecision:
    said = {"key": KEY, "id": "T1", "who": "ann", "when": "2026-01-01T00:00:00.000+00:00", **more}
    return PersonDecision(decision=decision, label=label, **said)


def test_the_key_tells_text_and_label_apart():
    assert len({KEY, decision_key("where is itr", "efund"), decision_key("where is it", None)}) == 3
    assert decision_key(None, None) == decision_key("", "")
    assert len(decision_key("\ud800", "x")) == 64  # a lone surrogate is a text too


decisions = st.builds(
    PersonDecision,
    key=st.sampled_from([KEY, decision_key("b", "x")]),
    id=st.text(max_size=5),
    decision=st.sampled_from([KEEP, DROP, UNSURE, UNDO]),
    who=st.text(max_size=4),
    when=st.dates().map(str),
    note=st.text(max_size=9),
    is_random=st.booleans(),
)


@given(first=st.lists(decisions, max_size=4), second=st.lists(decisions, max_size=4))
def test_what_is_appended_is_read_back_in_order(tmp_path_factory, first, second):
    path = tmp_path_factory.mktemp("d") / "decisions.jsonl"
    append_decisions(path, first)
    append_decisions(path, second)
    assert read_decisions(path) == (*first, *second)


def test_a_line_cut_off_by_a_kill_counts_as_not_written_and_harms_no_other(tmp_path):
    path = tmp_path / "decisions.jsonl"
    append_decisions(path, [word(), word(DROP)])
    whole = path.read_bytes()
    for cut in range(whole.index(b"\n") + 1, len(whole)):
        path.write_bytes(whole[:cut])
        is_whole = cut == len(whole) - 1  # only the line's end is missing
        assert read_decisions(path) == ((word(), word(DROP)) if is_whole else (word(),))
        append_decisions(path, [word(UNSURE)])
        kept = (word(), word(DROP)) if is_whole else (word(),)
        assert read_decisions(path) == (*kept, word(UNSURE))


def test_processes_that_append_at_once_lose_nothing(tmp_path):
    path = tmp_path / "decisions.jsonl"
    code = (
        "import sys; from pathlib import Path;"
        "from noisefix.run.decisions import PersonDecision, append_decisions\n"
        "for k in range(40): append_decisions(Path(sys.argv[1]), [PersonDecision('0' * 64,"
        " f'{sys.argv[2]}-{k}', 'keep')])"
    )
    running = [subprocess.Popen([sys.executable, "-c", code, str(path), str(n)]) for n in range(4)]
    assert [process.wait(60) for process in running] == [0] * 4
    ids = [decision.id for decision in read_decisions(path)]
    assert sorted(ids) == sorted(f"{n}-{k}" for n in range(4) for k in range(40))
    assert [i for i in ids if i.startswith("1-")] == [f"1-{k}" for k in range(40)]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("[]", "no JSON object"),
        ("{", "no JSON object"),
        ('{"key": "abc", "decision": "keep"}', "key is no SHA-256"),
        (json.dumps({"key": KEY, "decision": "maybe"}), "the decision is none of keep"),
        (json.dumps({"key": KEY, "decision": "class"}), "a class is named"),
        (json.dumps({"key": KEY, "decision": "keep", "label": "x"}), "a class is named"),
        (json.dumps({"key": KEY, "decision": "keep", "who": 3}), "must be texts"),
    ],
)
def test_a_line_that_is_no_decision_is_named(tmp_path, line, said):
    path = tmp_path / "decisions.jsonl"
    append_decisions(path, [word()])
    with path.open("a") as file:
        file.write(line + "\n")
    with pytest.raises(DataError, match=f"line 2: .*{said}"):
        read_decisions(path)


def test_a_file_that_an_editor_has_saved_is_read(tmp_path):
    path = tmp_path / "decisions.jsonl"
    append_decisions(path, [word(), word(DROP)])
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    assert read_decisions(path) == (word(), word(DROP))


def test_a_file_that_is_not_there(tmp_path):
    assert read_decisions(tmp_path / "none.jsonl") == ()
    with pytest.raises(DataError, match="no such file of decisions"):
        read_named(tmp_path / "none.jsonl")


def test_importing_twice_adds_nothing(tmp_path):
    path = tmp_path / "decisions.jsonl"
    assert import_decisions(path, [word(), word(), word(DROP)]) == 2
    assert import_decisions(path, [word(DROP), word()]) == 0
    assert read_decisions(path) == (word(), word(DROP))


def test_no_text_is_kept(tmp_path):
    path: Path = tmp_path / "decisions.jsonl"
    append_decisions(path, [word()])
    assert b"where is it" not in path.read_bytes()
