"""The page as one file: template, style, scripts and data, and a policy that allows no more."""

from __future__ import annotations

import base64
import hashlib
import re
from importlib.resources import files
from typing import Any

from noisefix.reporting.packing import pack

SCRIPTS = (
    "data.js",
    "sha256.js",
    "store.js",
    "rows.js",
    "map.js",
    "review.js",
    "card.js",
    "sections.js",
    "models.js",
    "main.js",
)
"""In this order they become one function of their own."""


def build_page(data: dict[str, Any]) -> str:
    """Return a page of HTML that loads nothing, with its data packed within.

    Args:
        data: see docs/report.md; ``transport`` is "file" or "server". The page of a server has
            its data from there, and may ask it alone.
    """
    style, script = read_asset("page.css"), joined_scripts()
    policy = {
        "default-src": "'none'",
        "script-src": f"'sha256-{_digest(script)}'",
        "style-src": f"'sha256-{_digest(style)}'",
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    if data.get("transport") == "server":
        policy["connect-src"] = "'self'"
    values = {
        "POLICY": "; ".join(f"{key} {value}" for key, value in policy.items()),
        "TITLE": _escaped(str(data.get("run", {}).get("name", "")) or "labels"),
        "STYLE": style,
        "SCRIPT": script,
        "DATA": pack(data),
    }
    return re.sub(r"\{\{([A-Z]+)\}\}", lambda match: values[match[1]], read_asset("page.html"))


def read_asset(name: str) -> str:
    """Return a file of the template, which comes with the package."""
    return (files("noisefix.reporting") / "assets" / name).read_text("utf-8")


def joined_scripts() -> str:
    """Return all scripts as one."""
    return (
        '"use strict";\n(() => {\n' + "\n".join(read_asset(name) for name in SCRIPTS) + "\n})();\n"
    )


def _digest(source: str) -> str:
    return base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()


def _escaped(text: str) -> str:
    text = "".join(sign if sign.isprintable() else " " for sign in text)
    for sign, name in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;")):
        text = text.replace(sign, name)
    return text
