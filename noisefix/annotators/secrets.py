"""Keys and passwords: sent, but never shown."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterator
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from noisefix.redaction import HIDDEN, redact

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
    """Takes secrets out of texts that somebody will read.

    Args:
        secrets: what must not be seen, whatever it looks like; in a text it may also stand as in
            an address (``%2B``) or in base64. What looks like a key goes without being named.
    """

    def __init__(self, *secrets: Secret) -> None:
        plain = {secret.reveal() for secret in secrets}
        forms = plain | {quote(t, safe="") for t in plain} | {_base64(t) for t in plain}
        self._secrets = sorted((t for t in forms if len(t) > 3), key=len, reverse=True)

    def redact(self, text: str) -> str:
        """Return the text without secrets, otherwise as it is."""
        for secret in self._secrets:
            text = text.replace(secret, HIDDEN)
        return redact(text)

    def clean(self, text: str) -> str:
        """Return the text without secrets and control characters, cut to a readable length."""
        text = self.redact(text)
        text = re.sub(r"[\x00-\x1f\x7f-\x9f\s]+", " ", text).strip()
        return text if len(text) <= _LONGEST_MESSAGE else text[:_LONGEST_MESSAGE] + "…"

    def hides(self, error: BaseException) -> bool:
        """Tell whether the error, or one it came from, would show a secret."""
        shown = [f"{one!r} {one}" for one in causes(error)]
        return any(secret in text for text in shown for secret in self._secrets)


def causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and everything it came from, as Python and aiohttp keep it."""
    seen: set[int] = set()
    pending: list[BaseException | None] = [error]
    while pending:
        one = pending.pop(0)
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        pending += (
            getattr(one, "os_error", None),
            getattr(one, "certificate_error", None),
            one.__cause__,
            one.__context__,
        )


def is_web_address(url: str) -> bool:
    """Tell whether an address has a host that can be reached over HTTP."""
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number
        return False


def display_url(url: str) -> str:
    """Return the address without user name, password, query and fragment."""
    scheme, _, rest = url.rpartition("://")
    # A password with a slash in it ends the host for urlsplit; what is before the last @ goes.
    place = re.split("[?#]", rest, maxsplit=1)[0].rpartition("@")[2]
    return f"{scheme}://{place}".rstrip("/")


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
    return bare, Secret(f"Basic {_base64(f'{unquote(user)}:{unquote(password)}')}")


def passwords_in(url: str) -> list[Secret]:
    """Return the password in an address and the keys in its query, in all forms of them."""
    parts = urlsplit(url)
    pairs = [pair.partition("=") for pair in re.split("[&;]", parts.query)]
    texts = [value for name, _, value in pairs if redact(f"?{name}={value}").endswith(HIDDEN)]
    if parts.password:
        header = without_credentials(url)[1].reveal()
        texts += [parts.password, header.removeprefix("Basic ")]
    return [Secret(text) for text in dict.fromkeys(f for t in texts for f in (t, unquote(t)))]


def _base64(text: str) -> str:
    return b64encode(text.encode("utf-8", "surrogatepass")).decode()
