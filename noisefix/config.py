"""``noisefix.toml``: options written down once instead of typed every time.

Keys at the top hold for every command that has such an option; a table named after a command holds
for it alone and wins. What is typed on the command line wins over both::

    text_column = "message"
    label_column = "topic"

    [check]
    max_noise_rate = 0.05

The same may stand in ``pyproject.toml`` under ``[tool.noisefix]``.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from noisefix.documents import parse_toml
from noisefix.errors import UsageError

OWN_NAME, PROJECT_NAME = "noisefix.toml", "pyproject.toml"


def read_config(path: Path) -> dict[str, Any]:
    """Read a TOML file; of a ``pyproject.toml``, what stands under ``[tool.noisefix]``.

    Raises:
        UsageError: it cannot be read, or is not TOML.
    """
    try:
        content = parse_toml(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise UsageError(
            f"{path}: cannot read the configuration: {error.strerror}",
            "check the path given to --config",
        ) from error
    except ValueError as error:
        raise UsageError(
            f"{path}: not valid TOML: {error}", 'text needs quotes: text_column = "message"'
        ) from error
    return (_project_table(content, path) or {}) if path.name == PROJECT_NAME else content


def find_config(start: Path) -> Path | None:
    """Return the configuration that holds for a folder: its own, else the nearest above it.

    In one folder ``noisefix.toml`` wins over ``pyproject.toml``; one of the latter without
    ``[tool.noisefix]`` is none.

    Args:
        start: absolute path of the folder.

    Raises:
        UsageError: a ``pyproject.toml`` that speaks of noisefix is not TOML.
    """
    for folder in (start, *start.parents):
        if _is_file(folder / OWN_NAME):
            return folder / OWN_NAME
        if _is_file(folder / PROJECT_NAME) and _speaks_of_us(folder / PROJECT_NAME):
            return folder / PROJECT_NAME
    return None


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        return False


def _speaks_of_us(path: Path) -> bool:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, ValueError):  # of somebody else, and not needed
        return False
    if "noisefix" not in text:
        return False
    try:
        return _project_table(parse_toml(text), path) is not None
    except ValueError:
        if "[tool.noisefix" in text:
            read_config(path)  # says what is wrong
        return False


def _project_table(content: dict[str, Any], path: Path) -> dict[str, Any] | None:
    tools = content.get("tool", {})
    table = tools.get("noisefix") if isinstance(tools, dict) else None
    if table is not None and not isinstance(table, dict):
        raise UsageError(
            f"{path}: tool.noisefix must be a table", "write [tool.noisefix], then seed = 1"
        )
    return table


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
    for one in value if isinstance(value, list) else [value]:
        if not isinstance(one, (str, bool, int, float)):
            break
    else:
        return value
    raise UsageError(
        f"{origin}: {key} must be a text, a number, true or false, or a list of these, not "
        f"{type(value).__name__}",
        f"run noisefix COMMAND --help to see what {key} takes",
    )


def _unknown(origin: str, what: str, name: str, known: Collection[str]) -> UsageError:
    close = get_close_matches(name, sorted(known), n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(sorted(known))}"
    return UsageError(f"{origin}: {what}", hint)
