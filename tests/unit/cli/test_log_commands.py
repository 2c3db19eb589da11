"""A text of the data cannot give orders to the CI service that reads the log."""

import ast
import io
import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import noisefix.cli
from noisefix.cli.log_commands import break_log_commands, escape_log_commands
from noisefix.cli.terminal import Column, Screen, sanitize, say, write_json

# What the services look for: actions/runner, the Azure agent, TeamCity, GitLab, Travis.
OBEYED = re.compile(
    r"^\s*::[^:\s]|##\w*\[|section_(start|end):|travis_(fold|time):", re.MULTILINE | re.IGNORECASE
)

COMMANDS = [
    "::stop-commands::x",
    "  \t::add-mask::a",
    "\u3000::set-output name=a::b",
    "::token::",
    "::::error::x",
    "##[group]x",
    "text ##[error]x",
    "##vso[task.setvariable variable=a]b",
    "##VSO[task.complete]",
    "##teamcity[buildStatus text='x']",
    "###[set-env name=a]b",
    "section_start:1:x\r\x1b[0K",
    "travis_fold:start:x",
    "word::set-env name=PATH::x",
    "a\n::add-mask::x",
    "a\r\n ##[add-path]x",
    "\u200b::add-mask::x",
]


@pytest.mark.parametrize("text", COMMANDS)
def test_commands_are_broken_and_stay_readable(text):
    for shown in (sanitize(text), sanitize(f"id 7: {text}"), sanitize(text, 60)):
        assert not OBEYED.search(shown)
        assert sanitize(shown) == shown
    assert re.findall(r"\w", sanitize(text)) == re.findall(r"\w", text)


@pytest.mark.parametrize(
    "text",
    [
        "std::vector<int>::iterator",
        "a::b and A::C()",
        "f :: Int -> Int",
        "log::debug!(x)",
        "# heading",
        "## heading [link](x)",
        "a: b",
        "[::1]:80",
        "section: 3",
    ],
)
def test_ordinary_texts_stay(text):
    assert break_log_commands(text) == text


@given(st.text(st.sampled_from("::##[]vso errortacd-mk x\t⏎(>"), max_size=30))
def test_nothing_is_left_for_any_text(text):
    broken = break_log_commands(text)
    assert not OBEYED.search(broken)
    assert break_log_commands(broken) == broken
    value = {text: [text, f"\\{text}", f'"{text}\n{text}']}
    escaped = escape_log_commands(json.dumps(value, indent=2))
    assert json.loads(escaped) == value
    assert not OBEYED.search(escaped)
    assert "::" not in escaped


def test_every_writer_breaks_them(capsys):
    stream = io.StringIO()
    screen = Screen(stream)
    for text in COMMANDS:
        screen.line(text)
        screen.line(text, indent=4, is_cut=True)
        screen.heading(text)
        screen.command(text, text)
        screen.table((Column("a"), Column("b", "right")), [[text, (text, text)]])
        write_json({text: [text]}, stream)
        say(text, f"error: {text}")
        say(text, stream=stream)
    out, err = capsys.readouterr()
    assert out == ""
    for written in (stream.getvalue(), err):
        assert written.count("\n") > 30
        assert not OBEYED.search(written)
        assert not re.search("section_start:", written)


WRITERS = {"print", "echo", "secho", "Console"}
STREAMS = {"stdout", "stderr", "__stdout__", "__stderr__"}
ALLOWED_ON_STREAMS = {"flush", "isatty", "fileno"}
FILES = sorted(Path(noisefix.cli.__file__).parents[1].rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_nothing_is_written_around_the_one_module_that_sanitises(path):
    if path.match("cli/terminal.py"):
        return
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            is_desk = ast.unparse(node.func) == "self._console.print"  # rich texts, sanitised
            assert name not in WRITERS or is_desk, f"line {node.lineno}: {name}"
            on = ast.unparse(getattr(node.func, "value", ast.Constant("")))
            if on in {f"sys.{stream}" for stream in STREAMS}:
                assert name in ALLOWED_ON_STREAMS, f"line {node.lineno}: {on}.{name}"
