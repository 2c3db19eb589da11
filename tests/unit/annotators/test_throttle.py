"""The limit of requests in flight: opens, halves, grows again, pauses."""

import asyncio

import pytest

from noisefix.annotators.throttle import Throttle


def test_begins_with_one_request_and_opens_with_the_first_success():
    async def run():
        throttle = Throttle(8)
        await throttle.enter()
        second = asyncio.create_task(throttle.enter())
        await asyncio.sleep(0)
        assert not second.done()
        throttle.leave()  # without success: still one at a time
        await second
        assert throttle.active == 1
        throttle.leave(succeeded=True)
        await asyncio.gather(*(throttle.enter() for _ in range(8)))
        return throttle.active, throttle.limit

    assert asyncio.run(run()) == (8, 8.0)


def test_never_more_than_the_ceiling_at_once():
    async def run():
        throttle, most = Throttle(5), 0

        async def request():
            nonlocal most
            await throttle.enter()
            most = max(most, throttle.active)
            await asyncio.sleep(0.001)
            throttle.leave(succeeded=True)

        await asyncio.gather(*(request() for _ in range(50)))
        return most, throttle.active

    assert asyncio.run(run()) == (5, 0)


def test_a_429_halves_once_for_all_requests_already_under_way():
    async def run():
        throttle = Throttle(16)
        throttle.open_up()
        entered = [await throttle.enter() for _ in range(16)]
        await asyncio.sleep(0.01)
        for at in entered:
            throttle.slow_down(at)
            throttle.leave()
        assert throttle.limit == 8.0
        await asyncio.sleep(0.01)
        throttle.slow_down(await throttle.enter())
        return throttle.limit

    assert asyncio.run(run()) == 4.0


def test_never_below_one_and_back_up_by_about_one_a_round():
    async def run():
        throttle = Throttle(4)
        throttle.open_up()
        for _ in range(5):
            await asyncio.sleep(0.002)
            throttle.slow_down(await throttle.enter())
            throttle.leave()
        assert throttle.limit == 1.0
        limits = []
        for _ in range(12):
            await throttle.enter()
            throttle.leave(succeeded=True)
            limits.append(throttle.limit)
        return limits

    limits = asyncio.run(run())
    assert limits[0] == 2.0
    assert limits[1] == 2.5
    assert limits == sorted(limits)
    assert limits[-1] == 4.0


def test_pause_holds_back_everybody():
    async def run():
        throttle, loop = Throttle(4), asyncio.get_running_loop()
        throttle.open_up()
        throttle.pause(0.05)
        throttle.pause(0.01)  # a shorter one does not shorten it
        began = loop.time()
        await asyncio.gather(*(throttle.enter() for _ in range(4)))
        return loop.time() - began

    assert asyncio.run(run()) >= 0.05


def test_close_ends_waiting_and_naps():
    async def run():
        throttle, loop = Throttle(1), asyncio.get_running_loop()
        await throttle.enter()
        waiting = [asyncio.create_task(throttle.enter()), asyncio.create_task(throttle.nap(60))]
        await asyncio.sleep(0)
        began = loop.time()
        throttle.close()
        await asyncio.gather(*waiting)
        throttle.pause(60)
        await throttle.enter()
        return loop.time() - began

    assert asyncio.run(run()) < 1.0


def test_a_cancelled_waiter_does_not_swallow_the_place():
    async def run():
        throttle = Throttle(1)
        await throttle.enter()
        gone = asyncio.create_task(throttle.enter())
        stays = asyncio.create_task(throttle.enter())
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.sleep(0)
        throttle.leave()
        await asyncio.wait_for(stays, 1)
        with pytest.raises(asyncio.CancelledError):
            await gone
        return throttle.active

    assert asyncio.run(run()) == 1


def test_after_a_429_one_request_goes_first():
    async def run():
        throttle = Throttle(8)
        throttle.open_up()
        throttle.slow_down(await throttle.enter())
        throttle.leave()
        await throttle.enter()
        others = [asyncio.create_task(throttle.enter()) for _ in range(3)]
        await asyncio.sleep(0)
        assert throttle.active == 1
        throttle.leave(succeeded=True)
        await asyncio.gather(*others)
        return throttle.active, throttle.refusals

    assert asyncio.run(run()) == (3, 0)


def test_a_request_that_hangs_holds_the_others_up_no_longer_than_its_time():
    async def run():
        throttle = Throttle(4)
        throttle.slow_down(await throttle.enter())
        other = asyncio.create_task(throttle.enter())
        await asyncio.sleep(0)
        assert not other.done()
        throttle.open_up()
        await asyncio.wait_for(other, 1)
        return throttle.active

    assert asyncio.run(run()) == 2


def test_a_window_is_counted_from_its_first_request():
    async def run():
        throttle = Throttle(4)
        assert throttle.window_left_s(60.0) == 0.0
        await throttle.enter()
        await asyncio.sleep(0.02)
        assert 59.0 < throttle.window_left_s(60.0) < 59.99
        throttle.pause(0.5)  # the next window begins with the first request after it
        return throttle.window_left_s(60.0)

    assert 0.4 < asyncio.run(run()) <= 0.5
