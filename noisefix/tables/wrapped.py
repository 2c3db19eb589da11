"""A file, or the one that is meant of those in a zip file."""

from __future__ import annotations

from dataclasses import dataclass

from noisefix.errors import DataError
from noisefix.tables.compression import packing_of
from noisefix.tables.places import INSIDE
from noisefix.tables.raw_file import unpacked
from noisefix.tables.zip_file import ENDING, is_workbook, is_zip, unzip


@dataclass(frozen=True)
class Plain:
    """A file that is no zip file.

    Attributes:
        data: its bytes.
        name: what it is called, for messages and for its ending.
        inside: what of it is meant.
        member: its name in the zip file that it is from; None: from none.
    """

    data: bytes
    name: str
    inside: tuple[str, ...] = ()
    member: str | None = None

    def sheet(self, kind: str) -> str | None:
        """Return the sheet that is meant.

        Args:
            kind: the format of the file.

        Raises:
            DataError: something inside is meant where there is nothing inside.
        """
        if not self.inside:
            return None
        if kind != "xlsx" or len(self.inside) > 1:
            raise DataError(
                f"{self.name}{INSIDE}{INSIDE.join(self.inside)}: only zip files have files inside, "
                "and workbooks have sheets",
                f"name the file alone: {self.name}",
            )
        return self.inside[0]


def holds_files(start: bytes, name: str) -> bool:
    """Tell by its beginning, or its name, whether a file is a zip file of others."""
    is_called_so = name.lower().endswith(ENDING) and bool(start) and not is_workbook(start)
    return is_zip(start) or (is_called_so and packing_of(start) is None)


def unwrapped(raw: bytes, name: str, inside: tuple[str, ...] = ()) -> Plain:
    """Return the file itself: it, or the one that is meant in a zip file.

    Args:
        raw: the file.
        name: its name.
        inside: what of it is meant.

    Raises:
        DataError: a damaged zip file, or one without the file that is meant.
    """
    if not holds_files(raw[:4096], name):
        return Plain(raw, name, inside)
    member, data = unzip(raw, name, inside[0] if inside else None)
    return Plain(data, f"{name}{INSIDE}{member}", inside[1:], member)


def plain_bytes(raw: bytes, name: str, inside: tuple[str, ...] = ()) -> bytes:
    """Return the bytes of a table: neither in a zip file nor packed otherwise.

    Raises:
        DataError: a file that is damaged, or holds too much.
    """
    plain = unwrapped(raw, name, inside)
    packing = packing_of(plain.data)
    if packing is None:
        return plain.data
    return b"".join(unpacked([plain.data], name, packing, len(plain.data)))
