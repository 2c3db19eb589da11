"""The rows of a run as a DataFrame or an Arrow table, as they stand now."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from noisefix.run.answers import read_verdicts
from noisefix.run.folder import RunFolder
from noisefix.tables.pandas_frames import need_pandas

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

_SHOWN = ("id", "text", "given_label", "suggested_label", "p_error", "reasons")


def all_rows(run: Path) -> pa.Table:
    """Return the issues table in the order of the input, with answers and decisions weighed in.

    Raises:
        DataError: a table is missing or broken.
    """
    return read_verdicts(RunFolder.open(run, several_labels=True))[0].sort_by("row_number")


def all_rows_frame(run: Path, index: Any) -> pd.DataFrame:
    """Return ``all_rows`` as a DataFrame.

    Args:
        run: the run folder.
        index: (N,) pandas index of the rows; None: they are counted from 0.

    Raises:
        UsageError: pandas is not installed.
        DataError: a table is missing or broken.
    """
    need_pandas()
    frame = all_rows(run).to_pandas()
    if index is not None:
        frame.index = index
    return frame


def issues_frame(run: Path, index: Any) -> pd.DataFrame:
    """Return the flagged rows, most suspicious first; args and errors as ``all_rows_frame``."""
    frame = all_rows_frame(run, index)
    frame = frame[frame["is_issue"]].sort_values("p_error", ascending=False, kind="stable")
    frame["reasons"] = frame["reasons"].map("; ".join)
    return frame.loc[:, list(_SHOWN)]


def datalab_frame(run: Path, index: Any) -> pd.DataFrame:
    """Return all rows as cleanlab's Datalab does; args and errors as ``all_rows_frame``."""
    frame = all_rows_frame(run, index)
    frame["is_label_issue"] = frame["is_issue"]
    frame["label_score"] = 1 - frame["p_error"]
    return frame.loc[:, ["is_label_issue", "label_score", "given_label", "predicted_label"]]
