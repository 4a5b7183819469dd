"""The group of all commands: loads a command when it is called, turns every error into one line."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import Any, NoReturn

import click
from click.shell_completion import shell_complete

from ..errors import DMFTError, ParameterError, UnknownNameError

#: Names of the modules in this folder that hold a ``command``, in the order of the help.
COMMANDS = ("solve", "simulate", "compare", "sweep", "reproduce", "plot", "info", "models", "completions")
COMPLETE_VARIABLE = "_DMFT_COMPLETE"
#: Commands that have the options of a part alone; dmft compare has all.
OWNERS = {"method": "solve", "simulation": "simulate"}
INTERRUPTED, BROKEN_PIPE = 130, 141


class LazyGroup(click.Group):
    """Commands by module name; a command returns its exit code."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f".{cmd_name}", __package__).command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in COMMANDS and not ctx.resilient_parsing:
            raise UnknownNameError("command", args[0], COMMANDS)
        return super().resolve_command(ctx, args)

    def main(self, args: Sequence[str] | None = None, *_: Any, **__: Any) -> NoReturn:
        """Run the command and leave with its exit code; the context's object is the command line as typed."""
        _open_closed_streams()
        if COMPLETE_VARIABLE in os.environ:
            sys.exit(shell_complete(self, {}, "dmft", COMPLETE_VARIABLE, os.environ[COMPLETE_VARIABLE]))
        words = list(sys.argv[1:] if args is None else args)
        for stream in (sys.stdout, sys.stderr):
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(errors="replace")  # Greek letters must not break an ASCII terminal
        with warnings.catch_warnings(), _sigterm_interrupts():
            warnings.showwarning = _show_warning
            code = self._run(words)
        sys.exit(code)

    def _run(self, words: list[str]) -> int:
        try:
            with self.make_context("dmft", list(words), obj=shlex.join(["dmft", *words])) as ctx:
                code = self.invoke(ctx) or 0
            sys.stdout.flush()
            return int(code)
        except click.exceptions.Exit as done:
            return _flush(done.exit_code)
        except BrokenPipeError:
            _forget_stdout()
            return BROKEN_PIPE
        except (KeyboardInterrupt, click.Abort):
            return fail("interrupted", INTERRUPTED)
        except Exception as error:
            if not isinstance(error, (DMFTError, click.ClickException)) and {"-v", "--verbose"} & set(words):
                traceback.print_exc()
            return fail(*describe(error, words))


def _open_closed_streams() -> None:
    """Let nothing be read or written where the shell closed a stream (``2>&-``).

    In this order each gets its own descriptor back, so that no file of results is where HDF5 prints its errors.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115 — open as long as the process


@contextlib.contextmanager
def _sigterm_interrupts() -> Iterator[None]:
    """SIGTERM, by which batch systems end a job, saves what there is as Ctrl-C does; where ignored it stays so."""
    if threading.current_thread() is not threading.main_thread():  # only this one may set handlers
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    if before is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        if before is signal.SIG_DFL:
            signal.signal(signal.SIGTERM, before)


def check_threads() -> None:
    """Raise ParameterError for a number of threads that Numba would meet with an error of its own."""
    given = os.environ.get("NUMBA_NUM_THREADS", "1")
    try:
        usable = int(given) > 0
    except ValueError:
        usable = False
    if not usable:
        raise ParameterError(f"NUMBA_NUM_THREADS={given} is not allowed: set it to a number of threads, 1 or more")


def describe(error: Exception, words: Sequence[str]) -> tuple[str, int]:
    """Message and exit code of an error in the command line `words`."""
    if isinstance(error, DMFTError):
        return str(error), error.exit_code
    if isinstance(error, click.UsageError):
        return _usage(error, words), 2
    if isinstance(error, click.ClickException):
        return error.format_message(), error.exit_code
    if isinstance(error, MemoryError):
        return "out of memory: --dry-run tells what a calculation needs", 1
    if isinstance(error, OSError):
        _forget_stdout_if_lost()
        return str(error), 1
    return f"unexpected {type(error).__name__}: {error}; this is a defect, -v shows where", 1


def fail(message: str, code: int) -> int:
    """Print the one line of an error and return `code`."""
    with contextlib.suppress(OSError):  # stderr may be closed: then the exit code has to do
        click.echo(f"dmft: error: {' '.join(message.split())}", err=True)
    return code


def _usage(error: click.UsageError, words: Sequence[str]) -> str:
    """Message of wrong use with the help to call; click knows the command in some of its errors only."""
    message = error.format_message().rstrip(".")
    if isinstance(error, click.NoSuchOption):
        near, elsewhere = error.possibilities, _owner(error)
        hint = elsewhere or (f": did you mean {near[0]!r}?" if near else "")
        message = f"unknown option {error.option_name!r}{hint}"
    slug = error.ctx.meta.get("dmft.slug", "") if error.ctx is not None else ""
    call = ["dmft", *(word for word in words[:1] if word in COMMANDS), slug, "--help"]
    return f"{message}{'' if message.endswith('?') else ';'} try '{' '.join(filter(None, call))}'"


def _owner(error: click.NoSuchOption) -> str:
    """Words for an option of the same model that this command does not have, but others do."""
    selection = error.ctx.meta.get("dmft.selection") if error.ctx is not None else None
    if selection is None:
        return ""
    if selection.run is not None:
        from ..theory.registry import models

        declared = (cls.declared() for model in models().values() for cls in (model, model.method))
        if error.option_name in {item.option for items in declared for item in items}:
            return f": parameters and method are those of {selection.run}"
    for part, cls in selection.known.items():
        if part not in selection.wanted and error.option_name in {item.option for item in cls.declared()}:
            return f": it is one of the {part}, which dmft {OWNERS[part]} and dmft compare have"
    return ""


def _show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    click.echo(f"dmft: warning: {' '.join(str(message).split())}", err=True)


def _flush(code: int) -> int:
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _forget_stdout()
    return code


def _forget_stdout() -> None:
    """Let the interpreter's last flush go nowhere, else it complains once more."""
    with contextlib.suppress(OSError, ValueError):  # not a real file: nothing to flush
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _forget_stdout_if_lost() -> None:
    try:
        sys.stdout.flush()
    except OSError:
        _forget_stdout()
