"""Keys and passwords: sent, but never shown."""

from __future__ import annotations

import re
from base64 import b64encode
from urllib.parse import unquote, urlsplit, urlunsplit

_LONGEST_MESSAGE = 300


class Secret:
    """A text that no representation, traceback with local variables, or log shows."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return "Secret(hidden)"

    def __bool__(self) -> bool:
        return bool(self._text)

    @property
    def is_sendable(self) -> bool:
        """True when it can stand in an HTTP header: printable ASCII without blanks."""
        return self._text.isascii() and self._text.isprintable() and " " not in self._text

    def reveal(self) -> str:
        """Return the text."""
        return self._text


class Redactor:
    """Takes secrets out of texts that somebody will read."""

    def __init__(self, *secrets: Secret) -> None:
        texts = {secret.reveal() for secret in secrets}
        self._secrets = sorted((t for t in texts if len(t) > 3), key=len, reverse=True)

    def clean(self, text: str) -> str:
        """Return the text without secrets and control characters, cut to a readable length."""
        for secret in self._secrets:
            text = text.replace(secret, "[hidden]")
        text = re.sub(r"[\x00-\x1f\x7f-\x9f\s]+", " ", text).strip()
        return text if len(text) <= _LONGEST_MESSAGE else text[:_LONGEST_MESSAGE] + "…"

    def hides(self, error: BaseException) -> bool:
        """Tell whether the error, or one it came from, would show a secret."""
        seen: set[int] = set()
        pending: list[BaseException | None] = [error]
        while pending:
            one = pending.pop()
            if one is None or id(one) in seen:
                continue
            seen.add(id(one))
            if any(secret in f"{one!r} {one}" for secret in self._secrets):
                return True
            pending += (one.__cause__, one.__context__)
        return False


def display_url(url: str) -> str:
    """Return the address without user name, password, query and fragment."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path}".rstrip("/")


def without_credentials(url: str) -> tuple[str, Secret]:
    """Return the address without user name and password, and the header that they stand for.

    The second is the value of an ``Authorization`` header; empty when the address has none.
    """
    parts = urlsplit(url)
    credentials, at, host = parts.netloc.rpartition("@")
    bare = urlunsplit(parts._replace(netloc=host))
    if not at:
        return bare, Secret("")
    user, _, password = credentials.partition(":")
    plain = f"{unquote(user)}:{unquote(password)}".encode()
    return bare, Secret(f"Basic {b64encode(plain).decode()}")


def passwords_in(url: str) -> list[Secret]:
    """Return the password in an address, in all forms in which it may be seen."""
    password = urlsplit(url).password
    if not password:
        return []
    header = without_credentials(url)[1].reveal()
    return [Secret(text) for text in (password, unquote(password), header.removeprefix("Basic "))]
