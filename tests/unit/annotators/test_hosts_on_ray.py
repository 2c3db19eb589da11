"""``local:`` models on a cluster: the answers and the keys are those of this process."""

import os

import pytest

from noisefix.annotators.engine import ask
from noisefix.annotators.local import LocalAnnotator
from noisefix.annotators.local_model import load_local_model
from noisefix.annotators.prompts import render_question
from noisefix.cluster import actors, connection
from noisefix.errors import ModelError
from noisefix.relabelling.distributed import over_models

ray = pytest.importorskip("ray")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]


@pytest.fixture(scope="module", autouse=True)
def cluster():
    os.environ.update(connection._QUIET)
    ray.init("local", num_cpus=2, include_dashboard=False, log_to_driver=False)
    yield
    ray.shutdown()


def asked(n):
    pools = [("spam", "ham", "s")[: 2 + k % 2] for k in range(n)]
    return [render_question(str(k), f"{k} Win! " * (k % 9), p) for k, p in enumerate(pools)]


def test_two_models_answer_what_one_does(save_tiny_model, one_torch_thread, store, monkeypatch):
    monkeypatch.setattr(actors, "_CORES_EACH", 1)
    folder = save_tiny_model()
    questions = asked(300)
    with over_models(str(folder), "cpu") as annotator:
        assert annotator.concurrency == 2 * 2 * 64, "two processes with two lots each"
        assert annotator.shares_prefix
        found = {answer.id: answer for answer in ask(annotator, questions, store=store)}
        identity = annotator.identity
    local = LocalAnnotator(load_local_model(folder, "cpu"))
    assert identity == local.identity
    again = list(ask(local, questions, store=store))
    assert all(answer.reused for answer in again), "one store, whoever has asked"
    for answer in local.annotate(questions):
        there = found[answer.id]
        assert there.input_tokens == answer.input_tokens
        assert there.probabilities == pytest.approx(answer.probabilities, abs=2e-3)


def test_a_folder_without_a_model_is_named_with_its_machine(tmp_path):
    with pytest.raises(ModelError, match=rf"^on .*: {tmp_path}: no model folder"):
        over_models(str(tmp_path), "cpu")
