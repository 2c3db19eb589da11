"""Copies of a learning encoder on further devices, which take a share of its work.

Each device has a thread of its own: torch leaves Python's lock while it computes, and a GPU works
by itself. Copies learn nothing themselves. They are given the encoder's weights before each batch,
and hand their gradients over after it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np

from noisefix.hardware import run_in_memory
from noisefix.training.loop import torch_seed

if TYPE_CHECKING:
    from noisefix.training.finetune.encoder import TrainableEncoder


class Copies:
    """The devices at work, and the copies on all but the first, loaded when there is work for them.

    Attributes:
        devices: where the encoder itself is, then where its copies are.
    """

    def __init__(self, devices: Sequence[str]) -> None:
        self.devices = list(devices)
        self._encoders: list[TrainableEncoder] = []
        self._in_work = 0
        self._generators = {device: Lock() for device in devices}

    def __getitem__(self, number: int) -> TrainableEncoder:
        """Return the copy on a device, 1, 2, ..."""
        return self._encoders[number - 1]

    def prepare(self, encoder: TrainableEncoder, n_devices: int, mode: bool) -> None:
        """Have copies with the encoder's weights on the first so many devices.

        Args:
            encoder: on the first device.
            n_devices: that will work, the first among them.
            mode: dropout is on.

        Raises:
            ModelError: the encoder cannot be loaded there.
        """
        while len(self._encoders) < n_devices - 1:
            self._encoders.append(encoder.copy_to(self.devices[len(self._encoders) + 1]))
        self._in_work = n_devices - 1
        for copy in self._encoders[: self._in_work]:
            copy.load(encoder.weights)
            copy.learn(mode)

    def work(self, n_devices: int, task: Callable[[int], None]) -> None:
        """Call ``task(0)``, ``task(1)``, ... for the first devices, each in a thread if several.

        Raises:
            BatchTooLargeError: memory ran out on one of several; all have come to an end.
        """
        if n_devices == 1:
            task(0)
            return
        with ThreadPoolExecutor(n_devices) as pool:
            begun = [
                pool.submit(run_in_memory, self.devices[number], partial(task, number))
                for number in range(n_devices)
            ]
        for future in begun:
            future.result()

    @contextmanager
    def drawing(self, number: int, seed: Sequence[int]) -> Iterator[None]:
        """Seed what dropout on a device draws from, and give it back as it was."""
        import torch

        device = self.devices[number]
        # A device has one generator, whoever draws from it.
        with self._generators[device]:
            if not device.startswith("cuda"):
                with torch_seed(seed):
                    yield
                return
            # torch.manual_seed would seed the other cards too, which others draw from just now.
            with torch.random.fork_rng(devices=[device]), torch.cuda.device(device):
                torch.cuda.manual_seed(int(np.random.default_rng(list(seed)).integers(2**62)))
                yield

    def add_gradients(self, encoder: TrainableEncoder) -> None:
        """Add the copies' gradients to those of the encoder's weights, in the devices' order."""
        for copy in self._encoders[: self._in_work]:
            for name, value in copy.weights.items():
                own = encoder.weights[name].grad
                if own is not None and value.grad is not None:
                    own += value.grad.to(own.device)
        self.forget_gradients()

    def forget_gradients(self) -> None:
        """Let the copies begin anew."""
        for copy in self._encoders:
            for value in copy.weights.values():
                value.grad = None


def deal(tokens: Sequence[int], n_devices: int) -> list[int]:
    """Return who takes each part: the largest first, to whoever has least, the first if equal."""
    loads, takers = [0] * n_devices, [0] * len(tokens)
    for place in sorted(range(len(tokens)), key=lambda place: -tokens[place]):
        takers[place] = loads.index(min(loads))
        loads[takers[place]] += tokens[place]
    return takers
