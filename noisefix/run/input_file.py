"""Where the input of a run folder is now, and whether it is still what the run was made from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from noisefix.errors import DataError
from noisefix.run.record import START_AGAIN, RecordedInput, input_places
from noisefix.tables.atomic import sha256_file
from noisefix.tables.source import Source


@dataclass(frozen=True)
class InputFile:
    """The input of a run folder.

    Attributes:
        folder: the run folder.
        known: what run.json says of the input; empty: nothing.
        copy: the input, where it came by no file.
        named: where somebody says that it is; None: nobody does.
    """

    folder: Path
    known: RecordedInput
    copy: Path
    named: Path | None = None

    def places(self) -> Iterator[Path]:
        """Yield where the input is, changed or not: all places that it may be in, if it is."""
        places = [] if self.named is None else [self.named]
        if self.known:
            is_kept = self.known.get("path", "") is None
            places += [self.copy] if is_kept else input_places(self.folder, self.known)
        yield from (path for path in places if path.is_file())

    def unchanged(self) -> Path | None:
        """Return the path of the input as it was; None: it vanished or changed."""
        sha256 = self.known.get("sha256")
        return next((path for path in self.places() if sha256_file(path) == sha256), None)

    def state(self) -> str:
        """Say what became of the input since: "same", "changed" or "vanished"."""
        if self.unchanged() is not None:
            return "same"
        return "changed" if any(self.places()) else "vanished"

    def path(self) -> Path:
        """Return the path of the input, which is as it was.

        Raises:
            DataError: it vanished or changed, or none was ever recorded.
        """
        if not self.known:
            raise DataError(f"{self.folder / 'run.json'}: no input is recorded", START_AGAIN)
        found = self.unchanged()
        if found is not None:
            return found
        changed = next(self.places(), None)
        if changed is None and "path" not in self.known:
            raise self.known.not_found()
        if changed is None:
            path = self.copy if self.known.get("path") is None else self.known["path"]
            raise DataError(
                f"{path}: the input of {self.folder} is no longer there",
                "put it back, or name its new place with --data",
            )
        raise DataError(
            f"{changed}: changed since {self.folder} was made from it",
            f"run noisefix detect {changed} again (with --force, or another -o)",
        )

    def check_same(self, source: Source) -> None:
        """Check that a file is this input, as it was.

        Raises:
            DataError: it is another one, or another state of the same file.
        """
        if not self.known or self.known.get("sha256") == source.sha256:
            return
        path = None if source.path is None else str(source.path.absolute())
        if path is not None and self.known.get("path") == path:
            what = f"made from {source.name} before that file changed"
        else:
            what = (
                f"made from another input ({self.known.get('name')}, {self.known.get('rows')} rows)"
            )
        raise DataError(
            f"{self.folder}: this run folder was {what}",
            "choose another folder with -o, or pass --force to replace its tables",
        )
