"""Whole processes: how long they take, of wall and of processor time, and their peak memory.

The command is started by a small process of its own (this file as a script), because a child's peak
memory counts from that of the process that started it, and benchmarks grow large.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_BYTES_PER_MAXRSS = 1 if sys.platform == "darwin" else 1024


@dataclass(frozen=True)
class Usage:
    """What a process took; ``stdout`` is what it said."""

    wall_s: float
    cpu_s: float
    peak_mb: float
    stdout: str


def run_process(command: Sequence[str], **environment: str) -> Usage:
    """Run a command to its end.

    Args:
        command: program and arguments.
        environment: variables to set beside those of this process.

    Raises:
        RuntimeError: it failed; the message has the end of its standard error.
    """
    done = subprocess.run(
        [sys.executable, str(Path(__file__)), *command],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | environment,
    )
    last = done.stderr.strip().splitlines()[-1:]
    if done.returncode or not last:
        raise RuntimeError(f"{command[0]} failed: {done.stderr[-1000:]}")
    return Usage(**json.loads(last[0]), stdout=done.stdout)


def noisefix_command() -> list[str]:
    """Return what starts noisefix: its console script, else the module."""
    script = Path(sys.executable).with_name("noisefix")
    return [str(script)] if script.is_file() else [sys.executable, "-m", "noisefix"]


def _main(command: list[str]) -> int:
    start = time.perf_counter()
    pid = os.posix_spawnp(command[0], command, os.environ)
    _, status, usage = os.wait4(pid, 0)
    facts = {
        "wall_s": time.perf_counter() - start,
        "cpu_s": usage.ru_utime + usage.ru_stime,
        "peak_mb": usage.ru_maxrss * _BYTES_PER_MAXRSS / 1e6,
    }
    print("\n" + json.dumps(facts), file=sys.stderr)
    return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1:]))
