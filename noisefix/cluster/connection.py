"""A Ray cluster that is reached or started, quietly, and whose machines are fit for the work."""

from __future__ import annotations

import logging
import os
import platform
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from noisefix.errors import DataError, UsageError
from noisefix.tables.atomic import write_error
from noisefix.tables.leftovers import temporary_name
from noisefix.threads import n_threads
from noisefix.version import __version__

OWN_CLUSTER = "local"
"""Ray's word for a cluster of this machine alone, made for this process."""

FIND_CLUSTER = "auto"
_PATIENCE_S = 5.0
_START_S = 120.0

_QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",  # nothing is told to a server that the user did not name
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "1",  # who has asked for no card sees none
    "RAY_DEDUP_LOGS_SKIP_REGEX": ".*",  # of a lost worker it would tell on standard output
    "RAY_task_oom_retries": "3",  # by default without end: a piece too large would never fail
}


@dataclass(frozen=True)
class _Facts:
    """What a worker says of its machine."""

    host: str
    noisefix: str
    python: str
    sees_probe: bool


def connect(address: str | None) -> bool:
    """Reach a cluster, or start one on this machine; one that this process is part of stays.

    Args:
        address: HOST:PORT of a cluster's head, or "auto"; None: what RAY_ADDRESS names, else a
            cluster of this machine alone.

    Returns:
        Whether it was reached or started here, and must be left in the end.

    Raises:
        UsageError: no cluster answers there.
    """
    os.environ.update(_QUIET)
    import ray

    if ray.is_initialized():
        return False
    wanted = address or os.environ.get("RAY_ADDRESS") or OWN_CLUSTER
    _check_answers(wanted)
    own: dict[str, Any] = {}
    if wanted == OWN_CLUSTER:
        own = {"num_cpus": n_threads(), "include_dashboard": False}
    try:
        with _own_signals():
            _silence()
            ray.init(wanted, log_to_driver=False, logging_level=logging.CRITICAL, **own)
    except (OSError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise _no_cluster(wanted, lines[0]) from error
    return True


def leave() -> None:
    """Leave the cluster; one that was started here ends."""
    import ray

    with _own_signals():
        ray.shutdown()


def check_machines(folder: Path | None) -> None:
    """Check that every machine of the cluster has this noisefix and sees the same files.

    Args:
        folder: where shards will be written; None: no file is shared.

    Raises:
        UsageError: a machine has another noisefix or Python, or none.
        DataError: a machine does not see the folder, or it cannot be written.
    """
    if folder is None:
        for facts in _asked(None):
            _check(facts, None)
        return
    probe = folder.absolute() / temporary_name()
    try:
        probe.write_bytes(b"")
    except OSError as error:
        raise write_error(error, folder) from error
    try:
        for facts in _asked(probe):
            _check(facts, folder)
    finally:
        with suppress(OSError):
            probe.unlink()


def _asked(probe: Path | None) -> Iterator[_Facts]:
    """Ask one worker of every machine that has any."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    ask = ray.remote(num_cpus=0, max_retries=1)(_facts)
    asked = []
    nodes: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]
    for node in nodes:
        resources = node["Resources"]
        if node["Alive"] and (resources.get("CPU") or resources.get("GPU")):
            there = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
            answer = ask.options(scheduling_strategy=there).remote(
                None if probe is None else str(probe)
            )
            asked.append((node["NodeManagerAddress"], answer))
    for address, answer in asked:
        try:
            yield ray.get(answer, timeout=_START_S)
        except ray.exceptions.RayError as error:
            raise UsageError(
                f"--executor ray: no worker can be started on {address}: {_reason(error)}",
                f'install noisefix {__version__} there, as here: pip install "noisefix[ray]"',
            ) from error


def _facts(probe: str | None) -> _Facts:
    sees = probe is not None and Path(probe).exists()
    return _Facts(platform.node(), __version__, platform.python_version(), sees)


def _check(facts: _Facts, folder: Path | None) -> None:
    here = __version__, platform.python_version()
    if (facts.noisefix, facts.python) != here:
        raise UsageError(
            f"--executor ray: {facts.host} has noisefix {facts.noisefix} on Python {facts.python}, "
            f"and this machine {here[0]} on {here[1]}",
            "install the same on all machines",
        )
    if folder is not None and not facts.sees_probe:
        raise DataError(
            f"{folder.absolute()}: {facts.host} does not see what is written there",
            "--executor ray needs a folder that all machines of the cluster share (NFS, Lustre, "
            "EFS ...), under the same name: choose one with -o",
        )


def _check_answers(address: str) -> None:
    """Knock at an address before Ray does, which would knock for a minute."""
    if address.startswith("ray://"):
        raise UsageError(
            f"--address {address}: is Ray's client, through which no file can be shared",
            "run noisefix on a machine of the cluster, with --address auto",
        )
    if address in (OWN_CLUSTER, FIND_CLUSTER):
        return
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit() or int(port) >= 1 << 16:
        raise UsageError(f"--address {address}: is no address", "name HOST:PORT, or auto")
    try:
        socket.create_connection((host.strip("[]"), int(port)), _PATIENCE_S).close()
    except OSError as error:
        raise _no_cluster(address, error.strerror or str(error)) from error


def _no_cluster(address: str, reason: str) -> UsageError:
    place = "on this machine" if address in (OWN_CLUSTER, FIND_CLUSTER) else f"at {address}"
    return UsageError(
        f"--executor ray: no Ray cluster {place}: {reason}",
        "ray status says where one is; run noisefix on a machine of the cluster, with its token "
        "(RAY_AUTH_MODE=token, RAY_AUTH_TOKEN_PATH) if it asks for one; without --address one is "
        "started on this machine",
    )


def _reason(error: Exception) -> str:
    lines = [line for line in str(error).splitlines() if line.strip()]
    return lines[-1].strip() if lines else type(error).__name__


def _silence() -> None:
    """Let nothing of Ray's log reach the terminal; what matters comes back as an error."""
    log = logging.getLogger("ray")
    log.handlers[:] = [logging.NullHandler()]
    log.propagate = False


@contextmanager
def _own_signals() -> Iterator[None]:
    """Keep this process's answer to SIGTERM: Ray puts its own in its place."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
