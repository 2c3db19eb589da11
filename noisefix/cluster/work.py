"""One task in a worker, its errors on their way back, and what to say of one that is lost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from noisefix.errors import DataError, NoisefixError

T = TypeVar("T")
R = TypeVar("R")

RETRIES = 3
"""How often a task is begun again whose worker or machine was lost."""

TASKS_PER_WORKER = 4
"""Tasks that are on their way or wait for those before them, so that few exist at a time."""


@dataclass(frozen=True)
class Failed:
    """An error that a user can meet, on its way back: Ray would make another class of it."""

    error: NoisefixError


def run_task(function: Callable[[T], R], task: T) -> R | Failed:
    """Run a task in a worker."""
    try:
        return function(task)
    except NoisefixError as error:
        return Failed(error)


def result_of(value: R | Failed) -> R:
    """Return what a task returned, or raise what it raised."""
    if isinstance(value, Failed):
        raise value.error
    return value


def name_of(task: object, number: int) -> str:
    """Return what a task is called in messages; never its content, which may hold texts."""
    return str(getattr(task, "name", f"piece {number + 1}"))


def lost(name: str, error: Exception) -> DataError:
    """Word the error for a task whose worker was lost once too often."""
    kind = type(error).__name__
    return DataError(
        f"{name}: the worker that had them was lost {RETRIES + 1} times ({kind})",
        "its machine may have too little memory, or one of these rows ends the process; Ray's log "
        "of the worker says more; what is finished is kept: run the same command again",
    )
