"""The run folder: where the tables of one input lie, and ``run.json`` that says what was done."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import noisefix
from noisefix.documents import misfit, parse_json
from noisefix.errors import DataError
from noisefix.tables.atomic import (
    read_bytes,
    remove_leftovers,
    sha256_file,
    write_bytes,
    write_error,
)
from noisefix.tables.source import Source

_STDIN_FOLDER = "stdin.noisefix"
_TABLES = (
    "embeddings",
    "label_names",
    "issues",
    "joint",
    "classes",
    "pairs",
    "duplicates",
    "candidates",
    "relabels",
)


def default_run_path(data_path: str | Path) -> Path:
    """Return ``NAME.noisefix`` beside the input; for "-" (standard input) ``stdin.noisefix``.

    NAME is the file's name without its endings for format and compression.
    """
    if str(data_path) == "-":
        return Path(_STDIN_FOLDER)
    path = Path(data_path)
    name = path.name[:-3] if path.name.lower().endswith(".gz") else path.name
    stem = Path(name).stem or name
    return path.with_name(f"{stem}.noisefix")


@dataclass(frozen=True)
class _Input:
    """What run.json says of the input."""

    name: str
    path: str | None
    sha256: str
    rows: int
    format: str
    columns: dict[str, str | None]
    dialect: dict[str, Any] | None


@dataclass(frozen=True)
class _Stage:
    """What run.json says of a stage."""

    parameters: dict[str, Any]
    seed: int | None
    inputs: dict[str, str]
    outputs: dict[str, str]
    seconds: float
    finished_at: str


class _Recorded(dict[str, Any]):
    """The input in run.json; what is asked for and was never recorded is bad data."""

    def __init__(self, content: Mapping[str, Any], path: Path) -> None:
        super().__init__(content)
        self._path = path

    def __missing__(self, key: str) -> Any:
        raise DataError(f"{self._path}: the input's {key} is not recorded", _START_AGAIN)


class _File:
    """A file of the run folder, as an attribute that gives its path."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, run: RunFolder, owner: type[RunFolder]) -> Path:
        return run.path / self.name


