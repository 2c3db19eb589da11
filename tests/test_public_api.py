"""What a program may rely on: every command has a twin, and importing noisefix costs nothing."""

from __future__ import annotations

import inspect
import subprocess
import sys

import pytest

import noisefix
from noisefix.cli.app import COMMANDS, app

SHELL_ONLY = {
    "quiet",  # progress and notes are for a person at a terminal
    "as_json",
    "config",
    "top",  # how much of the result is shown
    "diff",
    "open_browser",
    "terminal",
    "github",
    "junit",
    "show",
    "output_format",
    "no_config",
    "revert",  # a function of its own
    "compare",  # likewise, with the two after it
    "seeds",
    "test",
    "rank_stability",  # likewise, with the one after it
    "predictions",
    "pairs",  # likewise: noisefix.contrast
}
"""Options that say how to show a result, not what to do."""


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_a_twin_that_takes_its_options(name):
    twin = getattr(noisefix, name)
    command = set(inspect.signature(COMMANDS[name]).parameters) - SHELL_ONLY
    missing = command - set(inspect.signature(twin).parameters)
    assert not missing, f"noisefix.{name}() does not take {missing}"
    assert inspect.getdoc(twin), f"noisefix.{name}() is not documented"


@pytest.mark.parametrize("name", COMMANDS)
def test_twins_and_commands_share_their_defaults(name):
    import typer

    command = typer.main.get_command(app).commands[name]
    twin = inspect.signature(getattr(noisefix, name)).parameters
    for parameter in command.params:
        if parameter.name in twin and parameter.default is not None:
            assert twin[parameter.name].default == parameter.default, parameter.name


def test_every_public_name_is_there():
    for name in noisefix.__all__:
        assert getattr(noisefix, name) is not None
    assert set(dir(noisefix)) == set(noisefix.__all__)
    assert not hasattr(noisefix, "no_such_name")


def test_import_costs_nothing():
    code = (
        "import sys; before = set(sys.modules); import noisefix;"
        "print(sorted(m for m in set(sys.modules) - before if m.split('.')[0] not in"
        " sys.stdlib_module_names))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['noisefix', 'noisefix.version']"
