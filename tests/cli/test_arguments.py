"""Arguments alike: what is missing or in the way is said by every command in one manner."""

from __future__ import annotations

import hashlib
import inspect
import shutil
from pathlib import Path
from typing import Any

import pytest
import typer

from noisefix.cli import app
from noisefix.cli.paths import READS, WRITES, path_roles

GIVEN = {"data": "tickets.csv", "run": "run", "embeddings": "run", "source": "run", "model": "none"}
"""What stands for an argument; no model is there."""

NEEDED = {
    "calibrate": ("--label-column", "label", "--truth-column", "truth"),
    "check": ("--max-issues", "60"),
    "evaluate": ("--truth", "label"),
    "noise": ("--rate", "0.1"),
}
OUTPUT = {
    **{"noise": "new.csv", "predict": "new.csv", "apply": "new.csv"},
    **{"report": "new.html", "train": "new"},
}
TO_STDOUT = {("apply", "output"), ("predict", "output"), ("noise", "output")}
WRITTEN = [
    (command, name, role)
    for command, function in app.COMMANDS.items()
    for name, role in path_roles(function).items()
    if role is not READS
]
FILES = [(command, name) for command, name, role in WRITTEN if role is WRITES]
FOLDERS = [(command, name) for command, name, role in WRITTEN if role is not WRITES]


def described(command: str) -> dict[str, Any]:
    params = typer.main.get_command(app.app).commands[command].params  # type: ignore[attr-defined]
    named = {about.name: about for about in params}
    return {name: named[name] for name in inspect.signature(app.COMMANDS[command]).parameters}


ARGUMENTS = [
    (command, name)
    for command in app.COMMANDS
    for name, about in described(command).items()
    if about.param_type_name == "argument" and command != "completion"
]


def line(command: str, **given: str) -> list[str]:
    """Return a command line with these parameters, and whatever else is needed."""
    words = [command]
    for name, about in described(command).items():
        is_argument = about.param_type_name == "argument"
        if is_argument and (about.required or name in given):
            words.append(given.get(name, GIVEN.get(name, name)))
        elif name in given:
            words += [max(about.opts, key=len), given[name]]
        elif name == "output" and (about.required or command in OUTPUT):
            words += ["-o", OUTPUT.get(command, "new")]
    return [*words, *NEEDED.get(command, ())]


@pytest.fixture
def place(detected, tmp_path, monkeypatch) -> Path:
    """A table, a run of it, and a folder and a file of somebody's own."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(detected.parent / "tickets.csv", tmp_path)
    shutil.copytree(detected, tmp_path / "run")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "mine.log").write_text("mine")
    (tmp_path / "mine").write_text("mine")
    return tmp_path


def state(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        if path.is_file()
        else ""
        for path in sorted(folder.rglob("*"))
        if path.suffix != ".lock"
    }


def refused(cli, place, words, code, *said):
    before = state(place)
    outcome = cli(*words)
    error, *rest = outcome.err.splitlines()
    assert (outcome.code, outcome.out) == (code, ""), (words, outcome.err)
    assert error.startswith("error: "), (words, error)
    assert any(line.startswith("hint: ") for line in rest), (words, outcome.err)
    for part in said:
        assert part in error, (words, error)
    assert state(place) == before, words


@pytest.mark.parametrize(("command", "name"), [a for a in ARGUMENTS if a[0] != "predict"])
def test_an_input_that_is_not_there_is_named(cli, place, command, name):
    words = line(command, **{name: "none.csv"})
    if (command, name) == ("evaluate", "predictions"):
        words = ["evaluate", "run", "none.csv", "--rank-stability"]
    refused(cli, place, words, 3, "none.csv")


@pytest.mark.parametrize("model", ["none", "folder", "tickets.csv"])
def test_a_model_that_is_not_there_is_named(cli, place, model):
    refused(cli, place, line("predict", model=model), 4, model)


@pytest.mark.parametrize(
    ("command", "name"),
    [a for a in ARGUMENTS if a[1] == "data" and a[0] not in ("predict", "check")],
)
def test_a_folder_is_no_table(cli, place, command, name):
    refused(cli, place, line(command, data="folder"), 3, "folder")


@pytest.mark.parametrize(("command", "name"), FILES)
def test_a_folder_in_the_place_of_a_file_is_refused(cli, place, command, name):
    code, said = (2, "it is a folder") if command != "embed" else (3, "folder is not empty")
    refused(cli, place, line(command, **{name: "folder"}), code, "folder", said)


@pytest.mark.parametrize(("command", "name"), FILES)
def test_no_folder_is_made_for_a_file(cli, place, command, name):
    output = "none/new.parquet" if command == "embed" else "none/new"
    refused(cli, place, line(command, **{name: output}), 3, output, "none does not exist")


@pytest.mark.parametrize(("command", "name"), [f for f in FILES if f not in TO_STDOUT])
def test_a_dash_is_no_file_name(cli, place, command, name):
    refused(cli, place, line(command, **{name: "-"}), 2, "not written to standard output")


@pytest.mark.parametrize(("command", "name"), FOLDERS)
def test_nor_is_it_a_folder_name(cli, place, command, name):
    refused(cli, place, line(command, **{name: "-"}), 2, "not written to standard output")


@pytest.mark.parametrize(("command", "name"), FOLDERS)
def test_a_file_in_the_way_of_a_folder_stays(cli, place, command, name):
    refused(cli, place, line(command, **{name: "mine"}), 3, "mine")


@pytest.mark.parametrize(("command", "name"), [f for f in FOLDERS if f[0] != "joint"])
def test_a_folder_of_somebodys_own_stays(cli, place, command, name):
    refused(cli, place, line(command, **{name: "folder"}), 3, "folder")
