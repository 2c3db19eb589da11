"""One at a time, and nobody left behind."""

import asyncio

import pytest

from noisefix.annotators.turnstile import Turnstile


def test_tasks_go_through_one_by_one_with_a_round_of_the_loop_between():
    async def run():
        turnstile, log = Turnstile(), []

        async def write(name):
            log.append(f"write {name}")

        async def task(name):
            await turnstile.pass_through()
            log.append(f"make {name}")
            await asyncio.create_task(write(name))

        await asyncio.gather(*(task(name) for name in "abc"))
        return log

    assert asyncio.run(run()) == ["make a", "write a", "make b", "write b", "make c", "write c"]


def test_nobody_waits_when_nobody_is_there():
    async def run():
        turnstile = Turnstile()
        for _ in range(3):
            await asyncio.wait_for(turnstile.pass_through(), 1)
            await asyncio.sleep(0.001)

    asyncio.run(run())


@pytest.mark.parametrize("rounds", [0, 1, 2, 3])
def test_a_task_that_is_cancelled_does_not_hold_up_the_others(rounds):
    async def run():
        turnstile = Turnstile()
        tasks = [asyncio.create_task(turnstile.pass_through()) for _ in range(6)]
        for _ in range(rounds):
            await asyncio.sleep(0)
        tasks[1].cancel()
        tasks[3].cancel()
        done = await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 2)
        assert [outcome for outcome in done if outcome is None]
        await asyncio.wait_for(turnstile.pass_through(), 1)

    asyncio.run(run())