class RunFolder:
    """One run folder.

    Attributes:
        path: the folder.
        run_json: what was done, out of what, with which options.
        stdin_copy: the input, where it came on standard input.
        embeddings, label_names, issues, joint, classes, pairs, duplicates, candidates, relabels:
            the tables.
        ledger: every change that ``apply`` made.
    """

    run_json = _File("run.json")
    stdin_copy = _File("stdin.csv")
    embeddings = _File("embeddings.parquet")
    label_names = _File("label_names.parquet")
    issues = _File("issues.parquet")
    joint = _File("joint.parquet")
    classes = _File("classes.parquet")
    pairs = _File("pairs.parquet")
    duplicates = _File("duplicates.parquet")
    candidates = _File("candidates.parquet")
    relabels = _File("relabels.parquet")
    ledger = _File("ledger.parquet")

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    @classmethod
    def open(cls, path: str | Path) -> RunFolder:
        """Open an existing run folder.

        Raises:
            DataError: no folder, no run folder, or a broken run.json.
        """
        run = cls(path)
        if not run.path.exists():
            raise DataError(
                f"{path}: no such run folder", "make it first: noisefix detect DATA -o FOLDER"
            )
        if not run.path.is_dir():
            raise DataError(
                f"{path}: a file, not a run folder",
                f"make a run folder out of it: noisefix detect {path}",
            )
        if not run.run_json.exists():
            raise DataError(
                f"{path}: not a run folder (there is no run.json in it)",
                "name the folder that noisefix detect wrote, NAME.noisefix beside the data",
            )
        run.read()
        return run

    @classmethod
    def create(cls, path: str | Path, source: Source, *, force: bool = False) -> RunFolder:
        """Make the folder for an input, or take the one there if it belongs to the same input.

        What came on standard input is kept in the folder, for it cannot be read again.

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
        remove_leftovers(run.path)
        is_new = not run.run_json.exists()
        if is_new:
            run._make_folder()
        elif force:
            run._take_over(source)
        else:
            run.check_input(source)
        if source.path is None and source.content is not None:
            write_bytes(run.stdin_copy, source.content)
        if is_new:
            run._write({"noisefix_version": noisefix.__version__, "input": {}, "stages": {}})
        return run

    def read(self) -> dict[str, Any]:
        """Return run.json.

        Returns:
            ``noisefix_version``; ``input``: name, path (absolute; None for standard input), sha256,
            rows, format, columns {text, label, id}, dialect; ``stages``: by name, parameters, seed,
            inputs and outputs (SHA-256 by name), seconds, finished_at (UTC, ISO 8601).

        Raises:
            DataError: it is missing or broken.
        """
        data = read_bytes(self.run_json)
        try:
            content = parse_json(data)
        except ValueError as error:
            raise DataError(f"{self.run_json}: not valid JSON: {error}", _START_AGAIN) from error
        sections = ("input", "stages")
        if not isinstance(content, dict) or not all(
            isinstance(content.get(section), dict) for section in sections
        ):
            raise DataError(f"{self.run_json}: 'input' or 'stages' is missing", _START_AGAIN)
        wrong = misfit(_Input, content["input"])
        for stage, record in content["stages"].items():
            is_table = isinstance(record, dict)
            wrong = wrong or (misfit(_Stage, record) if is_table else f"{stage} is not a table")
        if wrong is not None:
            raise DataError(f"{self.run_json}: {wrong}", _START_AGAIN)
        content["input"] = _Recorded(content["input"], self.run_json)
        return content

    def set_input(
        self,
        source: Source,
        *,
        text_column: str,
        label_column: str | None,
        id_column: str | None,
    ) -> None:
        """Record the input and the columns chosen."""
        content = self.read()
        content["noisefix_version"] = noisefix.__version__
        content["input"] = {
            "name": source.name,
            "path": None if source.path is None else str(source.path.absolute()),
            "sha256": source.sha256,
            "rows": len(source),
            "format": source.format,
            "columns": {"text": text_column, "label": label_column, "id": id_column},
            "dialect": None if source.dialect is None else asdict(source.dialect),
        }
        self._write(content)

    def record_stage(
        self,
        name: str,
        *,
        parameters: Mapping[str, Any],
        seed: int | None,
        inputs: Mapping[str, str],
        outputs: Mapping[str, str],
        seconds: float,
    ) -> None:
        """Record a finished stage; ``finished_at`` is now.

        Args:
            name: the stage.
            parameters: its options, as JSON values.
            seed: its seed.
            inputs: SHA-256 of each input, by name.
            outputs: file name of each output, by name.
            seconds: wall time.
        """
        content = self.read()
        content["stages"][name] = {
            "parameters": dict(parameters),
            "seed": seed,
            "inputs": dict(inputs),
            "outputs": dict(outputs),
            "seconds": round(seconds, 3),
            "finished_at": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        self._write(content)

    def check_input(self, source: Source) -> None:
        """Check that this folder belongs to an input.

        Raises:
            DataError: it belongs to another one, or to another state of the same file.
        """
        known = self.read()["input"]
        if not known or known.get("sha256") == source.sha256:
            return
        path = None if source.path is None else str(source.path.absolute())
        if path is not None and known.get("path") == path:
            what = f"made from {source.name} before that file changed"
        else:
            what = f"made from another input ({known.get('name')}, {known.get('rows')} rows)"
        raise DataError(
            f"{self.path}: this run folder was {what}",
            "choose another folder with -o, or pass --force to replace its tables",
        )

    def input_state(self) -> str:
        """Say what became of the input since: "same", "changed" or "vanished"."""
        known = self.read()["input"]
        path = self._known_path(known)
        if path is None or not path.is_file():
            return "vanished"
        return "same" if sha256_file(path) == known.get("sha256") else "changed"

    def input_path(self) -> Path:
        """Return the path of the input, which is as it was.

        Raises:
            DataError: it vanished or changed, or none was ever recorded.
        """
        known = self.read()["input"]
        path = self._known_path(known)
        if path is None:
            raise DataError(f"{self.run_json}: no input is recorded", _START_AGAIN)
        state = self.input_state()
        if state == "vanished":
            raise DataError(
                f"{path}: the input of {self.path} is no longer there",
                "put it back, or run noisefix detect on its new place",
            )
        if state == "changed":
            raise DataError(
                f"{path}: changed since {self.path} was made from it",
                f"run noisefix detect {path} again (with --force, or another -o)",
            )
        return path

    def _known_path(self, known: Mapping[str, Any]) -> Path | None:
        if not known:
            return None
        return self.stdin_copy if known.get("path") is None else Path(known["path"])

    def _make_folder(self) -> None:
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            is_empty = not any(self.path.iterdir())
        except FileExistsError:
            raise DataError(
                f"{self.path}: a file is in the way of the run folder",
                "choose another folder with -o",
            ) from None
        except OSError as error:
            raise write_error(error, self.path) from error
        if not is_empty:
            raise DataError(
                f"{self.path}: the folder is not empty, and not a run folder",
                "choose a new or an empty folder with -o",
            )

    def _take_over(self, source: Source) -> None:
        try:
            self.check_input(source)
        except DataError:
            try:
                for name in _TABLES:
                    (self.path / f"{name}.parquet").unlink(missing_ok=True)
            except OSError as error:
                raise write_error(error, self.path) from error
            self._write({"noisefix_version": noisefix.__version__, "input": {}, "stages": {}})

    def _write(self, content: dict[str, Any]) -> None:
        text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
        write_bytes(self.run_json, text.encode())


_START_AGAIN = "run noisefix detect again with --force, or choose another folder with -o"
