"""What a person said of a row, as it was read from a file of whatever tool."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True)
class Said:
    """One person's answer to one row, not yet held against the run.

    Attributes:
        id: the row's id, as it stands in the file.
        decision: a class, keep, drop, reject, not CLASS, unsure, or nothing.
        where: in the file, for messages: "row 3", "task 12".
        who: the person; empty where the file does not say.
        when: ISO 8601 in UTC; empty where the file does not say.
    """

    id: str
    decision: str
    where: str
    who: str = ""
    when: str = ""


def utc_time(said: object) -> str:
    """Return a time of another tool as ours are written, to the millisecond; "": it is none.

    A time that does not name its zone is one of UTC.
    """
    if not isinstance(said, str):
        return ""
    try:
        time = datetime.fromisoformat(said)
        time = time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        return ""
    return time.isoformat(timespec="milliseconds")
