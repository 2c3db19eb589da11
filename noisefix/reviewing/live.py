"""Everything judged anew in the background, while people decide."""

from __future__ import annotations

import time
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

from noisefix.reporting.data import verdict_columns
from noisefix.reporting.sections import overview
from noisefix.reviewing.again import again

if TYPE_CHECKING:
    from noisefix.reviewing.board import Board
    from noisefix.run.folder import RunFolder

BATCH = 10
IDLE_S = 3.0


class Live:
    """Judges a run anew after each batch of decisions: ten, or fewer and a pause.

    Args:
        folder: the run folder; its tables are not written.
        board: what people decide.

    Raises:
        UsageError: the run cannot be judged as it was, see ``again``.
        DataError: a table cannot be read.
    """

    def __init__(self, folder: RunFolder, board: Board) -> None:
        self._again = again(folder)
        self._board = board
        self._stopped = Event()
        self._thread = Thread(target=self._work, daemon=True, name="judging")
        self.judged = 0
        self.now: dict[str, Any] = {}
        self.fault: Exception | None = None

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End, after what is being done now."""
        self._stopped.set()
        with self._board.changed:
            self._board.changed.notify_all()
        self._thread.join()

    def _work(self) -> None:
        done = len(self._board.log())
        try:
            self._again.look()
            while self._waits_for_more_than(done):
                said = self._board.log()
                found = self._again.judge(said)
                self.now = {
                    **verdict_columns(found),
                    **overview(found),
                    "judged": self.judged + 1,
                }
                self.judged, done = self.judged + 1, len(said)
        except Exception as error:  # said at the end; what people decide is safe without it
            self.fault = error

    def _waits_for_more_than(self, done: int) -> bool:
        """Return once a batch is there: True; False when it is time to end."""
        last, since = done, time.monotonic()
        while not self._stopped.is_set():
            lines = len(self._board.log())
            if lines != last:
                last, since = lines, time.monotonic()
            if lines - done >= BATCH or (lines > done and time.monotonic() - since >= IDLE_S):
                return True
            with self._board.changed:
                self._board.changed.wait(0.5)
        return False
