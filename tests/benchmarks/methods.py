"""Every training method on real noise, clean sets and sets kept apart; three seeds, one table.

``python tests/benchmarks methods``, or in pieces: ``python tests/benchmarks/methods.py --minutes 9``
trains until its time is up, and goes on from there when it is called again. All methods get frozen
embeddings of the train split (3,000 rows of it, where there are more), its given labels, and what
``detect`` makes of them without being told who labelled. The test split's true labels score what
comes out.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

from methods_measured import measure_all, notes_of


def run(progress: Callable[[str], None] = lambda line: None) -> Any:
    """Measure whatever is not measured yet; return all of it."""
    notes = notes_of()
    measure_all(notes, progress=progress)
    return {"trainings": notes.all}


def main() -> None:
    """Parse options, and measure for some time."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=None)
    options = parser.parse_args()
    until = None if options.minutes is None else time.monotonic() + 60 * options.minutes
    is_done = measure_all(notes_of(), until=until, progress=lambda line: print(line, flush=True))
    print("all is measured" if is_done else "time is up: call again to go on")


if __name__ == "__main__":
    main()
