"""Where the input of a run folder is now, and whether it is what it was."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from noisefix.errors import DataError
from noisefix.run.record import START_AGAIN, RecordedInput, has_same_origin, input_places
from noisefix.tables.atomic import sha256_file
from noisefix.tables.places import split_inside, with_inside
from noisefix.tables.several import Part, digest_of, files_of
from noisefix.tables.source import Source, read_copy, read_parts, read_source

if TYPE_CHECKING:
    from noisefix.run.folder import RunFolder


@dataclass(frozen=True)
class RunInput:
    """The input of a run folder.

    Attributes:
        run: the folder.
        known: what run.json says of the input.
        named: the files that a person has named instead.
    """

    run: RunFolder
    known: RecordedInput
    named: tuple[Path, ...] = ()

    def checked(self, data: str | Path) -> tuple[Path, ...]:
        """Return the files of what a person says to be the input.

        Raises:
            DataError: it is another one.
        """
        digest = digest_of(data)
        if not self.known or self.known.get("sha256", digest) != digest:
            raise DataError(
                f"{data}: is not the input that {self.run.path} was made from "
                f"({self.known.get('name')}, {self.known.get('rows')} rows)",
                "name that very file, or run noisefix detect on this one",
            )
        parts = files_of(data)
        files = [split_inside(data)[0]] if parts is None else [part.path for part in parts]
        return tuple(Path(file) for file in files)

    def places(self) -> list[tuple[str | None, list[Path]]]:
        """Return of every file its digest, and where it may be."""
        if not self.known:
            return [(None, [path]) for path in self.named]
        parts = self.known.get("parts") or [self.known]
        named = self.named or [None] * len(parts)
        found = []
        for file, part in zip(named, parts, strict=True):
            places = [] if file is None else [file]
            if part.get("path", "") is None:
                known = self.known
                places.append(self.run.copy_of(known.get("format"), known.get("address")))
            else:
                places += input_places(self.run.path, part)
            found.append((part.get("sha256"), places))
        return found

    def present(self) -> Iterator[Path]:
        """Yield where the files are, changed or not: all places that they may be in."""
        yield from (path for _, paths in self.places() for path in paths if path.is_file())

    def unchanged(self) -> tuple[Path, ...] | None:
        """Return the files as they were; None where one is not to be found, or none is recorded."""
        files = []
        for digest, places in self.places():
            same = (path for path in places if path.is_file() and sha256_file(path) == digest)
            found = next(same, None)
            if found is None:
                return None
            files.append(found)
        return tuple(files) or None

    def files(self) -> tuple[Path, ...]:
        """Return the files as they were.

        Raises:
            DataError: one vanished or changed, or none was ever recorded.
        """
        run = self.run
        if not self.known:
            raise DataError(f"{run.run_json}: no input is recorded", START_AGAIN)
        found = self.unchanged()
        if found is not None:
            return found
        if not any(self.present()) and "path" not in self.known:
            raise self.known.not_found()
        for digest, places in self.places():
            present = [path for path in places if path.is_file()]
            if not present:
                raise DataError(
                    f"{places[0]}: the input of {run.path} is no longer there",
                    "put it back, or name its new place with --data",
                )
            if all(sha256_file(path) != digest for path in present):
                raise DataError(
                    f"{present[0]}: changed since {run.path} was made from it",
                    f"run noisefix detect {present[0]} again (with --force, or another -o)",
                )
        raise DataError(f"{run.path}: the input changes while it is read", "try again")

    def check_same(self, source: Source) -> None:
        """Check that a file is this input, as it was.

        Raises:
            DataError: it is another one, or another state of the same file.
        """
        if not self.known or self.known.get("sha256") == source.sha256:
            return
        if has_same_origin(source, self.known):
            what = f"made from {source.name} before that file changed"
        else:
            about = f"{self.known.get('name')}, {self.known.get('rows')} rows"
            what = f"made from another input ({about})"
        raise DataError(
            f"{self.run.path}: this run folder was {what}",
            "choose another folder with -o, or pass --force to replace its tables",
        )

    def source(self) -> Source:
        """Read the input as it was read when the folder was made.

        Raises:
            DataError: as ``files`` and ``read_source``.
        """
        files, known = self.files(), self.known
        bad_rows = str(known.get("bad_rows", "stop"))
        if known.get("address") is not None:
            return read_copy(files[0], known)
        if known.get("parts"):
            names = [str(part["name"]) for part in known["parts"]]
            parts = [Part(path, name) for path, name in zip(files, names, strict=True)]
            return read_parts(parts, known["name"], bad_rows=bad_rows)
        return read_source(with_inside(files[0], known.get("inside", ())), bad_rows=bad_rows)
