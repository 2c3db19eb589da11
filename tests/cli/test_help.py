"""``--help`` on terminals of any width: groups, examples to copy, and what the shell completes."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys

import pytest
import typer

from noisefix.cli.app import COMMANDS, app
from noisefix.cli.groups import (
    COMMAND_GROUPS,
    EXAMPLES,
    OPTION_GROUPS,
    option_group,
)
from noisefix.cli.help_page import grouped, long_flag
from noisefix.cli.paths import path_roles

GROUP = typer.main.get_command(app)
ALL = ["", *COMMANDS]


def parse(words: list[str]) -> None:
    """Let the command that the words begin with read the others; nothing is run."""
    command = GROUP.commands[words[0]]
    command.make_context(words[0], words[1:])


def help_of(cli, monkeypatch, command: str, width: int) -> list[str]:
    monkeypatch.setenv("COLUMNS", str(width))
    outcome = cli(*command.split(), "--help")
    assert (outcome.code, outcome.err) == (0, "")
    return outcome.out.splitlines()


@pytest.mark.parametrize("width", [60, 80, 200])
@pytest.mark.parametrize("command", ALL)
def test_help_fits_the_terminal_and_no_example_is_broken(cli, monkeypatch, command, width):
    lines = help_of(cli, monkeypatch, command, width)
    assert max(map(len, lines)) <= min(width, 100)
    start = lines.index("Examples:")
    examples = [(f"  # {what}", f"  {line}") for what, line in EXAMPLES[command or "noisefix"]]
    assert lines[start + 1 :] == [line for pair in examples for line in pair]


@pytest.mark.parametrize("command", COMMANDS)
def test_no_word_is_cut_however_narrow_the_terminal(cli, monkeypatch, command):
    wide = " ".join(help_of(cli, monkeypatch, command, 200)).split()
    for width in (60, 20):
        assert " ".join(help_of(cli, monkeypatch, command, width)).split() == wide


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_stands_in_one_group_in_their_order(cli, monkeypatch, command):
    lines = help_of(cli, monkeypatch, command, 80)
    titles = [line[:-1] for line in lines if line and line[0] != " " and line.endswith(":")]
    options = [p for p in GROUP.commands[command].params if p.param_type_name == "option"]
    groups = grouped(options)
    assert titles == ["Arguments", *groups, "Examples"]
    assert list(groups) == [group for group in OPTION_GROUPS if group in groups]
    assert sum(map(len, groups.values())) == len(options)
    for group, members in groups.items():
        start = lines.index(f"{group}:")
        section = "\n".join(lines[start : lines.index("", start)])
        assert all(long_flag(option) in section for option in members)


def test_the_groups_name_options_and_commands_that_there_are():
    from noisefix.cli.groups import _GROUP_OF

    commands = [GROUP, *GROUP.commands.values()]
    flags = {long_flag(p) for c in commands for p in c.params if p.param_type_name == "option"}
    assert set(_GROUP_OF) - {"--help"} <= flags
    assert option_group("--seed") == "Advanced"
    listed = [name for names in COMMAND_GROUPS.values() for name in names]
    assert sorted(listed) == sorted(COMMANDS)


def test_commands_are_listed_in_their_groups(cli, monkeypatch):
    lines = help_of(cli, monkeypatch, "", 200)
    for group, names in COMMAND_GROUPS.items():
        start = lines.index(f"{group}:")
        listed = [line.split()[0] for line in lines[start + 1 : lines.index("", start)]]
        assert listed == list(names)


@pytest.mark.parametrize("command", ALL)
def test_short_flag_shows_the_same(cli, command):
    assert cli(*command.split(), "-h") == cli(*command.split(), "--help")


LINES = [(name, line) for name, pairs in EXAMPLES.items() for _, line in pairs]


@pytest.mark.parametrize(("name", "line"), LINES, ids=[line for _, line in LINES])
def test_examples_are_commands_that_parse(name, line):
    program, *words = shlex.split(line)
    assert program == "noisefix"
    assert name in ("noisefix", words[0])
    parse(words)


def completed(*words: str) -> list[str]:
    """Return what bash is offered for the last word."""
    asked = {
        "_NOISEFIX_COMPLETE": "complete_bash",
        "COMP_WORDS": "\n".join(["noisefix", *words]),
        "COMP_CWORD": str(len(words)),
    }
    done = subprocess.run(
        [sys.executable, "-m", "noisefix"],
        env={**os.environ, **asked},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split()


def offered(command: str, flag: str, begun: str = "") -> list[str]:
    option = next(p for p in GROUP.commands[command].params if flag in p.opts)
    context = typer.Context(GROUP.commands[command], resilient_parsing=True)
    return [item.value for item in option.shell_complete(context, begun)]


def test_the_shell_completes_commands_options_and_values():
    assert completed("") == list(COMMANDS)
    assert completed("detect", "x.csv", "--flag") == ["--flag-precision", "--flag-top"]
    assert completed("detect", "--device", "c") == ["cpu", "cuda"]
    assert completed("train", "run", "--precision", "") == []


@pytest.mark.parametrize("command", COMMANDS)
def test_values_that_are_completed_are_accepted_and_shown(command):
    for option in GROUP.commands[command].params:
        if option.param_type_name != "option" or "|" not in (option.metavar or ""):
            continue
        values = offered(command, long_flag(option))
        if option.metavar == "N|auto":
            continue
        assert values == option.metavar.split("|")
        for value in values:
            assert option.callback(None, option, value) == value


def test_words_of_the_methods_are_completed():
    from noisefix.confident import FILTERS
    from noisefix.probing.readings import LABELLED_BY
    from noisefix.training.registry import METHODS

    assert offered("detect", "--labelled-by") == list(LABELLED_BY)
    assert offered("joint", "--filter-by") == list(FILTERS)
    assert offered("train", "--method") == list(METHODS)
    assert offered("train", "--method", "c") == [m for m in METHODS if m.startswith("c")]
    assert "tfidf" in offered("embed", "--encoder")
    assert offered("relabel", "--annotator") == ["openai", "local:", "vllm:", "column:", "human"]


@pytest.mark.parametrize("command", COMMANDS)
def test_paths_are_left_to_the_shell(command):
    context = typer.Context(GROUP.commands[command], resilient_parsing=True)
    roles = path_roles(COMMANDS[command])
    assert roles
    for parameter in GROUP.commands[command].params:
        if parameter.name in roles:
            assert parameter.shell_complete(context, "") == []


def test_bash_takes_file_names_where_nothing_is_offered():
    done = subprocess.run(
        [sys.executable, "-m", "noisefix"],
        env={**os.environ, "_NOISEFIX_COMPLETE": "source_bash"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "complete -o default -F" in done.stdout
