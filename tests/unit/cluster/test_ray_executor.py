"""On a real cluster of this machine, which takes some seconds to start."""

import os
import signal
import subprocess
import sys
import time
from functools import partial

import pytest

from noisefix.cluster import connection
from noisefix.cluster.ray_executor import RayExecutor
from noisefix.cluster.work import TASKS_PER_WORKER
from noisefix.errors import DataError, ModelError

ray = pytest.importorskip("ray")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]


@pytest.fixture(scope="module")
def cluster():
    """Two cores, and two cards that are there in name only."""
    os.environ.update(connection._QUIET)  # as a cluster is started by connect()
    ray.init("local", num_cpus=2, num_gpus=2, include_dashboard=False, log_to_driver=False)
    yield
    ray.shutdown()


@pytest.fixture
def executor(cluster, tmp_path):
    made = RayExecutor(None, tmp_path)
    yield made
    made.close()
    assert ray.is_initialized(), "who has not started it does not end it"


def double(task):
    time.sleep(0.2 if task == 0 else 0)
    return 2 * task


def card(task, folder=None):
    """Return the card and the process; with a folder, when two cards have been seen there."""
    device = os.environ.get("CUDA_VISIBLE_DEVICES")
    if folder is not None:
        (folder / f"card-{device}").touch()
        deadline = time.monotonic() + 60
        while len(list(folder.glob("card-*"))) < 2 and time.monotonic() < deadline:
            time.sleep(0.05)
    return device, os.getpid()


def refuse(task):
    if task == 3:
        raise ModelError("no model for 3", "take another one")
    return task


def divide(task):
    return 1 // task


def die(task, folder, times):
    """End this process as often as is said, then return the task."""
    marks = list(folder.glob(f"died-{task}-*"))
    if task == 2 and len(marks) < times:
        (folder / f"died-{task}-{len(marks)}").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return task


class Rows:
    """A task with a name."""

    def __init__(self, number):
        self.number = number
        self.name = f"rows {number}"


def end(task):
    os.kill(os.getpid(), signal.SIGKILL)


def on(executor, kind, function, tasks):
    return executor.map(function, tasks, on_gpu=kind == "cards")


KINDS = pytest.mark.parametrize("kind", ["cores", "cards"])


@KINDS
def test_results_come_in_the_order_of_the_tasks(kind, executor):
    assert executor.n_workers == 2
    assert list(on(executor, kind, double, range(20))) == [2 * task for task in range(20)]
    assert list(on(executor, kind, double, [])) == []


@KINDS
def test_only_a_few_tasks_exist_at_a_time(kind, executor):
    asked = []

    def tasks():
        for task in range(100):
            asked.append(task)
            yield task

    results = on(executor, kind, double, tasks())
    next(results)
    assert len(asked) <= 2 * TASKS_PER_WORKER + 2
    assert len(list(results)) == 99


@KINDS
def test_what_a_user_can_meet_arrives_as_it_was(kind, executor):
    with pytest.raises(ModelError, match="no model for 3") as caught:
        list(on(executor, kind, refuse, range(9)))
    assert (caught.type, caught.value.hint) == (ModelError, "take another one")
    with pytest.raises(ZeroDivisionError):
        list(on(executor, kind, divide, [1, 0]))


@KINDS
def test_a_task_whose_worker_is_killed_is_done_again(kind, executor, tmp_path):
    work = partial(die, folder=tmp_path, times=1)
    assert list(on(executor, kind, work, range(6))) == list(range(6))
    assert len(list(tmp_path.glob("died-*"))) == 1


@KINDS
def test_a_task_that_no_worker_survives_is_named(kind, executor):
    with pytest.raises(DataError, match=r"^rows 7: the worker that had them was lost 4 times"):
        list(on(executor, kind, end, [Rows(7)]))


def test_each_actor_has_a_card_of_its_own_and_keeps_it(executor, tmp_path):
    found = list(executor.map(partial(card, folder=tmp_path), range(40), on_gpu=True))
    assert {device for device, _ in found} == {"0", "1"}
    assert len(set(found)) == 2, "one process a card"
    deadline = time.monotonic() + 30
    while ray.available_resources().get("GPU") != 2 and time.monotonic() < deadline:
        time.sleep(0.1)
    assert ray.available_resources().get("GPU") == 2, "the cards are free afterwards"


def test_who_asks_for_no_card_sees_none(executor):
    assert {device for device, _ in executor.map(card, range(4))} == {""}


def test_the_folder_must_be_there_and_stays_as_it_was(cluster, tmp_path):
    assert list(RayExecutor(None, tmp_path).map(double, [1])) == [2]
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(DataError, match="cannot be written"):
        list(RayExecutor(None, tmp_path / "no").map(double, [1]))


def test_a_folder_that_workers_do_not_see_is_refused(cluster, tmp_path, monkeypatch):
    class Private(type(tmp_path)):
        """A folder on this machine alone: what is written here is nowhere for others."""

        def write_bytes(self, data):
            return len(data)

    with pytest.raises(DataError, match="does not see what is written there"):
        connection.check_machines(Private(tmp_path))


def test_the_terminal_and_the_answer_to_sigterm_stay_the_user_s(tmp_path):
    """In a process of its own: Ray answers SIGTERM its way when it starts, and tells of losses."""
    program = (
        "import os, signal, time\n"
        "from pathlib import Path\n"
        "def once(mark):\n"
        "    if not mark.exists():\n"
        "        mark.touch()\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "from noisefix.cluster.ray_executor import RayExecutor\n"
        f"executor = RayExecutor(None, Path({str(tmp_path)!r}))\n"
        "before = signal.getsignal(signal.SIGTERM)\n"
        "assert list(executor.map(str, range(3))) == ['0', '1', '2']\n"
        "assert signal.getsignal(signal.SIGTERM) is before\n"
        f"mark = Path({str(tmp_path / 'mark')!r})\n"
        "assert list(executor.map(once, [mark])) == [None]\n"
        "assert mark.exists()\n"
        "time.sleep(3)\n"
        "executor.close()\n"
        "assert signal.getsignal(signal.SIGTERM) is before\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", ""), "nothing on the terminal"
