"""Files at an address: read through fsspec, and shown without passwords and signatures."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast
from urllib.parse import unquote, urlsplit

from noisefix.errors import DataError
from noisefix.tables.extras import missing_package

_ADDRESS = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]+):/+(?P<rest>.*)", re.DOTALL)
_PACKAGES = {
    **dict.fromkeys(("http", "https", "hf", "memory", "ftp"), ""),
    **dict.fromkeys(("s3", "s3a"), "s3fs"),
    **dict.fromkeys(("gs", "gcs"), "gcsfs"),
    **dict.fromkeys(("abfs", "abfss", "az"), "adlfs"),
}
"""Schemes that are read, each with the package that fsspec needs for it beside its own."""

_READ_ONLY = ("http", "https", "hf")
_UNSAFE = re.compile(r"[^\w.@+=, -]+")
_CONNECT_S = 20.0
_STALL_S = 60.0
"""Seconds without a byte after which a server is given up."""


def is_remote(given: str | Path) -> bool:
    """Tell an address that is read from a path."""
    found = _ADDRESS.match(str(given))
    is_known = found is not None and found["scheme"].lower() in _PACKAGES
    return is_known and not Path(given).exists()


def shown_address(address: str | Path) -> str:
    """Return an address without what may be secret: user, password, query and fragment."""
    found = _ADDRESS.match(str(address))
    if found is None:
        return str(address)
    place = re.split(r"[?#]", found["rest"], maxsplit=1)[0]
    host, slash, path = place.partition("/")
    if not found["scheme"].lower().startswith("abfs"):  # there it is CONTAINER@ACCOUNT
        host = host.rpartition("@")[2]
    return f"{found['scheme']}://{host}{slash}{path}"


def file_name(address: str | Path) -> str:
    """Return what the file at an address is called, fit to be the name of a file here."""
    shown = shown_address(address)
    path = unquote(urlsplit(shown).path).rstrip("/")
    name = path.rpartition("/")[2] or urlsplit(shown).netloc
    return _UNSAFE.sub("-", name).lstrip(".-") or "data"


@contextmanager
def opened_remote(address: str | Path) -> Iterator[BinaryIO]:
    """Open the file at an address for reading from its start, once.

    Nothing is sent but the request, with what credentials the person has set up for the service.

    Raises:
        DataError: there is no such file, or it cannot be had.
        UsageError: a package is missing.
    """
    url, shown = _whole(address), shown_address(address)
    scheme = url.partition(":")[0]
    system, path = _system(url, scheme)
    how: dict[str, Any] = {"block_size": 0, "size": 1} if scheme in ("http", "https") else {}
    with _said(shown, url), system.open(path, "rb", **how) as file:
        yield cast(BinaryIO, file)


def write_remote(address: str | Path, content: bytes) -> None:
    """Write a file at an address.

    Raises:
        DataError: it cannot be written.
        UsageError: a package is missing.
    """
    url, shown = _whole(address), shown_address(address)
    check_writable(address)
    system, path = _system(url, url.partition(":")[0])
    with _said(shown, url, "written"):
        system.pipe_file(path, content)


def check_writable(address: str | Path) -> None:
    """Check that files of such addresses can be written at all.

    Raises:
        DataError: they can only be read.
    """
    scheme = _whole(address).partition(":")[0]
    if scheme in _READ_ONLY:
        raise DataError(
            f"{shown_address(address)}: {scheme}:// is only read",
            "name a file here with -o, and upload it yourself",
        )


def _whole(address: str | Path) -> str:
    """Return an address with both slashes, one of which is lost where it was taken for a path."""
    found = _ADDRESS.match(str(address))
    assert found is not None
    return f"{found['scheme'].lower()}://{found['rest']}"


def _system(url: str, scheme: str) -> tuple[Any, str]:
    shown = shown_address(url)
    try:
        import fsspec
    except ImportError as error:
        raise missing_package(
            "fsspec", f"{shown}: {scheme}:// needs", instead="download the file, and name it"
        ) from error
    options: dict[str, Any] = {}
    if scheme in ("http", "https"):
        import aiohttp

        timeout = aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_S, sock_read=_STALL_S)
        # Proxies of the environment are heeded; an address keeps its escapes, which may be signed.
        options = {
            "client_kwargs": {"trust_env": True, "timeout": timeout},
            "encoded": True,
            "skip_instance_cache": True,
        }
    try:
        with _said(shown, url):
            system, path = fsspec.core.url_to_fs(url, **options)
    except ImportError as error:
        package = _PACKAGES[scheme] or "huggingface_hub"
        raise missing_package(
            package,
            f"{shown}: {scheme}:// needs",
            extra="",
            instead="download the file, and name it",
        ) from error
    return system, str(path)


@contextmanager
def _said(shown: str, url: str, done: str = "read") -> Iterator[None]:
    """Word what goes wrong at a distance, where every service has errors of its own.

    The error that was raised may quote the address with all that is secret in it: it is not shown
    as the cause.
    """
    try:
        yield
    except (DataError, ImportError, MemoryError):
        raise
    except (FileNotFoundError, IsADirectoryError):
        problem = DataError(f"{shown}: no such file", "check the address; it may need a sign-in")
    except Exception as error:
        reason = _reason(error, url, shown)
        problem = DataError(
            f"{shown}: cannot be {done}: {reason}",
            "check the address, the network and the permissions; or download the file, and name it",
        )
    else:
        return
    raise problem from None


def _reason(error: Exception, url: str, shown: str) -> str:
    status = getattr(error, "status", None)
    if status is not None:
        return f"the server answers {status} {getattr(error, 'message', '')}".rstrip()
    if isinstance(error, TimeoutError):
        return "no answer in time"
    text = (str(error).splitlines() or [""])[0].replace(url, shown)
    query = re.split(r"[?#]", url, maxsplit=1)[1:]
    for secret in query:
        text = text.replace(secret, "...")
    words = re.sub(r"[?][^\s'\")]*", "", text)[:200]
    return f"{type(error).__name__}: {words}" if words else type(error).__name__
