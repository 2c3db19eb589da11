"""Bad days of asking through a cluster: the books and the store are those of one process."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from noisefix.annotators.budget import Budget, BudgetError
from noisefix.annotators.engine import UnansweredError, ask
from noisefix.annotators.exchange import ConcurrentAnnotator
from noisefix.annotators.hosts import Hosting, ModelHost, ServerHost
from noisefix.annotators.openai_client import OpenAIAnnotator
from noisefix.annotators.protocol import Answer, Identity, Message, Question
from noisefix.annotators.retry import RetryPolicy
from noisefix.annotators.store import STORE_NAME, AnswerStore
from noisefix.cluster import connection
from noisefix.cluster.actors import machine_spots
from noisefix.errors import ModelError, ServiceError
from noisefix.relabelling.distributed import DistributedAnnotator, over_servers

ray = pytest.importorskip("ray")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]

KEY = "sk-test-0123456789"
BILLED = 110
CONCURRENCY = 8


@pytest.fixture(scope="module")
def cluster():
    os.environ.update(connection._QUIET)
    ray.init("local", num_cpus=2, include_dashboard=False, log_to_driver=False)
    yield
    ray.shutdown()


@pytest.fixture(autouse=True)
def key(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)


@pytest.fixture
def store(tmp_path):
    with AnswerStore(tmp_path / STORE_NAME) as opened:
        yield opened


def questions(n, start=0):
    return [
        Question(f"id-{row}", ("pos", "neg"), (Message("user", f"row {row} of the data"),))
        for row in range(start, start + n)
    ]


def once(mark):
    """Return whether this is the first time that anybody asks."""
    try:
        mark.touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


class Mortal(ServerHost):
    """Ends its process when a request for certain questions has been sent: once for each."""

    def __init__(self, annotator, environment, folder, deadly):
        super().__init__(annotator, environment)
        self.folder, self.deadly = folder, deadly

    async def send(self, number, question):
        sent = await super().send(number, question)
        if question.id in self.deadly and once(self.folder / f"died-{question.id}"):
            os.kill(os.getpid(), signal.SIGKILL)
        return sent


def mortal(server, folder, deadly, n_spots=2):
    annotator = OpenAIAnnotator("tiny", base_url=server.url, concurrency=CONCURRENCY)
    (spot,) = machine_spots()
    return DistributedAnnotator(
        Mortal,
        (annotator, {}, folder, deadly),
        [spot] * n_spots,
        concurrency=annotator.concurrency,
        policy=RetryPolicy(first_wait_s=0.01),
        is_model=False,
    )


def pause(faults, request):
    return [0.01, *faults.says("pos")]


def test_answers_are_those_of_one_process(cluster, faults, store, tmp_path):
    with faults.FaultServer(partial(pause, faults)) as server:
        here = OpenAIAnnotator("tiny", base_url=server.url, concurrency=CONCURRENCY)
        with over_servers(here) as there:
            assert isinstance(there, ConcurrentAnnotator)
            assert there.identity == here.identity
            found = list(ask(there, questions(100), store=store))
            again = list(ask(there, questions(120), store=store))
        expected = list(ask(here, questions(100)))
        assert len(server.requests) == 220
        assert {request.headers["authorization"] for request in server.requests} == {
            f"Bearer {KEY}"
        }
    shown = [{a.id: (a.answer, a.prompt_sha256, a.input_tokens) for a in found}]
    shown.append({a.id: (a.answer, a.prompt_sha256, a.input_tokens) for a in expected})
    assert shown[0] == shown[1]
    assert sum(answer.reused for answer in again) == 100


def test_a_killed_worker_loses_what_is_in_flight_and_nothing_is_paid_twice(
    cluster, faults, store, tmp_path
):
    deadly = {"id-30", "id-90", "id-91"}
    with faults.FaultServer(partial(pause, faults)) as server:
        with mortal(server, tmp_path, deadly) as annotator:
            found = list(ask(annotator, questions(200), store=store))
        asked = Counter(request.row for request in server.requests)
    assert len(list(tmp_path.glob("died-*"))) == 3
    assert {answer.answer for answer in found} == {"pos"}
    assert (len(found), len(asked), store.totals().answers) == (200, 200, 200)
    again = sum(count - 1 for count in asked.values())
    assert 3 <= again <= 3 * CONCURRENCY, "only what was under way with the lost worker"
    tokens = sum(answer.input_tokens + answer.output_tokens for answer in found)
    assert tokens >= BILLED * len(server.requests), "what the lost ones may have cost is booked"


@pytest.mark.parametrize("limit", [30, 75])
def test_the_limit_holds_over_all_workers_and_after_a_loss(limit, cluster, faults, store, tmp_path):
    """The server bills every request, also those whose answers no longer find anybody."""
    budget = Budget(max_tokens_total=limit * BILLED)
    with faults.FaultServer(partial(pause, faults)) as server:
        with (
            mortal(server, tmp_path, {"id-20", "id-22", "id-60"}) as annotator,
            pytest.raises(BudgetError),
        ):
            list(ask(annotator, questions(500), store=store, budget=budget))
        assert list(tmp_path.glob("died-*"))
        n_paid = len(server.requests)
    assert limit - 3 * CONCURRENCY <= n_paid <= limit


def test_a_second_request_goes_to_whoever_knows_the_first(cluster, faults, store, tmp_path):
    """Both requests of a question are billed, whatever happens between them."""

    def respond(request):
        return faults.says("pos" if len(request.body["messages"]) > 1 else "blue")

    with faults.FaultServer(respond) as server, mortal(server, tmp_path, {"id-5"}) as annotator:
        found = {answer.id: answer for answer in ask(annotator, questions(40), store=store)}
    tokens = Counter(answer.input_tokens for answer in found.values())
    assert {answer.answer for answer in found.values()} == {"pos"}
    assert tokens[200] >= 40 - CONCURRENCY
    assert found["id-5"].input_tokens >= 300, "two, and one that was lost"


def test_what_the_server_refuses_is_the_error_of_one_process(cluster, faults, store, tmp_path):
    with faults.FaultServer(lambda r: faults.error(401, "Incorrect API key")) as server:
        with (
            mortal(server, tmp_path, set()) as annotator,
            pytest.raises(ServiceError, match="key") as caught,
        ):
            list(ask(annotator, questions(50), store=store))
        assert len(server.requests) == 1, "the first one goes alone"
    assert KEY not in f"{caught.value} {caught.value.hint}"


@dataclass
class Deadly(ModelHost):
    """A model that one text ends, and that is another one on a second machine, if wanted."""

    path: str
    text: str = "none"
    is_odd_one_out: bool = False

    def __post_init__(self):
        super().__init__(self.path, "cpu")
        self._annotator = self

    async def open(self):
        model = "tiny"
        if self.is_odd_one_out and not once(Path(self.path) / "first"):
            model = "other"
        return Hosting("there", Identity("local", model))

    def annotate(self, lot):
        for question in lot:
            if self.text in question.prompt[0].content:
                os.kill(os.getpid(), signal.SIGKILL)
            (Path(self.path) / f"{question.id}.asked").open("a").write("x")
            time.sleep(0.002)
            yield Answer(question.id, "pos", is_label=True, input_tokens=9, output_tokens=0)


def deadly(*arguments):
    (spot,) = machine_spots()
    policy = RetryPolicy(max_attempts=5, timeout_s=1e9, first_wait_s=0.01)
    return DistributedAnnotator(
        Deadly, arguments, [spot] * 2, concurrency=64, policy=policy, is_model=True
    )


def test_a_text_that_ends_every_process_is_found_and_the_others_are_answered(
    cluster, store, tmp_path
):
    with deadly(str(tmp_path), "row 77 ") as annotator:
        found = []
        with pytest.raises(UnansweredError, match="1 questions got no answer; the last one: the"):
            found.extend(ask(annotator, questions(300), store=store))
    failed = [answer for answer in found if answer.answer is None]
    assert [answer.id for answer in failed] == ["id-77"]
    assert "was lost" in failed[0].error
    assert "(5 attempts)" in failed[0].error
    assert store.totals().answers == 299
    assert len(found) == 300


def test_machines_with_different_models_do_not_answer_together(cluster, store, tmp_path):
    with pytest.raises(ModelError, match="the model on there has other files"):
        ask_until_both_are_ready(tmp_path, store)


def ask_until_both_are_ready(folder, store):
    with deadly(str(folder), "none", True) as annotator:
        for start in range(0, 4000, 100):
            list(ask(annotator, questions(100, start), store=store))


def test_a_machine_that_leaves_takes_only_what_is_in_flight(faults, store, tmp_path):
    from ray.cluster_utils import Cluster

    ray.shutdown()
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    try:
        second = cluster.add_node(num_cpus=1)
        ray.init(cluster.address, log_to_driver=False)
        with faults.FaultServer(partial(pause, faults)) as server:
            here = OpenAIAnnotator("tiny", base_url=server.url, concurrency=CONCURRENCY)
            with over_servers(here) as annotator:
                found = []
                for answer in ask(annotator, questions(300), store=store):
                    found.append(answer)
                    if len(found) == 100:
                        cluster.remove_node(second, allow_graceful=False)
            assert len(server.requests) <= 300 + CONCURRENCY
        assert (len(found), store.totals().answers) == (300, 300)
    finally:
        ray.shutdown()
        cluster.shutdown()


ASK = """
import sys
from noisefix.annotators.engine import ask
from noisefix.annotators.openai_client import OpenAIAnnotator
from noisefix.annotators.store import AnswerStore
from noisefix.cluster.choose import cluster
from noisefix.common_options import ExecutorOptions
from noisefix.relabelling.distributed import over_servers
sys.path.insert(0, sys.argv[3])
from test_distributed import CONCURRENCY, questions

