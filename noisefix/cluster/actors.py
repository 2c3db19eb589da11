"""Actors that live through a run and answer many calls at once; one that dies is replaced.

Ray is asked from an event loop here: a call is awaited, and whoever calls holds the books.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

from noisefix.cluster.work import RETRIES
from noisefix.errors import ModelError

_PATIENCE_S = 300.0
"""How long to wait for an actor when there is none, in seconds."""

_CORES_EACH = 8
"""Cores that one actor which computes is given: more threads hardly make a model faster."""


class WorkerLostError(Exception):
    """The actor that had a call died, or its machine did."""


@dataclass(frozen=True)
class Spot:
    """Where an actor should live, and what it needs there."""

    node: str
    cores: float = 0
    cards: float = 0


def machine_spots() -> list[Spot]:
    """Return one spot on every machine that works, for actors that wait and do not compute."""
    return [Spot(node) for node, _ in _machines()]


def model_spots(*, on_cards: bool) -> list[Spot]:
    """Return a spot on every card; without cards one for every eight cores, at least one a machine.

    Args:
        on_cards: cards may be used.
    """
    machines = _machines()
    if on_cards and any(has.get("GPU") for _, has in machines):
        return [
            Spot(node, cards=1) for node, has in machines for _ in range(int(has.get("GPU", 0)))
        ]
    spots = []
    for node, has in machines:
        cores = int(has.get("CPU", 0))
        n = max(cores // _CORES_EACH, 1) if cores else 0
        spots += [Spot(node, cores=cores // n)] * n
    return spots


def _machines() -> list[tuple[str, dict[str, float]]]:
    import ray

    nodes: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]
    there = [(node["NodeID"], node["Resources"]) for node in nodes if node["Alive"]]
    return [(node, has) for node, has in there if has.get("CPU") or has.get("GPU")]


@dataclass(eq=False)
class _Place:
    """A spot, and the actor there."""

    spot: Spot
    actor: Any = None
    opening: Any = None
    is_open: bool = False
    is_reserved: bool = False
    n_running: int = 0
    n_failed_starts: int = 0


class Actors:
    """Actors of one class, which get ready at once.

    The class has ``async open() -> object`` and other async methods, which may be called as often
    as wanted at the same time.

    Args:
        of: the class.
        arguments: of its constructor; they go straight to the actors.
        spots: where; at least one.
        check: called with what each ``open`` returned; what it raises ends all.
        max_calls: calls that one actor takes at once.

    Raises:
        ModelError: there is no spot.
    """

    def __init__(
        self,
        of: Callable[..., Any],
        arguments: Sequence[Any],
        spots: Sequence[Spot],
        check: Callable[[Any], None],
        max_calls: int,
    ) -> None:
        if not spots:
            raise ModelError(
                "--executor ray: no machine of the cluster offers a core or a card",
                "ray status says what there is",
            )
        self._of, self._arguments, self._check = of, tuple(arguments), check
        self._max_calls = max_calls
        self.places = [_Place(spot) for spot in spots]
        for place in self.places:
            self.start(place)

    def __len__(self) -> int:
        return len(self.places)

    def first_ready(self) -> None:
        """Wait until one of them is ready.

        Raises:
            ModelError: none of them can be started.
            NoisefixError: what ``check`` raised.
        """
        import ray

        while not any(place.is_open for place in self.places):
            opening = {place.opening: place for place in self.places}
            done, _ = ray.wait(list(opening), timeout=_PATIENCE_S)
            if not done:
                raise _nobody()
            try:
                self.opened(opening[done[0]], ray.get(done[0]))
            except ray.exceptions.RayTaskError as error:
                raise error.cause from error
            except ray.exceptions.RayError as error:
                self.start_again(opening[done[0]], error)

    def close(self) -> None:
        """End them."""
        import ray

        for place in self.places:
            ray.kill(place.actor)

    @asynccontextmanager
    async def calls(self) -> AsyncIterator[Calls]:
        """Call them from the running event loop."""
        calls = Calls(self)
        try:
            yield calls
        finally:
            await calls.close()

    def start(self, place: _Place) -> None:
        """Start an actor at a place, as the one there has died."""
        import ray
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        spot = place.spot
        make: Any = ray.remote(_Actor)
        place.actor = make.options(
            num_cpus=spot.cores,
            num_gpus=spot.cards,
            max_restarts=0,
            max_concurrency=self._max_calls,
            scheduling_strategy=NodeAffinitySchedulingStrategy(spot.node, soft=True),
        ).remote()
        place.opening = place.actor.open.remote(self._of, self._arguments)
        place.is_open, place.n_running = False, 0

    def opened(self, place: _Place, facts: Any) -> None:
        """Take an actor in that is ready."""
        self._check(facts)
        place.is_open, place.n_failed_starts = True, 0

    def start_again(self, place: _Place, error: Exception) -> None:
        """Start an actor at a place where one has died before it was ready.

        Raises:
            ModelError: that has happened too often.
        """
        place.n_failed_starts += 1
        if place.n_failed_starts > RETRIES:
            reason = (str(error).strip().splitlines() or [""])[0]
            raise ModelError(
                f"--executor ray: no worker can be started: {reason}",
                "Ray's log of the worker says more",
            ) from error
        self.start(place)


class _Actor:
    """What an actor is: it makes its object when it is told of what, not in its constructor.

    Ray keeps the arguments of constructors at the head of the cluster; those of a call it does not.
    """

    async def open(self, of: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
        self._it = of(*arguments)
        return await self._it.open()

    async def call(self, method: str, arguments: tuple[Any, ...]) -> Any:
        return await getattr(self._it, method)(*arguments)


class Calls:
    """Calls from one event loop."""

    def __init__(self, actors: Actors) -> None:
        self._actors = actors
        self._waiters: list[asyncio.Future[None]] = []
        self._quarantine = asyncio.Lock()
        self._failure: Exception | None = None
        self._watches: set[asyncio.Task[None]] = set()
        for place in actors.places:
            place.n_running, place.is_reserved = 0, False
            if not place.is_open:
                self._watch(place)

    async def call(
        self, method: str, *arguments: Any, at: Any = None, alone: bool = False
    ) -> tuple[Any, Any]:
        """Call a method of the actor that has the fewest calls under way.

        Args:
            method: its name.
            arguments: what it is given.
            at: the actor to call if it is still there: one that was returned before.
            alone: it has no other call meanwhile, so that it is known who is to blame if it dies.

        Returns:
            The actor, and what the method returned.

        Raises:
            WorkerLostError: the actor died.
            NoisefixError: there is no actor, and none can be started.
        """
        if not alone:
            return await self._called(await self._free(at), method, arguments)
        async with self._quarantine:
            place = await self._free(at)
            place.is_reserved = True
            try:
                while place.n_running or not place.is_open:
                    await self._change()
                return await self._called(place, method, arguments)
            finally:
                place.is_reserved = False
                self._wake()

    async def close(self) -> None:
        """Wait for nothing more."""
        for watch in self._watches:
            watch.cancel()
        await asyncio.gather(*self._watches, return_exceptions=True)

    async def _called(
        self, place: _Place, method: str, arguments: tuple[Any, ...]
    ) -> tuple[Any, Any]:
        import ray

        actor = place.actor
        place.n_running += 1
        answer = actor.call.remote(method, arguments)
        try:
            return actor, await answer
        except asyncio.CancelledError:
            with suppress(ray.exceptions.RayError):
                ray.cancel(answer)
            raise
        except ray.exceptions.RayTaskError as error:
            raise error.cause from error
        except ray.exceptions.RayError as error:
            if place.actor is actor:
                self._actors.start(place)
                self._watch(place)
            raise WorkerLostError(type(error).__name__) from error
        finally:
            if place.actor is actor:
                place.n_running -= 1
            self._wake()

    def _watch(self, place: _Place) -> None:
        task = asyncio.create_task(self._until_open(place))
        self._watches.add(task)
        task.add_done_callback(self._watches.discard)

    async def _until_open(self, place: _Place) -> None:
        import ray

        try:
            while not place.is_open:
                try:
                    self._actors.opened(place, await place.opening)
                except ray.exceptions.RayTaskError as error:
                    raise error.cause from error
                except ray.exceptions.RayError as error:
                    self._actors.start_again(place, error)
        except Exception as error:  # whoever calls raises it, errors and bugs alike
            self._failure = error
        self._wake()

    async def _free(self, at: Any) -> _Place:
        while True:
            free = [p for p in self._actors.places if p.is_open and not p.is_reserved]
            if free and self._failure is None:
                return min(free, key=lambda place: (place.actor is not at, place.n_running))
            await self._change()

    async def _change(self) -> None:
        """Wait until an actor has got ready, ended a call, or been released."""
        if self._failure is not None:
            raise self._failure
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        try:
            async with asyncio.timeout(_PATIENCE_S):
                await waiter
        except TimeoutError:
            if not any(place.is_open for place in self._actors.places):
                raise _nobody() from None
        if self._failure is not None:
            raise self._failure

    def _wake(self) -> None:
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)


def _nobody() -> ModelError:
    return ModelError(
        f"--executor ray: no worker of the cluster got ready within {_PATIENCE_S:.0f} s",
        "ray status says who has its cores and cards",
    )
