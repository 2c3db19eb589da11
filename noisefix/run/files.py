"""The files of a run folder: their names, and who may write there."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from os import PathLike
from pathlib import Path

from noisefix.errors import DataError
from noisefix.run.adopt import TABLES
from noisefix.tables.atomic import write_error
from noisefix.tables.leftovers import remove_leftovers
from noisefix.tables.lock import hold
from noisefix.tables.source import MEMORY_FORMAT

_LOCK, _LEDGER_LOCK = _LOCKS = (".run.lock", ".ledger.lock")
_PATIENCE_S = 5.0
"""A stage may take hours: who else writes is told soon."""

_LEDGER_PATIENCE_S = 60.0
"""An entry takes a moment, even where many wait for their turn."""

TABLE_NAMES = tuple(
    f"{name}.parquet" for name in (*TABLES, "label_issues", "against", "across", "matches")
)
"""The tables that belong to one state of one input; the ledger outlives it."""


class _File:
    """A file of the run folder, as an attribute that gives its path."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, run: RunFiles, owner: type[RunFiles]) -> Path:
        return run.path / self.name


class RunFiles:
    """The files of one run folder, which need not exist.

    Attributes:
        path: the folder.
        run_json: what was done, out of what, with which options.
        stdin_copy: the input, where it came on standard input.
        remote_copy: the input, where it came from an address or a database.
        memory_copy: the input, where it was a table in memory.
        embeddings, label_names, issues, label_issues, joint, classes, pairs, duplicates, deciding,
            annotators, annotations, candidates, relabels, rewrites, contrast_pairs: the tables.
        against: the embeddings of the file that this one was compared with.
        across: what both files have in common.
        matches: how well two texts of each row go together.
        ledger: every change that ``apply`` made.
        decisions: what people have decided, see ``noisefix.run.decisions``.
        audit: the sample that a person marks, see ``noisefix.auditing``.
        bad_rows_list: the rows of the input that could not be read and were left out.
    """

    run_json = _File("run.json")
    stdin_copy = _File("stdin.csv")
    remote_copy = _File("input.copy")
    memory_copy = _File("input.parquet")
    embeddings = _File("embeddings.parquet")
    label_names = _File("label_names.parquet")
    issues = _File("issues.parquet")
    label_issues = _File("label_issues.parquet")
    joint = _File("joint.parquet")
    classes = _File("classes.parquet")
    pairs = _File("pairs.parquet")
    duplicates = _File("duplicates.parquet")
    deciding = _File("deciding.parquet")
    annotators = _File("annotators.parquet")
    annotations = _File("annotations.parquet")
    candidates = _File("candidates.parquet")
    against = _File("against.parquet")
    across = _File("across.parquet")
    matches = _File("matches.parquet")
    relabels = _File("relabels.parquet")
    rewrites = _File("rewrites.parquet")
    contrast_pairs = _File("contrast_pairs.parquet")
    ledger = _File("ledger.parquet")
    decisions = _File("decisions.jsonl")
    audit = _File("audit.json")
    bad_rows_list = _File("bad_rows.jsonl")

    def __init__(self, path: str | PathLike[str]) -> None:
        self.path = Path(path)

    def lock(self, holder: str) -> AbstractContextManager[None]:
        """Return a context in which nobody else writes the tables and run.json.

        Args:
            holder: the command, for the message that others get.

        Raises:
            DataError: on entering it: another process or thread is writing; the message says which.
        """
        return hold(self.path / _LOCK, holder, wait_s=_PATIENCE_S)

    def ledger_lock(self, holder: str) -> AbstractContextManager[None]:
        """Return a context in which nobody else adds to the ledger; for a moment only.

        Args and errors as for ``lock``.
        """
        return hold(self.path / _LEDGER_LOCK, holder, wait_s=_LEDGER_PATIENCE_S)

    def make(self) -> None:
        """Make the folder, which may be there already if it is a run folder or empty.

        Raises:
            DataError: it is a file, or a folder of something else; it cannot be written.
        """
        remove_leftovers(self.path)
        if not self.run_json.exists():
            self._make_folder()

    def _make_folder(self) -> None:
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            is_empty = all(file.name in _LOCKS for file in self.path.iterdir())
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

    def copy_of(self, kind: str | None, address: str | None) -> Path:
        """Return where an input is kept that came by no file.

        Args:
            kind: its format.
            address: where it comes from; None: it came on standard input, or lay in memory.
        """
        if address is not None:
            return self.remote_copy
        return self.memory_copy if kind == MEMORY_FORMAT else self.stdin_copy


def is_run_folder(path: str | Path) -> bool:
    """Tell a run folder, or a folder of the tables of one, from a folder of data."""
    run = RunFiles(path)
    return any(file.is_file() for file in (run.run_json, run.embeddings, run.issues))


def lock_if_run(folder: Path, holder: str) -> AbstractContextManager[None]:
    """Return ``RunFiles.lock`` of a folder; of one that is no run folder, a context of no effect.

    Args and errors as for ``RunFiles.lock``.
    """
    run = RunFiles(folder)
    return run.lock(holder) if run.run_json.exists() else nullcontext()


RESERVED_NAMES = frozenset(
    {
        *(file.name for file in vars(RunFiles).values() if isinstance(file, _File)),
        *(f"annotations.{ending}" for ending in ("sqlite", "sqlite-wal", "sqlite-shm", "lock")),
        *_LOCKS,
    }
)
"""What a run folder holds: no other command may write there under one of these names."""
