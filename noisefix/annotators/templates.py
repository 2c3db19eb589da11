"""The part of a prompt's wording that a user may replace."""

from __future__ import annotations

import re
import string
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from noisefix.errors import DataError

REQUIRED_PLACEHOLDERS = ("labels", "text")
PLACEHOLDERS = ("task", "labels", "knowledge", "demonstrations", "text")
DEFAULT_BODY = """\
$task

Labels:
$labels

$knowledge

$demonstrations

The text to label:
$text
"""


@dataclass(frozen=True)
class PromptTemplate:
    """The part of the wording that a user may replace; made by :func:`parse_template`."""

    body: str = DEFAULT_BODY

    @property
    def placeholders(self) -> set[str]:
        """The names of what it has a place for."""
        return set(string.Template(self.body).get_identifiers())

    def filled(self, values: Mapping[str, str]) -> str:
        """Return the wording with what is to be shown; the line of what is empty goes."""
        body = self.body
        for name, value in values.items():
            if not value:  # the empty line after it goes too
                body = re.sub(rf"(?m)^[ \t]*\$(?:{name}|\{{{name}\}})[ \t]*\n\n?", "", body)
        return string.Template(body).substitute(values).strip("\n")


def parse_template(body: str, where: str = "template") -> PromptTemplate:
    """Check a template's placeholders.

    Args:
        body: the wording, with ``$labels`` and ``$text`` and, if wanted, ``$task`` and
            ``$demonstrations``; a dollar sign is written ``$$``.
        where: what to call it in an error.

    Raises:
        DataError: a placeholder is missing or unknown, or a dollar sign stands alone.
    """
    template = string.Template(body)
    if not template.is_valid():
        lines = body.split("\n")
        line = next(n for n, text in enumerate(lines, 1) if not string.Template(text).is_valid())
        raise DataError(
            f"{where}, line {line}: a $ that begins no placeholder", "write $$ for a dollar sign"
        )
    names = template.get_identifiers()
    hint = f"placeholders: {', '.join('$' + name for name in PLACEHOLDERS)}"
    missing = [f"${name}" for name in REQUIRED_PLACEHOLDERS if name not in names]
    if missing:
        raise DataError(f"{where}: missing {' and '.join(missing)}", hint)
    unknown = [f"${name}" for name in names if name not in PLACEHOLDERS]
    if unknown:
        raise DataError(f"{where}: unknown {', '.join(unknown)}", f"{hint}; $$ is a dollar sign")
    return PromptTemplate(body)


def load_template(path: Path) -> PromptTemplate:
    """Read a template file.

    Raises:
        DataError: the file cannot be read, or :func:`parse_template` refuses it.
    """
    try:
        body = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 text", "save the file as UTF-8") from error
    return parse_template(body, str(path))
