"""Run command lines in this process, the way the shell would, and look at all they left behind."""

from __future__ import annotations

import ctypes
import io
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from noisefix.cli.app import main


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str


Cli = Callable[..., Outcome]


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Cli:
    """Return a function that runs ``noisefix ARGUMENTS`` and returns exit code, stdout, stderr."""

    def run(*arguments: object, stdin: bytes = b"") -> Outcome:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return Outcome(code, captured.out, captured.err)

    return run


@pytest.fixture
def copy_of(tmp_path: Path) -> Callable[[Path], Path]:
    """Return a function that copies a run folder and the tickets.csv beside it."""

    def copied(run: Path) -> Path:
        shutil.copy(run.parent / "tickets.csv", tmp_path)
        return Path(shutil.copytree(run, tmp_path / run.name))

    return copied


@pytest.fixture
def edit_server(
    faults: ModuleType, editing: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., AbstractContextManager[Any]]:
    """Return a function that starts a model that edits texts, by the words of each class."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret-0123456789abcdef")
    return lambda words: faults.FaultServer(editing.editor(faults, words))


def _without_root_powers() -> None:
    """Let file permissions hold for root too: give up the capabilities that override them."""
    drop_from_bounding_set, override, read_search, owner = 24, 1, 2, 3
    libc = ctypes.CDLL(None, use_errno=True)
    for capability in (override, read_search, owner):
        if libc.prctl(drop_from_bounding_set, capability, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl")


@pytest.fixture
def mortal_cli() -> Cli:
    """Return a function like ``cli``, in a process of its own that must respect permissions."""

    def run(*arguments: object, before: Callable[[], None] = lambda: None) -> Outcome:
        def prepare() -> None:
            before()
            if os.geteuid() == 0:
                _without_root_powers()

        try:
            done = subprocess.run(
                [sys.executable, "-m", "noisefix", *map(str, arguments)],
                capture_output=True,
                text=True,
                preexec_fn=prepare,
                check=False,
            )
        except subprocess.SubprocessError:
            pytest.skip("cannot give up root's powers here")
        return Outcome(done.returncode, done.stdout, done.stderr)

    return run


WORDS = {
    "refund": ["refund", "money back", "charged twice", "reimburse", "overcharged"],
    "shipping": ["parcel", "delivery", "tracking", "courier", "arrived late"],
    "account": ["password", "login", "email address", "profile", "locked out"],
}


def ticket_rows(n_rows: int = 60) -> list[tuple[str, str, str]]:
    """Return rows of id, text and label: three easy classes, one row in ten given a wrong label."""
    classes = sorted(WORDS)
    rows = []
    for i in range(n_rows):
        true = classes[i % 3]
        words = WORDS[true]
        text = f"{words[i % 5]} and {words[(i // 3) % 5]}, case {i} about {words[(i // 5) % 5]}"
        label = classes[(i + 1) % 3] if i % 10 == 4 else true
        rows.append((f"t{i + 1}", text, label))
    return rows


def tickets_csv(n_rows: int = 60) -> str:
    """Return ``ticket_rows`` as CSV."""
    lines = ["id,text,label", *(f'{i},"{text}",{label}' for i, text, label in ticket_rows(n_rows))]
    return "\n".join(lines) + "\n"


@pytest.fixture
def tickets(tmp_path: Path) -> Path:
    """A small CSV with text, labels and ids."""
    path = tmp_path / "tickets.csv"
    path.write_text(tickets_csv())
    return path


@pytest.fixture(scope="session")
def detected(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder that ``detect`` has made of ``tickets``, with truth.csv beside it.

    Shared by all tests: do not change it.
    """
    folder = tmp_path_factory.mktemp("detected")
    data = folder / "tickets.csv"
    data.write_text(tickets_csv())
    classes = sorted(WORDS)
    truth = [f"{row_id},{classes[i % 3]}" for i, (row_id, _, _) in enumerate(ticket_rows())]
    (folder / "truth.csv").write_text("\n".join(["id,label_was", *truth]) + "\n")
    code = main(["detect", str(data), "--encoder", "tfidf", "--quiet", "--json"])
    assert code == 0
    return folder / "tickets.noisefix"
