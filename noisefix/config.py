"""``noisefix.toml``: options written down once instead of typed every time.

Keys at the top hold for every command that has such an option; a table named after a command holds
for it alone and wins. What is typed on the command line wins over both::

    text_column = "message"
    label_column = "topic"

    [check]
    max_noise_rate = 0.05
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from noisefix.documents import parse_toml
from noisefix.errors import UsageError


def read_config(path: Path) -> dict[str, Any]:
    """Read a TOML file.

    Raises:
        UsageError: it cannot be read, or is not TOML.
    """
    try:
        return parse_toml(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise UsageError(
            f"{path}: cannot read the configuration: {error.strerror}",
            "check the path given to --config",
        ) from error
    except ValueError as error:
        raise UsageError(
            f"{path}: not valid TOML: {error}", 'text needs quotes: text_column = "message"'
        ) from error


def command_options(
    config: Mapping[str, Any],
    command: str,
    options: Mapping[str, Collection[str]],
    *,
    origin: str,
) -> dict[str, Any]:
    """Pick what a configuration says to one command.

    Args:
        config: as read from the file.
        command: the command about to run.
        options: for every command the names of its options, with underscores.
        origin: the file, for messages.

    Returns:
        Values by option name.

    Raises:
        UsageError: a key that no command knows, a table for no command, or a value of a kind that
            no option takes.
    """
    everywhere, own = {}, {}
    for key, value in config.items():
        name = _option_name(key)
        if isinstance(value, dict):
            if key not in options:
                raise _unknown(origin, f"[{key}] names no command", key, options)
            checked = {_option_name(k): _check_value(origin, k, v) for k, v in value.items()}
            for option in checked:
                if option not in options[key]:
                    raise _unknown(
                        origin, f"[{key}] has no option {option!r}", option, options[key]
                    )
            if key == command:
                own = checked
        elif not any(name in names for names in options.values()):
            every_name = {n for names in options.values() for n in names}
            raise _unknown(origin, f"no command has an option {name!r}", name, every_name)
        elif name in options[command]:
            everywhere[name] = _check_value(origin, key, value)
    return {**everywhere, **own}


def _option_name(key: str) -> str:
    return key.replace("-", "_")


def _check_value(origin: str, key: str, value: Any) -> Any:
    if isinstance(value, (str, bool, int, float)):
        return value
    raise UsageError(
        f"{origin}: {key} must be a text, a number, true or false, not {type(value).__name__}",
        f"run noisefix COMMAND --help to see what {key} takes",
    )


def _unknown(origin: str, what: str, name: str, known: Collection[str]) -> UsageError:
    close = get_close_matches(name, sorted(known), n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(sorted(known))}"
    return UsageError(f"{origin}: {what}", hint)