annotator = OpenAIAnnotator("tiny", base_url=sys.argv[1], concurrency=CONCURRENCY)
with AnswerStore(sys.argv[2]) as store, cluster(ExecutorOptions(executor="ray")):
    with over_servers(annotator) as distributed:
        print(sum(1 for _ in ask(distributed, questions(200), store=store)))
"""


def test_a_killed_driver_loses_what_is_in_flight(faults, tmp_path):
    """The workers die with it: nobody goes on asking and paying."""
    path = tmp_path / STORE_NAME
    here = str(Path(__file__).parent)
    environment = {**os.environ, "OMP_NUM_THREADS": "2"}
    environment["PYTHONPATH"] = os.pathsep.join([here, *sys.path])
    environment.pop("RAY_ADDRESS", None)
    children = []

    def respond(request):
        if request.number == 60:
            os.kill(children[0].pid, signal.SIGKILL)
        return [0.02, *faults.says("pos")]

    with faults.FaultServer(respond) as server:
        command = [sys.executable, "-c", ASK, server.url, str(path), here]
        children.append(subprocess.Popen(command, env=environment))
        assert children[0].wait(120) == -signal.SIGKILL
        time.sleep(3)
        asked = len(server.requests)
        with AnswerStore(path) as store:
            stored = store.totals().answers
        assert asked - stored <= CONCURRENCY
        again = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=120
        )
        assert (again.returncode, again.stdout.strip(), again.stderr) == (0, "200", "")
        assert len(server.requests) == asked + 200 - stored
