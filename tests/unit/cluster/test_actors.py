"""On a real cluster of this machine, which takes some seconds to start."""

import asyncio
import os
import signal
from dataclasses import dataclass
from functools import partial

import pytest

from noisefix.cluster import actors, connection
from noisefix.cluster.actors import Actors, Spot, WorkerLostError, machine_spots, model_spots
from noisefix.errors import ModelError

ray = pytest.importorskip("ray")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]


@pytest.fixture(scope="module")
def cluster():
    """Two cores, and two cards that are there in name only."""
    os.environ.update(connection._QUIET)
    ray.init("local", num_cpus=2, num_gpus=2, include_dashboard=False, log_to_driver=False)
    yield
    ray.shutdown()


@dataclass
class Worker:
    """Says who it is; ends its process when it is told to."""

    folder: object = None
    n_deaths: int = 0

    async def open(self):
        if self.folder is not None and len(list(self.folder.iterdir())) < self.n_deaths:
            (self.folder / f"{os.getpid()}").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        self.n_running = 0
        return os.getpid()

    async def work(self, task, seconds=0.0):
        if task == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if task == "divide":
            return 1 // 0
        self.n_running += 1
        try:
            await asyncio.sleep(seconds)
            return task, os.getpid(), self.n_running
        finally:
            self.n_running -= 1


@pytest.fixture
def made(cluster):
    open_ones = []

    def make(*arguments, spots=2, check=lambda facts: None):
        (spot,) = machine_spots()
        open_ones.append(Actors(Worker, arguments, [spot] * spots, check, 100))
        return open_ones[-1]

    yield make
    for one in open_ones:
        one.close()


async def in_calls(them, do):
    async with them.calls() as calls:
        return await do(calls)


def run(them, do):
    return asyncio.run(in_calls(them, do))


def test_spots_are_cards_or_shares_of_the_cores(cluster, monkeypatch):
    (machine,) = machine_spots()
    assert (machine.cores, machine.cards) == (0, 0)
    assert [spot.cards for spot in model_spots(on_cards=True)] == [1, 1]
    assert [spot.cores for spot in model_spots(on_cards=False)] == [2]
    monkeypatch.setattr(actors, "_CORES_EACH", 1)
    assert [spot.cores for spot in model_spots(on_cards=False)] == [1, 1]
    monkeypatch.setattr(actors, "_machines", list)
    with pytest.raises(ModelError, match="no machine of the cluster offers a core or a card"):
        Actors(Worker, (), model_spots(on_cards=False), print, 1)


def test_calls_run_at_once_on_whoever_has_least_to_do(made):
    them = made()
    them.first_ready()

    async def do(calls):
        await calls.call("work", "first")
        while not all(place.is_open for place in them.places):
            await asyncio.sleep(0.05)
        return await asyncio.gather(*(calls.call("work", n, 0.3) for n in range(20)))

    for _ in range(2):  # a second event loop finds them ready
        found = [result for _, result in run(them, do)]
        assert [task for task, _, _ in found] == list(range(20))
        pids = [pid for _, pid, _ in found]
        assert sorted(map(pids.count, set(pids))) == [10, 10]
        assert max(n for _, _, n in found) > 5


def test_one_actor_is_called_again_as_long_as_it_lives(made):
    them = made()
    them.first_ready()

    async def do(calls):
        actor, (_, pid, _) = await calls.call("work", 1)
        again = [(await calls.call("work", 1, at=actor))[1][1] for _ in range(5)]
        with pytest.raises(WorkerLostError):
            await calls.call("work", "die", at=actor)
        other, (_, after, _) = await calls.call("work", 1, at=actor)
        return again == [pid] * 5, other is not actor, after != pid

    assert run(them, do) == (True, True, True)


def test_a_lost_actor_is_replaced_and_only_its_calls_are_lost(made):
    them = made(spots=1)
    them.first_ready()

    async def do(calls):
        lost = await asyncio.gather(
            *(calls.call("work", n, 30) for n in range(3)),
            calls.call("work", "die"),
            return_exceptions=True,
        )
        return lost, await calls.call("work", "again")

    lost, (_, (task, _, _)) = run(them, do)
    assert [type(error) for error in lost] == [WorkerLostError] * 4
    assert task == "again"


def test_alone_means_that_nothing_else_is_there(made):
    them = made(spots=1)
    them.first_ready()

    async def do(calls):
        others = [asyncio.create_task(calls.call("work", n, 0.5)) for n in range(5)]
        await asyncio.sleep(0.1)
        alone = [asyncio.create_task(calls.call("work", "it", 0.2, alone=True)) for _ in range(2)]
        await asyncio.sleep(0.1)
        more = [asyncio.create_task(calls.call("work", n, 0.1)) for n in range(5)]
        await asyncio.gather(*others, *more)
        return [(await one)[1][2] for one in alone]

    assert run(them, do) == [1, 1]


def test_bugs_and_what_is_cancelled(made):
    them = made(spots=1)
    them.first_ready()

    async def do(calls):
        with pytest.raises(ZeroDivisionError):
            await calls.call("work", "divide")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await calls.call("work", "slow", 60)
        while (await calls.call("work", "is it gone?"))[1][2] > 1:
            await asyncio.sleep(0.05)
        return them.places[0].n_running

    assert run(them, do) == 0


def test_an_actor_that_dies_before_it_is_ready_is_started_again(made, tmp_path):
    them = made(tmp_path, 2, spots=1)
    them.first_ready()
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("when", ["first", "later"])
def test_actors_that_cannot_be_started_end_the_run(when, made, tmp_path):
    them = made(tmp_path, 100, spots=1)
    start = them.first_ready if when == "first" else partial(run, them, wait_for_it)
    with pytest.raises(ModelError, match="no worker can be started"):
        start()
    assert len(list(tmp_path.iterdir())) == 4


async def wait_for_it(calls):
    return await calls.call("work", 1)


def test_a_check_that_fails_ends_the_run(made):
    def refuse(pid):
        raise ModelError("not this one")

    with pytest.raises(ModelError, match="not this one"):
        made(check=refuse).first_ready()
    with pytest.raises(ModelError, match="not this one"):
        run(made(check=refuse), wait_for_it)


def test_waiting_for_cards_that_others_have_has_an_end(made, monkeypatch):
    monkeypatch.setattr(actors, "_PATIENCE_S", 1.0)
    (machine,) = machine_spots()
    them = Actors(Worker, (), [Spot(machine.node, cards=64)], print, 1)
    with pytest.raises(ModelError, match="no worker of the cluster got ready within 1 s"):
        them.first_ready()
    with pytest.raises(ModelError, match="no worker of the cluster got ready within 1 s"):
        run(them, wait_for_it)
    them.close()
