"""Keys and passwords taken out of texts that somebody will read, known by their looks.

The one place that says what a secret looks like. ``noisefix.annotators.secrets`` adds the values
that it knows itself; every ``NoisefixError`` and everything on stderr goes through ``redact``.
"""

from __future__ import annotations

import os
import re

HIDDEN = "[hidden]"

# Texts, not patterns: to compile them takes a tenth of the time in which --help is there.
_KEYS = (
    r"(?<![A-Za-z0-9])(?:"
    r"sk-[A-Za-z0-9_-]{6,}"
    r"|(?:[sr]k|pk)_(?:live|test)_[A-Za-z0-9]{8,}"
    r"|(?:xai|pplx|fw|csk|tgp|gsk|dop_v1|npm|pypi)[-_][A-Za-z0-9_]{16,}"
    r"|(?:nvapi|glpat)-[A-Za-z0-9_-]{12,}"
    r"|(?:hf|gh[oprsu]|github_pat|r8)_[A-Za-z0-9_]{8,}"
    r"|xox[abeprs]-[A-Za-z0-9-]{8,}"
    r"|(?:AKIA|ASIA)[A-Z0-9]{12,}"
    r"|AIza[\w-]{20,}"
    r"|ya29\.[\w.-]{10,}"
    r"|eyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)?"
    r")"
)
# The name or the scheme before the value stays: it says which secret it was.
_NAMED = (
    r"(?P<name>\b(?:Bearer|Basic)\s+)(?=[\w.~+/=-]*[0-9=+/])[\w.~+/=-]{8,}"
    r"|(?P<query>[?&;](?:[\w.-]*(?:key|token|secret|password|signature|credential)|sig|code|auth)=)"
    r"[^&\s\"'<>#]+"
    r"|(?P<field>\b(?:x-)?(?:api[-_]?key|(?:access|auth|refresh|id)[-_]token|authorization|password"
    r"|passwd|(?:client[-_])?secret)[\"']?\s*[:=]\s*[\"']?)(?!Bearer\b|Basic\b|\[hidden\])"
    r"(?=[^\s\"',;}]*[0-9])[^\s\"',;}]{8,}"
    r"|(?P<scheme>\b(?!abfss?:|wasbs?:)[a-z][a-z0-9+.-]*://)[^\s/?#@\"']+@"
)
_SECRET_VARIABLE = re.compile(r"(?:KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIALS?)$", re.IGNORECASE)
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,79}")
_SHORTEST_VALUE = 8
"""A shorter value of a variable may be an ordinary word."""


def redact(text: str) -> str:
    """Return the text without what looks like a key, a password in an address or a token.

    Values of environment variables whose name ends in KEY, TOKEN, SECRET or PASSWORD go too,
    whatever they look like.
    """
    for value in _values_of_environment():
        text = text.replace(value, HIDDEN)
    text = re.sub(_NAMED, _keep_name, text, flags=re.IGNORECASE)
    return re.sub(_KEYS, HIDDEN, text)


def looks_like_key(text: str) -> bool:
    """Tell whether a text as a whole looks like a key, not like a name that holds one."""
    return re.fullmatch(_KEYS, text) is not None or redact(text) == HIDDEN


def shown_variable(name: str) -> str:
    """Return the name of an environment variable, fit to be shown.

    A key is often typed where its variable's name belongs. Only what reads like a name is shown.
    """
    is_name = _VARIABLE.fullmatch(name) is not None and not looks_like_key(name)
    # Names have words; long runs of letters and digits without one are keys.
    has_run = re.search(r"(?=[A-Za-z]*[0-9])[A-Za-z0-9]{20,}", name) is not None
    return name if is_name and not has_run else f"{HIDDEN} ({len(name)} characters, no name)"


def _values_of_environment() -> list[str]:
    values = {
        value.strip()
        for name, value in os.environ.items()
        if len(value) >= _SHORTEST_VALUE
        and not value.startswith("/")  # where a key lies is no key
        and _SECRET_VARIABLE.search(name)
    }
    return sorted(values, key=len, reverse=True)


def _keep_name(hit: re.Match[str]) -> str:
    kept = hit["name"] or hit["query"] or hit["field"] or hit["scheme"]
    return f"{kept}{HIDDEN}" + ("@" if hit["scheme"] else "")
