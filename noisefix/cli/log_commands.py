"""Commands that a CI service would take out of a log, broken by one blank.

A CI service reads the log of a job line by line and obeys what looks like an order: to hide a word
from here on, to set a variable, to fold lines, to stop listening. A text of the data must not give
such orders, whichever service reads the log:

- GitHub, Gitea, Forgejo: ``::name key=value::text`` at the start of a line, blanks before it do not
  matter; older: ``##[name]text`` anywhere in a line.
- Azure: ``##vso[area.action]text`` and ``##[name]text``; TeamCity: ``##teamcity[...]``; anywhere.
- GitLab and Travis: ``section_start:``, ``travis_fold:`` and the like.
- Buildkite: ``---``, ``+++``, ``~~~`` and ``^^^`` at the start of a line fold and unfold, and no
  more; they are left alone.

Source: actions/runner, ``ActionCommand.cs`` (``TryParseV2`` trims the line, ``TryParse`` looks for
``##[`` anywhere); microsoft/azure-pipelines-agent, ``Command.cs``.
"""

from __future__ import annotations

import re

# A start of a line may also be where a terminal wraps: after any blank or sign, and after a word
# where a whole command follows. "std::vector" and "[::1]" stay.
_COMMAND = re.compile(
    r"(?<![\w)\[\]>:]):{2,}(?=\S)"
    r"|::(?=(?:add-mask|add-path|add-matcher|remove-matcher|set-env|set-output|save-state"
    r"|stop-commands|group|endgroup|debug|notice|warning|error|echo)(?:\s[^:]*)?::)"
    r"|##(?=\w*\[)"
    r"|(?:section_(?:start|end)|travis_(?:fold|time))(?=:)",
    re.IGNORECASE,
)


def break_log_commands(line: str) -> str:
    """Put a blank into everything in a line that a CI service could take for a command."""
    return _COMMAND.sub(_with_blank, line)


def _with_blank(hit: re.Match[str]) -> str:
    found = hit[0]
    return " ".join(found) if found[0] in ":#" else f"{found} "


def escape_log_commands(json_text: str) -> str:
    """Do the same to JSON by escapes that leave its values as they are."""
    return _COMMAND.sub(_escaped, json_text.replace("::", "\\u003a\\u003a"))


def _escaped(hit: re.Match[str]) -> str:
    return f"\\u{ord(hit[0][0]):04x}{hit[0][1:]}"
