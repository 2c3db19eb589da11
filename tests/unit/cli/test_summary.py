"""The summary of ``detect``, from a result written by hand."""

from __future__ import annotations

import ast
import io
import re
from dataclasses import replace
from pathlib import Path

import pytest
from rich.cells import cell_len

import noisefix.cli
from noisefix.cli.summary import show_detection
from noisefix.cli.terminal import Screen
from noisefix.detection.findings import ClassSummary, DetectResult, IssueRow, PairSummary


@pytest.fixture
def result() -> DetectResult:
    return DetectResult(
        run=Path("my tickets.noisefix"),
        input_name="my tickets.csv",
        rows=1200,
        labelled=1190,
        unlabelled=10,
        classes=("billing", "refund"),
        n_issues=97,
        noise_rate=0.12,
        noise_rate_low=0.08,
        noise_rate_high=0.17,
        encoder="sentence-transformers/all-MiniLM-L6-v2",
        class_rows=[
            ClassSummary("billing", 700, 0.59, 0.5, 80, 0.15, 0.1, 0.2),
            ClassSummary("refund", 490, 0.41, 0.5, 17, 0.05, 0.02, 0.09),
        ],
        pairs=[
            PairSummary(
                "billing", "refund", 61.4, 55, "t9", "money back", "t7", "refund please", 0.8
            ),
            PairSummary("refund", "billing", 0.2, 0, None, None, None, None, None),
        ],
        top=[
            IssueRow(
                "t9", 12, "I want\nmy \x1b[31mmoney", "billing", "refund", 0.974, ("9 of 10",)
            ),
            IssueRow("14", 14, "text " * 100, "refund", "billing", 0.9, ()),
        ],
        duplicate_conflicts=3,
        notes=(),
        warnings=(),
        seconds={"embed": 4.0, "joint": 0.5},
        skipped=(),
        flagged_wrong=60.2,
        flagged_wrong_low=44.6,
        flagged_wrong_high=80.4,
    )


def shown(result: DetectResult, top: int = 10, data: str = "my tickets.csv") -> list[str]:
    stream = io.StringIO()
    show_detection(Screen(stream), result, data=data, top=top)
    return stream.getvalue().splitlines()


def test_it_opens_with_what_matters(result):
    lines = shown(result)
    assert lines[0] == (
        "my tickets.csv: 1,200 rows, 2 classes, 10 unlabelled, all-MiniLM-L6-v2, 4.5 s"
    )
    assert lines[1] == (
        "Some labels look wrong: about 12 % of them (estimate; 90 % interval 8 to 17 %). "
        "97 rows are flagged, about 45 to 80 of them wrong."
    )
    assert "makes all this surer: --labelled-by people, model or rules" in lines[2]
    assert "3 rows with (nearly) the same text as another" in lines[3]
    told = "\n".join(shown(replace(result, labelled_by="people")))
    assert "makes all this surer" not in told
    assert "noisefix check 'my tickets.csv' --labelled-by people --max-noise-rate" in told


def test_pairs_show_an_example_and_leave_out_what_hardly_happens(result):
    text = "\n".join(shown(result))
    assert "  billing → refund: about 61 rows, 55 flagged\n      billing: money back\n" in text
    assert "      refund: refund please\n" in text
    assert "refund → billing: about" not in text


def test_rows_are_shown_on_one_line_each_whatever_is_in_them(result):
    lines = shown(result)
    at = lines.index("  0.97 almost surely  billing → refund  (row 12, id t9)")
    assert lines[at + 1 : at + 3] == ["        I want⏎my ␛[31mmoney", "        9 of 10"]
    assert lines[at + 3] == "  0.90 almost surely  refund → billing  (row 14)"
    assert lines[at + 4].endswith("…")
    assert len(lines[at + 4]) <= 130


def test_top_limits_the_rows(result):
    assert "row 14" not in "\n".join(shown(result, top=1))
    assert "suspicious" not in "\n".join(shown(result, top=0))


