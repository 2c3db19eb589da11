"""Commands on an existing run folder of 10,000 rows are quick, and never load torch."""

from __future__ import annotations

import resource
import subprocess
import sys

import pytest

N_ROWS = 10_000
CLASSES = [f"class {k:02d}" for k in range(20)]

RUN_AND_REPORT = (
    "import sys; from noisefix.cli.app import main; code = main(sys.argv[1:]);"
    "heavy = {'torch', 'sentence_transformers', 'sklearn'} & set(sys.modules);"
    "sys.exit(f'exit {code}, loaded {heavy}' if code or heavy else 0)"
)


@pytest.fixture
def big_run(make_run, verdict):
    lines = ["text,label,truth"]
    rows = []
    for i in range(N_ROWS):
        true, given = CLASSES[i % 20], CLASSES[(i + i % 10 // 9) % 20]
        lines.append(f'"message {i}, of some length, as people write them",{given},{true}')
        rows.append(verdict(given, true, 0.95 if i % 2 else 0.6, is_issue=true != given))
    return make_run("\n".join(lines) + "\n", rows)


@pytest.mark.parametrize(
    "arguments",
    [
        ["apply", "RUN", "-o", "OUT", "--strategy", "relabel", "--quiet"],
        ["apply", "RUN", "-o", "OUT", "--strategy", "flag", "--quiet"],
        ["check", "RUN", "--max-issues", "5000"],
        ["evaluate", "RUN", "--truth", "truth"],
    ],
    ids=lambda arguments: " ".join(arguments[:1] + arguments[4:6]),
)
def test_under_five_seconds_without_torch(big_run, tmp_path, arguments):
    places = {"RUN": str(big_run.path), "OUT": str(tmp_path / "out.csv")}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-c", RUN_AND_REPORT, *(places.get(a, a) for a in arguments)],
        capture_output=True,
        text=True,
        check=False,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0, done.stderr
    # Processor time: other work on the machine must not fail this test.
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert seconds < 5, seconds
