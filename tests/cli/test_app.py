"""Errors become exit codes in one place; nothing heavy is imported before it is needed."""

from __future__ import annotations

import errno
import os
import resource
import subprocess
import sys

import pytest

from noisefix.cli import app
from noisefix.errors import DataError, ModelError, ServiceError, UsageError

HEAVY = ("torch", "sentence_transformers", "sklearn", "pandas", "scipy", "pyarrow", "numpy")


def raising(error: BaseException):
    def command() -> None:
        secret = "a text of the data"  # noqa: F841
        raise error

    return command


@pytest.fixture
def cli_that_raises(cli, monkeypatch):
    """Return a function that runs a command which raises the error given."""

    def run(error: BaseException):
        monkeypatch.setattr(app, "_run", lambda arguments: raising(error)())
        return cli("detect", "x")

    return run


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UsageError("what", "do this"), 2),
        (DataError("what", "do this"), 3),
        (ModelError("what", "do this"), 4),
        (ServiceError("what", "do this"), 5),
    ],
)
def test_expected_errors_say_what_and_what_to_do(cli_that_raises, error, code):
    outcome = cli_that_raises(error)
    assert (outcome.code, outcome.out) == (code, "")
    assert outcome.err == "error: what\nhint: do this\n"


def test_bug_keeps_its_traceback_without_the_values_of_variables(cli_that_raises):
    outcome = cli_that_raises(RuntimeError("impossible"))
    assert outcome.code == 70
    assert "RuntimeError: impossible" in outcome.err
    assert "in command" in outcome.err
    assert "bug in noisefix" in outcome.err
    assert "secret =" not in outcome.err


def test_interrupt(cli_that_raises):
    outcome = cli_that_raises(KeyboardInterrupt())
    assert (outcome.code, outcome.out) == (130, "")
    assert "interrupted" in outcome.err


def test_closed_pipe_is_quiet(cli_that_raises):
    outcome = cli_that_raises(BrokenPipeError(errno.EPIPE, "Broken pipe"))
    assert (outcome.code, outcome.err) == (141, "")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_state_of_the_machine_is_not_a_bug(cli_that_raises, number):
    outcome = cli_that_raises(OSError(number, os.strerror(number), "/some/file.csv"))
    assert outcome.code == 3
    assert outcome.err.startswith(f"error: /some/file.csv: {os.strerror(number)}\nhint: ")


def test_message_with_control_characters_cannot_reach_the_terminal(cli_that_raises):
    outcome = cli_that_raises(DataError("label '\x1b[31mred' of two\nlines"))
    assert outcome.err == "error: label '␛[31mred' of two\nlines\n"


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        (["detekt", "x"], "no such command 'detekt'. Did you mean 'detect'?", "noisefix --help"),
        (["detect"], "missing argument 'DATA'", "noisefix detect --help"),
        (["detect", "x", "--tpo", "3"], "no such option: --tpo", "noisefix detect --help"),
        (["detect", "x", "--top", "-1"], "invalid value for '--top'", "noisefix detect --help"),
        (["detect", "x", "--device", "gpu"], "'gpu' is not one of auto, cpu", "--help"),
        (["apply", "x", "--strategy", "fix"], "'fix' is not one of flag, drop, relabel", "--help"),
        (["check", "x"], "no gate is set", "--max-noise-rate"),
        (["check", "x", "--max-new-issues", "1"], "compare with", "--baseline"),
        (["check", "x", "--max-issues", "1", "--json", "--github"], "want stdout", "one of them"),
        (["apply", "x", "--revert"], "--revert needs the file", "-o FILE"),
    ],
)
def test_wrong_usage(cli, arguments, message, hint):
    outcome = cli(*arguments)
    assert (outcome.code, outcome.out) == (2, "")
    assert message in outcome.err.splitlines()[0]
    assert hint in outcome.err.splitlines()[1]


def test_no_arguments_show_the_help(cli):
    outcome = cli()
    assert outcome.code == 2
    assert outcome.err.startswith("Usage: noisefix")
    for command in app.COMMANDS:
        assert f"  {command} " in outcome.err


def test_version(cli):
    outcome = cli("--version")
    assert (outcome.code, outcome.out) == (0, "noisefix 0.1.0\n")


@pytest.mark.parametrize("command", ["", *app.COMMANDS])
def test_help_of_every_command(cli, command):
    outcome = cli(*command.split(), "--help")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.startswith("Usage: noisefix")
    assert "..." not in outcome.out.split("Options:")[0].split("\n", 1)[1]


def test_help_imports_nothing_heavy():
    code = (
        "import sys; from noisefix.cli.app import main; main(['detect', '--help']);"
        f"sys.exit(','.join(m for m in {HEAVY} if m in sys.modules) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_help_is_quick():
    def seconds() -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(
            [sys.executable, "-m", "noisefix", "--help"], check=True, stdout=subprocess.DEVNULL
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    # Processor time of the best of a few, with room for a busy machine (its other tests run beside
    # this one): how long it takes is measured by the benchmark start_up.
    assert min(seconds() for _ in range(5)) < 0.6


def test_reader_that_stops_early_is_no_error():
    done = subprocess.run(
        f"{sys.executable} -m noisefix --help | true; exit ${{PIPESTATUS[0]}}",
        shell=True,
        executable="/bin/bash",
        capture_output=True,
        check=False,
    )
    assert done.stderr == b""
    assert done.returncode in (0, 141)


def test_terminal_that_knows_no_unicode(make_run, verdict):
    run = make_run("text,label\na,x\nb,y\n", [verdict("x", "日本", 0.9, is_issue=True)] * 2)
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(
        [sys.executable, "-m", "noisefix", "apply", run.path, "--dry-run", "--strategy", "relabel"],
        capture_output=True,
        env=environment,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert b"\\u65e5\\u672c" in done.stdout


@pytest.mark.parametrize(
    ("error", "code", "remedy"),
    [
        (MemoryError(), 3, "fewer rows"),
        (MemoryError("Unable to allocate 8. TiB for an array"), 3, "fewer rows"),
        (OSError(errno.ENOMEM, os.strerror(errno.ENOMEM)), 3, "fewer rows"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), 4, "smaller --encoder"),
        (RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"), 4, "smaller --encoder"),
    ],
)
def test_out_of_memory_is_no_bug(cli, monkeypatch, tmp_path, error, code, remedy):
    data = tmp_path / "d.csv"
    data.write_text("text,label\na,b\n")
    monkeypatch.setattr(app, "_run", lambda arguments: raising(error)())
    outcome = cli("detect", data, "-q")
    assert (outcome.code, outcome.out) == (code, "")
    first, second = outcome.err.splitlines()
    assert first.startswith(f"error: {data}: out of memory")
    assert remedy in second


@pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_AS is kept there")
def test_a_real_lack_of_memory_is_no_bug(tmp_path):
    """A limit on the process: enough to start, too little for half a gigabyte of text."""
    data = tmp_path / "big.csv"
    with data.open("wb") as file:
        file.write(b"text,label\n")
        file.truncate(1 << 29)  # a hole: no room on the disk
    limit = 900 << 20
    done = subprocess.run(
        [sys.executable, "-m", "noisefix", "detect", data, "-q", "-o", tmp_path / "run"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)),
    )
    assert done.returncode == 3, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("error: ")