def test_next_steps_can_be_pasted_into_a_shell(result):
    text = "\n".join(shown(result))
    assert "noisefix apply 'my tickets.noisefix' -o flagged.csv\n" in text
    assert "noisefix check 'my tickets.csv' --max-noise-rate 0.11\n" in text
    assert "noisefix evaluate 'my tickets.noisefix' --truth COLUMN\n" in text


def test_input_from_stdin_is_named_by_its_run_folder(result):
    text = "\n".join(shown(result, data="-"))
    assert "noisefix check 'my tickets.noisefix' --max-noise-rate" in text
    assert "noisefix check -" not in text


def test_clean_data_are_called_clean(result):
    clean = replace(
        result, verdict="clean", n_issues=0, noise_rate=0.001, noise_rate_low=0, pairs=[], top=[]
    )
    lines = shown(clean)
    assert lines[1] == (
        "These labels look clean: about 0.1 % look wrong (estimate; 90 % interval 0 to 17 %). "
        "No row looks wrong enough to be flagged."
    )
    assert "Most confused" not in lines


def test_many_wrong_labels_are_called_many(result):
    line = shown(replace(result, verdict="many", n_issues=1, noise_rate=0.4, flagged_wrong=0.75))[1]
    assert line.startswith("Many labels look wrong: about 40 % of them (estimate; ")
    assert line.endswith("1 row is flagged, wrong with a probability of 0.75.")


def test_a_second_count_is_told_where_it_differs_much(result):
    def told(second: float | None) -> str:
        return "\n".join(shown(replace(result, second_noise_rate=second)))

    sentence = "A second way of counting, which uses neighbours only, comes to about "
    assert f"{sentence}31 % (too many where near texts differ in class): verif" in told(0.31)
    rate = {"noise_rate": 0.3, "noise_rate_low": 0.12, "noise_rate_high": 0.5}
    low = replace(result, **rate, second_noise_rate=0.1)
    assert f"{sentence}10 % (too few where near texts share their errors)" in shown(low)[2]
    for near in (None, 0.26, 0.0):
        assert "second way" not in told(near)
    inside = replace(result, **rate, second_noise_rate=0.48)
    people = replace(result, labelled_by="people", second_noise_rate=0.31)
    for other in (inside, people):
        assert "second way" not in "\n".join(shown(other))


def test_a_class_where_perhaps_nobody_looked_is_asked_about_but_only_once(result):
    asked = "# if not spam is what rows get where nobody looked, say so"
    one = replace(result, flagged_label="not spam")
    lines = shown(one)
    assert lines[lines.index(f"  {asked}") + 1] == "  --unverified-class 'not spam'"
    assert asked not in "\n".join(shown(replace(one, unverified_class="not spam")))
    assert asked not in "\n".join(shown(result))


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("width", [60, 80, 200])
def test_on_a_terminal_no_number_is_cut_and_no_command_broken(result, monkeypatch, width):
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    result = replace(result, flagged_label="not spam")
    show_detection(Screen(stream), result, data="my tickets.csv", top=10)
    lines = re.sub("\x1b\\[[0-9;]*m", "", stream.getvalue()).splitlines()
    lines = [line.rstrip() for line in lines]
    commands = [line for line in shown(result) if line.startswith(("  noisefix ", "  --"))]
    assert len(commands) == 8
    assert [line for line in lines if line in commands] == commands
    others = [line for line in lines if line not in commands]
    assert max(map(cell_len, others)) <= width
    numbers = re.compile(r"\d[\d,.]*")
    told = [line for line in shown(result) if not line.endswith("…")]
    assert numbers.findall("\n".join(told)) == numbers.findall("\n".join(lines))


SOURCES = sorted(Path(noisefix.cli.__file__).parent.glob("*.py"))


@pytest.mark.parametrize("path", SOURCES, ids=[p.stem for p in SOURCES])
def test_no_summary_has_a_command_in_the_midst_of_words_that_are_wrapped(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call) or getattr(node.func, "attr", "") != "line":
            continue
        words = [n.value for n in ast.walk(node) if isinstance(n, ast.Constant)]
        text = " ".join(word for word in words if isinstance(word, str))
        assert not re.search(r"noisefix [a-z]+", text), f"{path}:{node.lineno}: {text}"
