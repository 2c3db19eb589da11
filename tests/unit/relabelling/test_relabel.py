"""The Python twin of ``noisefix relabel``, with annotators made at home."""

from __future__ import annotations

import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from noisefix import detect
from noisefix.annotators.human import HumanAnnotator, RowFacts
from noisefix.annotators.protocol import Answer
from noisefix.errors import DataError, ServiceError, UsageError
from noisefix.relabelling.plan import plan_relabel
from noisefix.relabelling.relabel import finish, relabel
from noisefix.relabelling.relabel_options import RelabelOptions

WORDS = {
    "account": ("password", "login", "profile"),
    "refund": ("refund", "money back", "reimburse"),
    "shipping": ("parcel", "courier", "tracking"),
}
CLASSES = tuple(sorted(WORDS))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("relabeling")
    lines = ["text,label"]
    for i in range(90):
        words = WORDS[CLASSES[i % 3]]
        label = CLASSES[(i + 1) % 3] if i % 10 == 4 else CLASSES[i % 3]
        lines.append(f"{words[i % 3 - 1]} and {words[(i // 3) % 3]} case {i},{label}")
    path = folder / "tickets.csv"
    path.write_text("\n".join(lines) + "\n")
    detect(path, encoder="tfidf")
    return folder / "tickets.noisefix"


@pytest.fixture
def run(made, tmp_path):
    return Path(shutil.copytree(made, tmp_path / "run"))


class Knows:
    """Knows the truth; has nothing but ``annotate``."""

    def __init__(self, silent=()):
        self.asked = []
        self.silent = silent

    def annotate(self, questions):
        for question in questions:
            self.asked.append(question.id)
            true = CLASSES[(int(question.id) - 1) % 3]
            if question.id in self.silent:
                yield Answer(question.id, None, error="cannot tell")
            else:
                yield Answer(question.id, true, is_label=True, vote=question.vote)


CHOSEN = {"pool": "all", "share": 0.6, "probe": 10}
OPTIONS = RelabelOptions(pool="all", share=0.6, probe=10)


def test_one_method_makes_an_annotator(run):
    steps = []
    annotator = Knows()
    result = relabel(run, annotator=annotator, **CHOSEN, progress=steps.append)
    assert result.failure is None
    assert result.run == run
    assert len(annotator.asked) == len(set(annotator.asked)) == result.report.asked <= 54
    assert steps[-1].done
    table = pq.read_table(run / "relabels.parquet").to_pylist()
    assert {row["annotator"] for row in table} == {"Knows"}
    changed = [row for row in table if row["action"] == "relabel"]
    assert len(changed) == result.report.relabelled > 0
    assert all(row["final_label"] == CLASSES[(int(row["id"]) - 1) % 3] for row in changed)
    assert sum(row["is_probe"] for row in table) == 10


def test_a_second_run_asks_nothing_anew(run):
    first = relabel(run, annotator=Knows(), **CHOSEN)
    annotator = Knows()
    second = relabel(run, annotator=annotator, **CHOSEN)
    assert annotator.asked == []
    assert second.report == first.report


def test_a_row_without_an_answer_does_not_end_the_rounds(run):
    plan = plan_relabel(run, OPTIONS)
    silent = plan.rows.ids[plan.asked[1]]
    annotator = Knows(silent=(silent,))
    result = finish(plan, annotator)
    assert result.failure is not None
    assert "no answer" in result.failure.message
    assert result.report.other_answers == {"no answer": 1}
    assert result.report.asked == len(annotator.asked) > 40

    again = Knows()
    assert relabel(run, annotator=again, **CHOSEN).failure is None
    assert silent in again.asked


class OffList:
    def annotate(self, questions):
        for question in questions:
            yield Answer(question.id, "boat", is_label=True)


class Dead:
    def annotate(self, questions):
        for question in questions:
            yield Answer(question.id, None, error="gone")


@pytest.mark.parametrize("annotator", [OffList(), Dead()])
def test_no_usable_answer_leaves_no_trace(run, annotator):
    with pytest.raises(ServiceError):
        relabel(run, annotator=annotator, max_rows=10)
    assert not (run / "relabels.parquet").exists()
    relabel(run, annotator=Knows(), **CHOSEN)
    before = (run / "relabels.parquet").read_bytes()
    with pytest.raises(ServiceError):
        relabel(run, annotator=annotator, max_rows=10)
    assert (run / "relabels.parquet").read_bytes() == before


class Confused:
    def annotate(self, questions):
        for _ in questions:
            yield Answer("no such row", CLASSES[0], is_label=True)


def test_an_answer_to_no_question_is_refused(run):
    with pytest.raises(DataError, match="not asked"):
        relabel(run, annotator=Confused(), **CHOSEN)


class Desk:
    def __init__(self, keys):
        self.keys = iter(keys)
        self.numbers = []

    def show(self, card):
        self.numbers.append(card.number)

    def read_key(self):
        return next(self.keys)


def test_a_person_is_not_asked_on_after_quitting(run):
    plan = plan_relabel(run, OPTIONS)

    def facts(_):
        return RowFacts("text", (), {})

    desk = Desk(["1", ".", "2", "q"])
    result = finish(plan, HumanAnnotator(desk, facts, plan.rows.class_names))
    assert result.report.asked == 2
    assert desk.numbers == [1, 2, 3, 4]
    assert result.failure is None


def test_a_person_who_skips_sees_every_row_numbered_on(run):
    plan = plan_relabel(run, OPTIONS)
    desk = Desk([".", *["1"] * 100])

    def facts(_):
        return RowFacts("text", (), {})

    result = finish(plan, HumanAnnotator(desk, facts, plan.rows.class_names))
    assert desk.numbers == list(range(1, len(desk.numbers) + 1))
    assert len(desk.numbers) == result.report.asked + 1 > 20


def test_a_person_who_quits_at_once_leaves_no_trace(run):
    plan = plan_relabel(run, OPTIONS)
    human = HumanAnnotator(Desk(["q"]), lambda _: RowFacts("text", (), {}), plan.rows.class_names)
    assert finish(plan, human).report is None
    assert not (run / "relabels.parquet").exists()


@pytest.mark.parametrize(
    "options",
    [{"share": 1.5}, {"pool": "some"}, {"votes": 0}, {"price_in": 1.0}, {"max_cost_usd": 1.0}],
)
def test_options_out_of_range(run, options):
    with pytest.raises(UsageError):
        relabel(run, annotator=Knows(), **options)


def test_no_run_folder(tmp_path):
    with pytest.raises(DataError):
        relabel(tmp_path / "none", annotator=Knows())
