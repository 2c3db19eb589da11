"""``recipe.json``: which steps are done, and of what, so that they are not done again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from noisefix.documents import parse_json
from noisefix.errors import DataError
from noisefix.options import READS, described
from noisefix.recipes.plan import Step
from noisefix.run.folder import RunFolder
from noisefix.tables.atomic import read_bytes, sha256_file, write_bytes
from noisefix.version import __version__

NAME = "recipe.json"
_TABLES = ("embeddings", "issues", "candidates", "relabels", "decisions")
"""What the steps after detect read of a run."""


class RecipeRecord:
    """What was done in a recipe's folder."""

    def __init__(self, folder: Path) -> None:
        """Open the record of a folder, whether there is one or not.

        Raises:
            DataError: it is there, and is not what was written.
        """
        self._path = folder / NAME
        self._steps: dict[str, dict[str, Any]] = {}
        if self._path.exists():
            try:
                content = parse_json(read_bytes(self._path))
                self._steps = {name: dict(step) for name, step in content["steps"].items()}
            except (ValueError, TypeError, KeyError, AttributeError) as error:
                raise DataError(
                    f"{self._path}: not the record of a recipe",
                    "remove it: every step is then looked at again",
                ) from error

    def facts_if_done(self, step: Step, mark: str) -> dict[str, Any] | None:
        """Return what came of a step if it was done of the same, and its output is there."""
        known = self._steps.get(step.name)
        if known is None or known.get("mark") != mark:
            return None
        if step.output is not None and not _is_there(step.output):
            return None
        facts: dict[str, Any] = known["facts"]
        return facts

    def done(self, step: Step, mark: str, facts: Mapping[str, Any], seconds: float) -> None:
        """Keep that a step is done."""
        self._steps[step.name] = {
            "mark": mark,
            "command": step.words,
            "seconds": round(seconds, 3),
            "facts": dict(facts),
        }
        content = {"noisefix_version": __version__, "steps": self._steps}
        write_bytes(self._path, (json.dumps(content, indent=1) + "\n").encode())


def mark_of(step: Step, run: RunFolder) -> str:
    """Return a digest of all that a step's result hangs on: its options, and what it reads."""
    digest = hashlib.sha256(json.dumps([__version__, *step.words]).encode())
    tables = [getattr(run, name) for name in _TABLES]
    named = [
        Path(str(value))
        for name, (_, option) in described(type(step.options)).items()
        if option.role is READS and (value := getattr(step.options, name)) is not None
    ]
    models = [Path(word) for word in step.about] if step.name == "evaluate" else []
    data = (
        [Path(str(step.values["data"]))]
        if step.name == "evaluate" and "data" in step.values
        else []
    )
    for path in [*tables, *named, *data, *models]:
        digest.update(_content(path).encode())
    return digest.hexdigest()


def _content(path: Path) -> str:
    if path.is_dir():
        inner = sorted(file for file in path.iterdir() if file.suffix in (".safetensors", ".json"))
        return "".join(sha256_file(file) for file in inner)
    return sha256_file(path) if path.is_file() else "-"


def _is_there(output: str) -> bool:
    return "://" in output or Path(output).exists()
