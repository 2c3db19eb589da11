"""What is shown of an error that nobody expected: where it was, not what the data said there."""

from __future__ import annotations

import re
import traceback

_LONGEST_MESSAGE = 200
_QUOTED = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"", re.DOTALL)
_NAME = re.compile(r"['\"][A-Za-z_][\w.]{0,60}['\"]")
# What these quote are names of the program; what others quote may be a cell of the data.
_ABOUT_THE_PROGRAM = (AttributeError, NameError, ImportError, TypeError)


def bug_report(error: BaseException) -> str:
    """Return a traceback for whoever mends the bug, without texts of the data.

    It has every frame of every error in the chain, but of the messages only the first line, cut,
    and without what stands in quotes: there, Python and its libraries put the value at fault.
    """
    return "\n".join(_lines(error, set()))


def _lines(error: BaseException, seen: set[int]) -> list[str]:
    if id(error) in seen:
        return []
    seen.add(id(error))
    lines = []
    earlier = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if earlier is not None:
        lines += [*_lines(earlier, seen), "", "which led to:", ""]
    lines.append("Traceback (most recent call last):")
    lines += "".join(traceback.format_tb(error.__traceback__)).splitlines()
    lines.append(f"{type(error).__qualname__}: {_message(error)}".rstrip(": "))
    if isinstance(error, BaseExceptionGroup):
        for one in error.exceptions:
            lines += ["", "in it:", "", *_lines(one, seen)]
    return lines


def _message(error: BaseException) -> str:
    first, _, rest = str(error).partition("\n")
    shown = _QUOTED.sub(lambda hit: _quoted(hit[0], error), first)
    is_cut = bool(rest) or len(shown) > _LONGEST_MESSAGE
    return shown[:_LONGEST_MESSAGE] + ("…" if is_cut else "")


def _quoted(text: str, error: BaseException) -> str:
    is_name = isinstance(error, _ABOUT_THE_PROGRAM) and _NAME.fullmatch(text)
    return text if is_name else f"{text[0]}… {len(text) - 2} characters{text[-1]}"
