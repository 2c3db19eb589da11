"""All benchmarks: ``python tests/benchmarks [NAME or GROUP ...] [--json FILE] [--docs]``.

Prints tables, and writes all figures to a JSON file, in which the results of earlier runs stay.
With --docs they go into docs/benchmarks.json and docs/benchmarks.md too. Speed should be measured
on a machine that does nothing else.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from results import GROUPS, NAMES, Entry, measure_apart, merge, say, tables_of, write_docs
from shared_sets import REPOSITORY, SharedDataAbsentError


def chosen(words: Sequence[str]) -> list[str]:
    """Return the benchmarks that names and groups mean, each once; nothing means all."""
    wanted = {name for word in words for name in GROUPS.get(word, (word,))}
    return [name for name in NAMES if not words or name in wanted]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmarks that were asked for."""
    groups = "; ".join(f"{group}: {', '.join(names)}" for group, names in GROUPS.items())
    parser = argparse.ArgumentParser(
        prog="python tests/benchmarks",
        description=__doc__.partition("\n\n")[2],
        epilog=f"groups and names: {groups}",
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="a group or a name; none: all")
    parser.add_argument(
        "--json",
        type=Path,
        default=REPOSITORY / ".benchmarks" / "results.json",
        metavar="FILE",
        help="where the figures go (default: .benchmarks/results.json)",
    )
    parser.add_argument("--docs", action="store_true", help="take the figures into docs/")
    parser.add_argument(
        "--only-docs", action="store_true", help="measure nothing: take FILE into docs/"
    )
    options = parser.parse_args(arguments)
    unknown = set(options.names) - {*GROUPS, *NAMES}
    if unknown:
        parser.error(f"no benchmark or group is called {', '.join(sorted(unknown))}")
    if options.only_docs:
        write_docs(REPOSITORY / "docs", merge(options.json, {}))
        return 0
    entries: dict[str, Entry] = {}
    failed = []
    for name in chosen(options.names):
        say(f"== {name}")
        try:
            entries[name] = measure_apart(name)
        except SharedDataAbsentError as error:
            say(f"skipped: {error}")
            continue
        except subprocess.CalledProcessError:
            failed.append(name)
            say(f"failed: {name}")
            continue
        for table in tables_of(name, entries[name]["result"]):
            print(f"{table}\n", flush=True)
        merge(options.json, {name: entries[name]})
    if options.docs:
        write_docs(REPOSITORY / "docs", entries)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
