"""From the options to the executor that they mean."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from noisefix.common_options import LOCAL, RAY, ExecutorOptions
from noisefix.errors import UsageError
from noisefix.executors import IN_TURN, Executor
from noisefix.tables.extras import missing_package


def check_executor(options: ExecutorOptions) -> None:
    """Refuse what cannot work, before the data is read.

    Raises:
        UsageError: Ray is not installed, or an address is given to the local executor.
    """
    if options.executor == LOCAL and options.address is not None:
        raise UsageError(
            f"--address {options.address}: is for --executor ray", "add --executor ray"
        )
    if options.executor == RAY and find_spec("ray") is None:
        raise missing_package(
            "ray", "--executor ray needs", extra="ray", instead="leave --executor ray out"
        )


@contextmanager
def chosen_executor(options: ExecutorOptions, folder: Path) -> Iterator[Executor]:
    """Yield the executor that was chosen; what it started ends with the context.

    A cluster is asked for when there is the first task for it, not before.

    Args:
        options: which executor, and where.
        folder: where the shards' files lie; all machines must see it.

    Raises:
        UsageError: as for ``check_executor``.
    """
    check_executor(options)
    if options.executor == LOCAL:
        yield IN_TURN
        return
    from noisefix.cluster.ray_executor import RayExecutor

    executor = RayExecutor(options.address, folder)
    try:
        yield executor
    finally:
        executor.close()


@contextmanager
def cluster(options: ExecutorOptions) -> Iterator[None]:
    """Be in the cluster that the options name: for actors, and for work that shares no files.

    Raises:
        UsageError: as for ``check_executor``; no cluster answers; a machine has another noisefix.
    """
    check_executor(options)
    from noisefix.cluster.connection import check_machines, connect, leave

    is_mine = connect(options.address)
    try:
        check_machines(None)
        yield
    finally:
        if is_mine:
            leave()
