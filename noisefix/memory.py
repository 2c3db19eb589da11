"""Out of memory: one rule that knows it in the words of every library."""

from __future__ import annotations

_SAYINGS = (
    "out of memory",  # CUDA, MPS
    "not enough memory",  # torch on Windows
    "can't allocate memory",  # torch on a CPU
    "cannot allocate memory",  # the system
    "bad_alloc",  # C++
    "can't start new thread",  # Python, where there is no room for its stack
)


def is_out_of_memory(error: BaseException) -> bool:
    """Say whether memory ran out, a device's or the machine's: less work at once may fit.

    NumPy's and Arrow's errors are MemoryErrors; torch's are RuntimeErrors, told by their words.
    """
    if isinstance(error, MemoryError):
        return True
    if not isinstance(error, (RuntimeError, OSError)):
        return False
    words = str(error).lower()
    return any(saying in words for saying in _SAYINGS)
