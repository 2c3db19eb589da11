"""Options written once: checked, expanded into keywords, and handed from one kind to another."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import pytest
import typer

from noisefix.cli.app import COMMANDS
from noisefix.cli.options import takes_options
from noisefix.errors import UsageError
from noisefix.options import READS, Option, Options, described, takes


def odd(flag: str, value: Any) -> None:
    if value % 2:
        raise UsageError(f"{flag} is odd", "")


@dataclass(frozen=True)
class Base(Options):
    seed: Annotated[int, Option("--seed", "A seed.", "N", at_least=0, at_most=9)] = 0


@dataclass(frozen=True)
class Kind(Base):
    color: Annotated[str, Option("--color", "A color.", words=("red", "blue"))] = "red"
    even: Annotated[int | None, Option("--even", "Even.", "N", check=odd)] = None
    file: Annotated[str | Path | None, Option("--file", "A file.", "FILE", role=READS)] = None
    pairs: Annotated[
        Any, Option("--set", "Pairs.", "A=B", parse=lambda s: dict(p.split("=") for p in s))
    ] = None


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"seed": -1}, "--seed is -1"),
        ({"seed": 10}, "--seed is 10"),
        ({"color": "green"}, "'green' is not one of red, blue"),
        ({"even": 3}, "--even is odd"),
        ({"seed": float("nan")}, "--seed is nan"),
    ],
)
def test_values_are_checked_when_they_are_made(wrong, said):
    with pytest.raises(UsageError, match=said):
        Kind(**wrong)


def test_a_twin_takes_the_options_or_their_fields():
    @takes(Kind)
    def twin(data: str, *, options: Kind, progress: object = None) -> tuple[Any, ...]:
        """Do it."""
        return data, options, progress

    assert twin("x", seed=3, progress=1) == ("x", Kind(seed=3), 1)
    assert twin("x", options=Kind(color="blue"), seed=3)[1] == Kind(color="blue", seed=3)
    with pytest.raises(TypeError, match="unknown"):
        twin("x", unknown=1)
    parameters = inspect.signature(twin).parameters
    assert parameters["color"].default == "red"
    assert list(parameters) == ["data", "options", *described(Kind), "progress"]
    assert "    color: A color." in (twin.__doc__ or "")


def test_what_both_kinds_have_is_handed_on():
    assert Kind(seed=4, color="blue").shared_with(Base) == Base(seed=4)
    assert Base(seed=4).shared_with(Kind, color="blue") == Kind(seed=4, color="blue")


def test_a_command_gets_the_options_of_a_dataclass():
    seen: list[Kind] = []

    @takes_options
    def command(options: Kind) -> None:
        """Do it."""
        seen.append(options)

    app = typer.Typer()
    app.command()(command)
    run = typer.main.get_command(app)
    run.main(
        ["--seed", "2", "--file", "x.csv", "--set", "a=b", "--set", "c=d"], standalone_mode=False
    )
    assert seen == [Kind(seed=2, file="x.csv", pairs={"a": "b", "c": "d"})]


@pytest.mark.parametrize("name", COMMANDS)
def test_no_command_writes_an_option_down_that_its_dataclass_has(name):
    """An option of the twin that stands in the command itself would be written twice."""
    source = inspect.getsource(inspect.unwrap(COMMANDS[name]))
    kinds = [
        parameter.annotation
        for parameter in inspect.signature(
            inspect.unwrap(COMMANDS[name]), eval_str=True
        ).parameters.values()
        if isinstance(parameter.annotation, type) and issubclass(parameter.annotation, Options)
    ]
    assert kinds
    flags = {
        option.flag.split("/")[0].split()[0]
        for kind in kinds
        for _, option in described(kind).values()
    }
    assert not {flag for flag in flags if f'typer.Option("{flag}"' in source.replace("\n", "")}
