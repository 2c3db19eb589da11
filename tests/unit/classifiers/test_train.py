"""The Python twin of ``noisefix train``, with an annotator made at home."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from noisefix import detect, train
from noisefix.annotators.protocol import Answer
from noisefix.errors import UsageError
from noisefix.training.checkpoints import FileCheckpoint

WORDS = {
    "account": ("password", "login", "profile", "locked out"),
    "refund": ("refund", "money back", "reimburse", "overcharged"),
    "shipping": ("parcel", "courier", "tracking", "arrived late"),
}
CLASSES = tuple(sorted(WORDS))
METHOD = {
    "method": "noiseal",
    "epochs": 8,
    "parameters": {"penalty": 30.0, "warm_epochs": 1},  # a head that learns nothing by heart
}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("training")
    lines = ["text,label"]
    for i in range(90):
        words = WORDS[CLASSES[i % 3]]
        label = CLASSES[(i + 1 + i % 2) % 3] if i % 5 in (1, 3) else CLASSES[i % 3]
        lines.append(f"{words[i % 4]} and {words[(i // 3) % 4]} case {i},{label}")
    path = folder / "tickets.csv"
    path.write_text("\n".join(lines) + "\n")
    detect(path, encoder="tfidf")
    return folder / "tickets.noisefix"


@pytest.fixture
def run(made, tmp_path):
    return Path(shutil.copytree(made, tmp_path / "run"))


class Knows:
    """Knows the truth; has nothing but ``annotate``. Dies before an answer, if told to."""

    def __init__(self, dies_at=None):
        self.asked, self.dies_at = [], dies_at

    def annotate(self, questions):
        for question in questions:
            if len(self.asked) == self.dies_at:
                raise KeyboardInterrupt
            self.asked.append(question.id)
            yield Answer(question.id, CLASSES[(int(question.id) - 1) % 3], is_label=True)


def files(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_one_method_makes_an_annotator(run, tmp_path):
    who = Knows()
    result = train(run, tmp_path / "m", annotator=who, share=0.1, **METHOD)
    assert result.failure is None
    assert 0 < len(who.asked) == result.asking.asked == result.metrics["asked"] <= 9
    few = Knows()
    assert train(run, tmp_path / "m", annotator=few, max_rows=4, **METHOD).asking.asked == 4
    assert few.asked == []  # all four are in the store


@pytest.mark.parametrize("dies_after", [0, 1])
def test_a_killed_training_ends_as_an_unbroken_one(run, tmp_path, monkeypatch, dies_after):
    """Killed before the first answer of the last round, or after it: asked once, same bytes."""
    monkeypatch.setitem(FileCheckpoint.__init__.__kwdefaults__, "every_s", 0)
    other = Path(shutil.copytree(run, tmp_path / "other"))
    whole = Knows()
    train(other, tmp_path / "whole", annotator=whole, **METHOD)
    assert len(whole.asked) > 5

    first = Knows(dies_at=len(whole.asked) - 2 + dies_after)
    with pytest.raises(KeyboardInterrupt):
        train(run, tmp_path / "m", annotator=first, **METHOD)
    assert not (tmp_path / "m").exists()
    assert (tmp_path / ".m.training").exists()
    second = Knows()
    train(run, tmp_path / "m", annotator=second, **METHOD)
    assert first.asked + second.asked == whole.asked
    assert files(tmp_path / "m") == files(tmp_path / "whole")
    assert not (tmp_path / ".m.training").exists()


def test_another_annotator_starts_anew(run, tmp_path, monkeypatch):
    monkeypatch.setitem(FileCheckpoint.__init__.__kwdefaults__, "every_s", 0)
    with pytest.raises(KeyboardInterrupt):
        train(run, tmp_path / "m", annotator=Knows(dies_at=5), **METHOD)

    class Other(Knows):
        pass

    fresh, resumed = Other(), Other()
    train(run, tmp_path / "m", annotator=resumed, **METHOD)
    (run / "annotations.sqlite").unlink()
    train(run, tmp_path / "n", annotator=fresh, **METHOD)
    assert resumed.asked == fresh.asked
    assert files(tmp_path / "m") == files(tmp_path / "n")


def test_who_may_not_ask(run, tmp_path):
    with pytest.raises(UsageError, match="asks nobody"):
        train(run, tmp_path / "m", method="ce", annotator=Knows())
    with pytest.raises(UsageError, match="max-rows"):
        train(run, tmp_path / "m", max_rows=3, **METHOD)
    with pytest.raises(UsageError, match="prices"):
        train(run, tmp_path / "m", annotator=Knows(), max_cost_usd=1, **METHOD)
    assert not (tmp_path / "m").exists()
