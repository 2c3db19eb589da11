"""Pages that are read from top to bottom are run from top to bottom: Python and commands."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from noisefix.cli.app import main

DOCS = Path(__file__).parents[1] / "docs"
PAGES = ("python.md", "recipes/images.md")
BLOCK = re.compile(r"^```(python|console)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("page", PAGES)
def test_every_block_of_the_page_runs(page, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    blocks = BLOCK.findall((DOCS / page).read_text(encoding="utf-8"))
    assert len(blocks) >= 3
    names: dict[str, object] = {"__name__": "page"}
    for language, text in blocks:
        if language == "python":
            exec(compile(text, f"{page}:\n{text}", "exec"), names)
            continue
        for line in text.splitlines():
            program, *arguments = shlex.split(line)
            assert program == "noisefix"
            assert main(arguments) == 0, capsys.readouterr().err
