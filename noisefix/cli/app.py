"""The ``noisefix`` command: its subcommands, and the one place where errors become exit codes."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import warnings
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import typer

from noisefix.cli.apply import apply
from noisefix.cli.audit import audit
from noisefix.cli.augment import augment
from noisefix.cli.calibrate import calibrate
from noisefix.cli.candidates import candidates
from noisefix.cli.check import check
from noisefix.cli.detect import detect
from noisefix.cli.embed import embed
from noisefix.cli.evaluate import evaluate
from noisefix.cli.help_page import HelpCommand, HelpGroup
from noisefix.cli.init import init
from noisefix.cli.joint import joint
from noisefix.cli.noise import noise
from noisefix.cli.paths import guarded
from noisefix.cli.predict import predict
from noisefix.cli.recipe import recipe
from noisefix.cli.relabel import relabel
from noisefix.cli.report import report
from noisefix.cli.review import review
from noisefix.cli.terminal import Screen, sanitize, say
from noisefix.cli.train import train
from noisefix.errors import (
    EXIT_BUG,
    EXIT_INTERRUPTED,
    EXIT_OK,
    EXIT_USAGE,
    DataError,
    ModelError,
    NoisefixError,
)
from noisefix.hardware import is_out_of_memory
from noisefix.version import __version__

EXIT_PIPE_CLOSED = 141
"""What a shell reports of a program whose reader went away (128 + SIGPIPE)."""

COMMANDS: dict[str, Callable[..., None]] = {
    "detect": detect,
    "report": report,
    "review": review,
    "embed": embed,
    "joint": joint,
    "candidates": candidates,
    "relabel": relabel,
    "apply": apply,
    "augment": augment,
    "check": check,
    "init": init,
    "audit": audit,
    "evaluate": evaluate,
    "calibrate": calibrate,
    "train": train,
    "predict": predict,
    "noise": noise,
    "recipe": recipe,
}
"""Every command by its name; a new one is a file beside this one and a line here."""

# The state of the machine or of a path, not a bug: said in one line and left with "bad data".
_ENVIRONMENT_ERRORS = frozenset(
    {
        errno.EACCES,
        errno.EDQUOT,
        errno.EEXIST,
        errno.EFBIG,
        errno.EIO,
        errno.EISDIR,
        errno.ELOOP,
        errno.EMFILE,
        errno.ENAMETOOLONG,
        errno.ENOENT,
        errno.ENOSPC,
        errno.ENOTDIR,
        errno.EPERM,
        errno.EROFS,
    }
)

app = typer.Typer(
    name="noisefix",
    help="Find, explain and repair wrong labels in text data sets.",
    cls=HelpGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
for _name, _function in COMMANDS.items():
    app.command(_name, cls=HelpCommand)(guarded(_function))


def _show_version(value: bool) -> None:
    if value:
        Screen().line(f"noisefix {__version__}")
        raise typer.Exit


@app.callback(no_args_is_help=True)
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", is_eager=True, callback=_show_version, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    pass


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line and return its exit code; errors are told on stderr, never raised.

    Args:
        arguments: what follows ``noisefix``; None: the arguments of this process.
    """
    _harden_streams()
    words = list(sys.argv[1:] if arguments is None else arguments)
    if arguments is None and not sys.warnoptions:
        # Deprecations inside of libraries are news for developers, who run the tests.
        warnings.simplefilter("ignore")
    try:
        code = _run(words)
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        _drop_stdout()
        return EXIT_PIPE_CLOSED
    except Exception as error:
        return _tell(_out_of_memory(error, words) if is_out_of_memory(error) else error)
    except KeyboardInterrupt:
        _say("interrupted; finished stages are kept, run the same command again to go on")
        return EXIT_INTERRUPTED


def _run(arguments: list[str]) -> int:
    command = typer.main.get_command(app)
    if "_NOISEFIX_COMPLETE" in os.environ:  # the shell asks what could come next
        command.main(arguments, prog_name="noisefix")
    try:
        with command.make_context("noisefix", arguments) as context:
            command.invoke(context)
    except typer.Exit as done:
        return done.exit_code
    return EXIT_OK


def _tell(error: Exception) -> int:
    """Say what went wrong, and return the exit code for it."""
    if isinstance(error, OSError) and error.errno in _ENVIRONMENT_ERRORS:
        error = _as_data_error(error)
    if isinstance(error, NoisefixError):
        _say(f"error: {error.message}", f"hint: {error.hint}" if error.hint else "")
        return error.exit_code
    if isinstance(error, typer.Abort):
        _say("interrupted")
        return EXIT_INTERRUPTED
    if isinstance(error, typer.TyperException):
        return _tell_usage(error)
    from noisefix.cli.bug_report import bug_report

    _say(bug_report(error))
    _say("error: this is a bug in noisefix; please report it with the lines above")
    return EXIT_BUG


def _tell_usage(error: Any) -> int:
    context = getattr(error, "ctx", None)
    message = error.format_message()
    if context is not None and message == context.get_help():  # called with no arguments at all
        _say(message)
        return EXIT_USAGE
    path = context.command_path if context is not None else "noisefix"
    _say(f"error: {message[:1].lower()}{message[1:]}", f"hint: {path} --help shows how it is used")
    return EXIT_USAGE


def _out_of_memory(error: Exception, arguments: list[str]) -> NoisefixError:
    """Say where memory ran out: in a model's computing, else in holding the data."""
    words = str(error).strip().partition("\n")[0][:200]
    reason = f" ({words})" if words else ""
    paths = [a for a in arguments[1:] if not a.startswith("-") and os.path.exists(a)]  # noqa: PTH110
    where = f"{paths[0]}: " if paths else ""
    if not isinstance(error, (MemoryError, OSError)):  # torch's errors are RuntimeErrors
        return ModelError(
            f"{where}out of memory while a model was computing{reason}",
            "use a smaller --encoder (tfidf needs the least) or --device cpu, or give it more"
            " memory",
        )
    return DataError(
        f"{where}out of memory: the data is too large for this machine{reason}",
        "use fewer rows, shorter texts or fewer classes (a part of the file, or of a packed file"
        " unpacked), or a machine with more memory",
    )


def _as_data_error(error: OSError) -> DataError:
    path = sanitize(os.fsdecode(error.filename)) if error.filename else "a file"
    reason = error.strerror or type(error).__name__
    hints = {
        errno.ENOSPC: "free some space, or write elsewhere with -o; the old file is as it was",
        errno.EDQUOT: "free some space, or write elsewhere with -o; the old file is as it was",
        errno.EROFS: "write elsewhere with -o",
        errno.EACCES: "check the permissions, or write elsewhere with -o",
        errno.EPERM: "check the permissions, or write elsewhere with -o",
        errno.ENOENT: "check the path",
    }
    return DataError(f"{path}: {reason}", hints.get(error.errno or 0, ""))


def _say(*messages: str) -> None:
    with contextlib.suppress(BrokenPipeError, ValueError):  # nobody is left to be told
        say(*messages)


def _harden_streams() -> None:
    """Let no character of the data end the program because the terminal cannot show it."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def _drop_stdout() -> None:
    """Point stdout at nothing, so that Python's own flush at exit stays quiet too."""
    try:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
    except (OSError, ValueError):
        pass


if __name__ == "__main__":
    sys.exit(main())
