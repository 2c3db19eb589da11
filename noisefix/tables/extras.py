"""What to say of a package of an extra that is not installed."""

from __future__ import annotations

from noisefix.errors import UsageError


def missing_package(package: str, what: str, *, extra: str = "files", instead: str) -> UsageError:
    """Word the error for a package that is needed and not there.

    Args:
        package: its name.
        what: what needs it, to begin a sentence with, such as "Excel workbooks need".
        extra: the extra of noisefix that brings it; empty: it is installed by itself.
        instead: what to do without it.
    """
    way = f'pip install "noisefix[{extra}]"' if extra else f"pip install {package}"
    return UsageError(
        f"{what} the package {package}, which is not installed", f"{way}, or {instead}"
    )
