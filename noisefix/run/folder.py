"""The run folder: made, opened, and on record with its input and what was done."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from noisefix.common_options import LabelReading
from noisefix.errors import DataError, UsageError
from noisefix.options import Options, described
from noisefix.run.adopt import check_fresh, describe, find_input, foreign_tables
from noisefix.run.default_path import default_run_path as default_run_path
from noisefix.run.files import TABLE_NAMES, RunFiles
from noisefix.run.inputs import RunInput
from noisefix.run.record import (
    about_input,
    nothing_done,
    read_record,
    recorded,
    recorded_reading,
    recorded_rules,
    write_record,
)
from noisefix.tables.addresses import address_error
from noisefix.tables.atomic import write_bytes, write_error
from noisefix.tables.bad_rows import write_bad_rows
from noisefix.tables.label_rules import NO_RULES, LabelRules
from noisefix.tables.label_sets import SetReading
from noisefix.tables.source import Source
from noisefix.version import __version__

if TYPE_CHECKING:
    from noisefix.tables.dataset import Dataset


class RunFolder(RunFiles):
    """One run folder: its files, what was done in it, and the input that it was made from."""

    def __init__(self, path: str | PathLike[str]) -> None:
        super().__init__(path)
        self._named_input: tuple[Path, ...] = ()

    @classmethod
    def open(
        cls,
        path: str | PathLike[str],
        data: str | Path | None = None,
        *,
        fresh: Sequence[str] | None = ("issues",),
        several_labels: bool = False,
    ) -> RunFolder:
        """Open an existing run folder, or a folder of tables, which becomes one.

        A folder without run.json that holds embeddings.parquet or issues.parquet gets one, made of
        what the tables say of themselves. Tables that somebody else made are checked, and listed
        in run.json.

        Args:
            path: the folder.
            data: where its input is, which is looked for otherwise: where it was, and where it
                was as seen from the folder.
            fresh: tables that must have been made from those that lie there now; None: the tables
                are not looked at.
            several_labels: the caller knows what to do where a row has several labels.

        Raises:
            UsageError: a row has several labels, and the caller does not.
            DataError: no folder, no tables in it, or a broken run.json; ``data`` is not the file
                that it was made from; or a table is not what it should be, or belongs to others.
        """
        path = Path(path)
        run = cls(path)
        if not run.path.exists():
            raise address_error(path) or DataError(
                f"{path}: no such run folder", "make it first: noisefix detect DATA -o FOLDER"
            )
        if not run.path.is_dir():
            raise DataError(
                f"{path}: a file, not a run folder",
                f"make a run folder out of it: noisefix detect {path}",
            )
        if not run.run_json.exists():
            run._describe()
        if not several_labels and run.set_reading() is not None:
            raise UsageError(
                f"{path}: its rows have several labels each, and this command knows one label a "
                "row only",
                "noisefix report, review, apply, apply --revert and check take such runs",
            )
        if fresh is not None:
            run._note_foreign_tables()
        run._find_input(data)
        if fresh is not None:
            check_fresh(run, fresh)
        return run

    def _describe(self) -> None:
        content = describe(self.path)
        if content is None:
            raise DataError(
                f"{self.path}: not a run folder (there is no run.json in it, nor any tables)",
                "name the folder that noisefix detect wrote, NAME.noisefix beside the data",
            )
        foreign_tables(self.path)  # what cannot be used is refused before anything is written
        with self.lock("noisefix"):
            write_record(self.run_json, content)

    def _note_foreign_tables(self) -> None:
        found = foreign_tables(self.path)
        if found != self.read().get("outside", {}):
            with self.lock("noisefix"):
                write_record(self.run_json, self.read() | {"outside": found})

    def _find_input(self, data: str | Path | None) -> None:
        known = self.read()["input"]
        if data is not None:
            self._named_input = self.input.checked(data)
        if known and "path" not in known:
            find_input(self, known, data)

    @classmethod
    def create(cls, path: str | Path, source: Source, *, force: bool = False) -> RunFolder:
        """Make the folder for an input, or take the one there if it belongs to the same input.

        What came on standard input, from an address or from a database, or lay in memory, is kept
        in the folder, for it cannot be read again as it was.

        Args:
            path: the folder.
            source: the input.
            force: take over the folder of another input: its tables are removed; its ledger and
                whatever else lies there stay.

        Raises:
            DataError: it belongs to another input and ``force`` is not set; it is a file, or a
                folder of something else; it cannot be written.
        """
        run = cls(path)
        run.make()
        with run.lock("noisefix"):
            is_new = not run.run_json.exists()
            if not is_new and force:
                run._take_over(source)
            elif not is_new:
                run.input.check_same(source)
            if source.path is None and source.content is not None:
                copy = run.copy_of(source.format, source.address)
                write_bytes(copy, source.content)
            if is_new:
                write_record(run.run_json, nothing_done())
        return run

    def read(self) -> dict[str, Any]:
        """Return run.json.

        Returns:
            ``noisefix_version``; ``input``: name, path (absolute; None for standard input),
            path_from_here (as seen from the run folder), sha256, rows, format, columns {text,
            label, id}, dialect, missing_labels, label_map and merged_classes (where they were
            named), bad_rows ("stop" or "skip"), inside (the file in a zip file, the sheet that is
            meant), address (as it may be shown, where it came from elsewhere), parts (of several
            files, name, path, sha256 and rows of each); ``stages``: by name, parameters, seed,
            inputs and outputs (SHA-256 by name), seconds, finished_at (UTC, ISO 8601);
            ``outside``, where somebody else made tables: by name, file, sha256 and rows. Of a
            folder that was made a run folder from its tables, the input has no path until it is
            found, and the stages have no times.

        Raises:
            DataError: it is missing or broken.
        """
        return read_record(self.run_json)

    def set_input(
        self,
        source: Source,
        *,
        text_column: str | None,
        label_column: str | None,
        id_column: str | None,
        rules: LabelRules = NO_RULES,
        sets: SetReading | None = None,
    ) -> None:
        """Record the input, the columns chosen, and how its labels are read."""
        about = about_input(
            source,
            self.path,
            columns={"text": text_column, "label": label_column, "id": id_column},
            rules=rules,
            sets=sets,
        )
        write_bad_rows(source.bad, self.bad_rows_list)
        with self.lock("noisefix"):
            write_record(
                self.run_json, self.read() | {"noisefix_version": __version__, "input": about}
            )

    def record_stage(
        self,
        name: str,
        *,
        parameters: Mapping[str, Any],
        seed: int | None,
        inputs: Mapping[str, str],
        outputs: Mapping[str, str],
        seconds: float,
        neighbor_recall: float | None = None,
    ) -> None:
        """Record a finished stage; ``finished_at`` is now.

        Args:
            name: the stage.
            parameters: its options, as JSON values.
            seed: its seed.
            inputs: SHA-256 of each input, by name.
            outputs: file name of each output, by name.
            seconds: wall time.
            neighbor_recall: share of the nearest rows that it has found, where not all were
                compared.
        """
        about: dict[str, Any] = {
            "parameters": dict(parameters),
            "seed": seed,
            "inputs": dict(inputs),
            "outputs": dict(outputs),
            "seconds": round(seconds, 3),
            "finished_at": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        if neighbor_recall is not None:
            about["neighbor_recall"] = neighbor_recall
        with self.lock("noisefix"):
            content = self.read()
            content["stages"][name] = about
            content["outside"] = {
                table: known
                for table, known in content.get("outside", {}).items()
                if table not in outputs
            }
            write_record(self.run_json, content)

    @property
    def input(self) -> RunInput:
        """The input as it is recorded: where its files are, and whether they are as they were."""
        return RunInput(self, self.read()["input"], self._named_input)

    def input_state(self) -> str:
        """Say what became of the input since: "same", "changed" or "vanished"."""
        if self.input.unchanged() is not None:
            return "same"
        return "changed" if any(self.known_inputs()) else "vanished"

    def known_inputs(self) -> Iterator[Path]:
        """Yield where the input is, changed or not: all places that it may be in, if it is."""
        with suppress(DataError):
            yield from self.input.present()

    def load(self, source: Source) -> Dataset:
        """Return the rows of the input, or of a file written from it, by the input's columns.

        Raises:
            DataError: as ``load_dataset``.
        """
        from noisefix.tables.dataset import load_dataset

        columns = self.read()["input"]["columns"]
        names = {f"{kind}_column": columns[kind] for kind in ("text", "label", "id")}
        has_text = columns["text"] is not None
        return load_dataset(
            source,
            needs_labels=False,
            needs_text=has_text,
            rules=self.label_rules(),
            sets=self.set_reading(),
            **names,
        )

    def set_reading(self) -> SetReading | None:
        """Return how several labels a row are written in the input; None: a row has one."""
        return recorded_reading(self.read()["input"])

    def label_rules(self) -> LabelRules:
        """Return how the labels of the input were read, for other columns and tables."""
        return recorded_rules(self.read()["input"])

    def reading(self) -> dict[str, Any]:
        """Return how tables like the input are read, for a model to remember.

        Returns:
            text_column, and missing_labels, label_map and merged_classes where they were named.
        """
        text = self.read()["input"]["columns"]["text"]
        about = {} if text is None else {"text_column": text}
        return about | recorded(self.label_rules())

    @property
    def bad_rows(self) -> str:
        """What was done with rows of the input that cannot be read: "stop" or "skip"."""
        return str(self.read()["input"].get("bad_rows", "stop"))

    def _take_over(self, source: Source) -> None:
        try:
            self.input.check_same(source)
        except DataError:
            try:
                for name in TABLE_NAMES:
                    (self.path / name).unlink(missing_ok=True)
            except OSError as error:
                raise write_error(error, self.path) from error
            write_record(self.run_json, nothing_done())


def refuse_label_reading(run: Path, options: Options, kind: type[Options] = LabelReading) -> None:
    """Refuse options of how labels are read where they have been read before.

    Args:
        run: the run folder.
        options: what was chosen.
        kind: which of the options are about reading labels.

    Raises:
        UsageError: one is given.
    """
    for name, (_, option) in described(kind).items():
        if getattr(options, name) not in (None, False):
            raise UsageError(
                f"{option.flag}: the labels of {run} were read when it was made",
                "give the option to noisefix detect",
            )
