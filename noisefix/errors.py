"""The errors a user can meet, and the exit code each one becomes.

A message says what is wrong, where (file, column, row) and the numbers; the hint says what to do
next. Anything that is not a ``NoisefixError`` is a bug and keeps its traceback.
"""

from __future__ import annotations

from noisefix.redaction import redact

EXIT_OK = 0
EXIT_GATE_FAILED = 1
EXIT_USAGE = 2
EXIT_BUG = 70
EXIT_INTERRUPTED = 130


class NoisefixError(Exception):
    """Base of all expected errors.

    Args:
        message: what is wrong, where, and the numbers; what looks like a key is taken out of it.
        hint: what to do next; empty when the message already says it.
    """

    exit_code = EXIT_BUG

    def __init__(self, message: str, hint: str = "") -> None:
        self.message = redact(message)
        self.hint = redact(hint)
        super().__init__(self.message)
        if self.hint:
            self.add_note(f"hint: {self.hint}")  # for who sees a traceback, in Python


class UsageError(NoisefixError):
    """Options that contradict each other, or a value outside its range."""

    exit_code = EXIT_USAGE


class DataError(NoisefixError):
    """Bad data: a missing column, a wrong type, a duplicate id, an unreadable file."""

    exit_code = 3


class ModelError(NoisefixError):
    """A model, encoder or checkpoint cannot be loaded, or does not fit the data."""

    exit_code = 4


class ServiceError(NoisefixError):
    """An LLM service failed, or a budget was reached; what was paid for is kept."""

    exit_code = 5
