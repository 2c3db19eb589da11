"""Every hint can be followed: each option and command that a message or a page names is there."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import fields
from functools import cache
from pathlib import Path

import pytest
import typer

from noisefix.cli.app import COMMANDS, app

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "noisefix"
OF_OTHER_PROGRAMS = {
    "--force-reinstall": "pip install",
    "--no-deps": "pip install",
    "--docs": "python tests/benchmarks",
    "--repo-type": "hf download",
    "--local-dir": "hf download",
}
"""Options that belong to what is named with them in the same text."""

OPTION = re.compile(r"(?<![\w-])--[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
OF_THE_GROUP = {"--version", "--install-completion"}
CALL = re.compile(
    # "noisefix relabel RUN --dry-run", and "noisefix revert RUN" though there is no such command
    rf"\bnoisefix\s+({'|'.join(COMMANDS)}|[a-z]+(?=\s+(?:--|[A-Z]{{2}}|[./\w]+/)))\b([^;`\n]*)"
    # "what apply --strategy relabel changes"; but "check --model" is an order to the reader
    rf"|(?<![\w-])({'|'.join(COMMANDS.keys() - {'check'})})\s+(--[a-z-]+)"
)
SETTING = re.compile(r"--set\s+(\w+)=")


@cache
def options_of(command: str) -> frozenset[str]:
    parameters = typer.main.get_command(app).commands[command].params
    flags = {flag for p in parameters for flag in (*p.opts, *p.secondary_opts)}
    return frozenset({flag for flag in flags if flag.startswith("--")} | {"--help"})


@cache
def parameters() -> frozenset[str]:
    """Return what --set can set, for some method."""
    from noisefix.training.finetune.tuning import TuningParams
    from noisefix.training.registry import METHODS, find_method

    kinds = [TuningParams, *(find_method(method).load()[1] for method in METHODS)]
    return frozenset(f.name for kind in kinds for f in fields(kind)) | {"VALUE", "NAME"}


@cache
def modules_of(command: str) -> frozenset[str]:
    """Return the modules that a command can come to, by all imports within the package."""
    found: set[str] = set()
    pending = [f"noisefix.cli.{command}"]
    while pending:
        name = pending.pop()
        if name in found or name == "noisefix.cli.app":
            continue
        found.add(name)
        pending += imported(name)
    return frozenset(found)


@cache
def imported(module: str) -> tuple[str, ...]:
    path = ROOT.joinpath(*module.split("."))
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    names = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("noisefix."):
            names += [str(node.module), *(f"{node.module}.{a.name}" for a in node.names)]
    there = [ROOT.joinpath(*name.split(".")) for name in names]
    return tuple(
        name
        for name, path in zip(names, there, strict=True)
        if path.is_dir() or path.with_suffix(".py").exists()
    )


def texts(path: Path) -> Iterator[tuple[int, str]]:
    """Yield line and text of every string that may be shown: all but docstrings."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    hidden = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    inner = {
        id(part)
        for node in ast.walk(tree)
        if isinstance(node, ast.JoinedStr)
        for part in node.values
    }
    for node in ast.walk(tree):
        if id(node) in hidden or id(node) in inner:
            continue
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value
        elif isinstance(node, ast.JoinedStr):
            yield node.lineno, "".join(_part(part) for part in node.values)


def _part(part: ast.expr) -> str:
    return str(part.value) if isinstance(part, ast.Constant) else "VALUE"


def calls(text: str) -> Iterator[tuple[str, set[str]]]:
    """Yield the commands that a text tells to run, with the options it names for each."""
    for hit in CALL.finditer(text):
        what = (hit[2] or hit[4] or "").partition(", ")[0]
        yield hit[1] or hit[3], set(OPTION.findall(what))


def unknown_calls(text: str) -> list[str]:
    wrong = []
    for command, options in calls(text):
        if command not in COMMANDS:
            wrong.append(f"noisefix {command}")
        else:
            wrong += [f"noisefix {command} {o}" for o in sorted(options - options_of(command))]
    return wrong


SOURCES = sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("path", SOURCES, ids=[str(p.relative_to(PACKAGE)) for p in SOURCES])
def test_every_option_in_a_message_exists_where_the_message_can_appear(path: Path) -> None:
    module = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    commands = [name for name in COMMANDS if module in modules_of(name)] or list(COMMANDS)
    there = frozenset().union(*map(options_of, commands)) | OF_THE_GROUP
    wrong = []
    for line, text in texts(path):
        wrong += [f"{line}: {call}" for call in unknown_calls(text)]
        elsewhere = {o for _, options in calls(text) for o in options}
        wrong += [f"{line}: --set {name}" for name in set(SETTING.findall(text)) - parameters()]
        for option in set(OPTION.findall(text)) - there - elsewhere:
            if OF_OTHER_PROGRAMS.get(option, "\0") not in text:
                wrong.append(f"{line}: {option} is no option of {', '.join(commands)}")
    assert not wrong, "\n".join(wrong)


PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])


@pytest.mark.parametrize("page", PAGES, ids=[str(p.relative_to(ROOT)) for p in PAGES])
def test_every_command_on_a_page_exists_with_its_options(page: Path) -> None:
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    code = "\n".join(re.findall(r"```.*?```|`[^`\n]+`", text, re.DOTALL))
    assert not unknown_calls(code)
    everywhere = frozenset().union(*map(options_of, COMMANDS)) | OF_THE_GROUP
    named = set(OPTION.findall("\n".join(re.findall(r"`(--[^`\n]+)`", text))))
    assert {o for o in named - everywhere if OF_OTHER_PROGRAMS.get(o, "\0") not in text} == set()
    assert set(SETTING.findall(code)) <= parameters()


def test_the_walk_sees_what_it_should() -> None:
    assert "noisefix.annotators.give_up" in modules_of("relabel")
    assert "noisefix.annotators.openai_client" not in modules_of("detect")
    assert unknown_calls("run noisefix relabel RUN --precision fp32") == [
        "noisefix relabel --precision"
    ]
    assert unknown_calls("try: noisefix revert RUN") == ["noisefix revert"]
    assert unknown_calls("what apply --diff shows") == []
    assert unknown_calls("what detect --diff shows") == ["noisefix detect --diff"]
    assert unknown_calls("a file that noisefix wrote; from noisefix import detect") == []
    give_up = dict(texts(PACKAGE / "annotators" / "give_up.py"))
    assert any("--dry-run" in text for text in give_up.values())
