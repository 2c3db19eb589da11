"""Documentation that is made of the code is up to date, and says something of everything."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer

from noisefix.cli.app import COMMANDS, app
from noisefix.cli.groups import COMMAND_GROUPS, EXAMPLES
from noisefix.cli.help_page import grouped
from noisefix.cli.reference import render, render_tables

DOCS = Path(__file__).parents[1] / "docs"
REMEDY = "run: python -m noisefix.cli.reference docs"


def test_command_line_reference_is_not_stale():
    assert (DOCS / "cli.md").read_text(encoding="utf-8") == render(), REMEDY


def test_reference_of_the_tables_is_not_stale():
    assert (DOCS / "tables.md").read_text(encoding="utf-8") == render_tables(), REMEDY


def test_every_command_and_option_is_documented():
    text = render()
    for name in COMMANDS:
        assert f"## noisefix {name}\n" in text
        command = typer.main.get_command(app).commands[name]
        assert command.help
        for parameter in command.params:
            assert parameter.help, f"{name}: {parameter.name} has no help"
            shown = max(getattr(parameter, "opts", [""]), key=len)
            if parameter.param_type_name == "argument":
                shown = parameter.metavar or shown.upper()
            assert shown in text


def test_reference_shows_the_groups_and_examples_of_the_help():
    text = render()
    for group, names in COMMAND_GROUPS.items():
        assert f"\n| {group} | [`{names[0]}`](#noisefix-{names[0]})" in text
    for name in COMMANDS:
        section = text.partition(f"## noisefix {name}\n")[2].partition("\n## ")[0]
        options = [
            p
            for p in typer.main.get_command(app).commands[name].params
            if p.param_type_name == "option"
        ]
        titles = [line for line in section.splitlines() if line.startswith("| **")]
        assert titles == [f"| **{group}** | |" for group in grouped(options)]
        assert all(f"\n{line}\n" in section for _, line in EXAMPLES[name])


def test_every_training_method_is_on_the_page_that_helps_to_choose():
    from noisefix.training.registry import METHODS

    lines = (DOCS / "methods" / "choosing-a-method.md").read_text(encoding="utf-8").splitlines()
    for method in METHODS:
        assert any(line.startswith(f"| [`{method}`]({method}.md) |") for line in lines), method


def test_every_training_method_has_a_page_with_its_row_of_the_table():
    from noisefix.training.registry import METHODS

    site = (DOCS.parent / "mkdocs.yml").read_text(encoding="utf-8")
    overview = (DOCS / "methods" / "training-methods.md").read_text(encoding="utf-8")
    for method in METHODS:
        page = (DOCS / "methods" / f"{method}.md").read_text(encoding="utf-8")
        assert page.count("<!-- begin methods -->") == page.count("<!-- end methods -->") == 1
        assert f"| `{method}" in page.partition("<!-- begin methods -->")[2], method
        assert f"| `{method}" in overview, method
        assert f"[{method}]({method}.md)" in overview, method
        assert f"methods/{method}.md" in site, method


def test_every_file_that_the_page_for_developers_names_exists():
    page = (DOCS / "development.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:noisefix|tests|docs|\.ci)/[\w./-]+)`", page))
    assert len(named) > 20
    assert [
        name for name in named if "NAME" not in name and not (DOCS.parent / name).exists()
    ] == []
    assert "docs/development.md" in (DOCS.parent / "README.md").read_text(encoding="utf-8")


PAGES = sorted(path for path in DOCS.rglob("*.md") if path.name != "README.md")


def test_every_page_has_its_place_in_the_site():
    settings = (DOCS.parent / "mkdocs.yml").read_text(encoding="utf-8")
    named = re.findall(r"^ +- (\S+\.md)$", settings.partition("\nnav:\n")[2], re.MULTILINE)
    assert sorted(named) == sorted(path.relative_to(DOCS).as_posix() for path in PAGES)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(DOCS).as_posix())
def test_pages_link_to_what_is_there_and_lies_in_the_site(page):
    text = re.sub(r"```.*?```|`[^`\n]*`", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    links = re.findall(r"\]\(([^)#\s]+)", text)
    local = [link for link in links if "://" not in link]
    assert [link for link in local if not (page.parent / link).is_file()] == []
    assert all((page.parent / link).resolve().is_relative_to(DOCS) for link in local)
