"""Chatter on stderr: warnings, diagnostics and the progress bar. Data go to stdout, never from here."""

from __future__ import annotations

import logging
import shutil
import sys
import threading
import time
import warnings
from collections.abc import Mapping
from types import TracebackType
from typing import Any

import click

from ..errors import ModelWarning
from ..results.progress import Progress

#: A calculation shorter than this (seconds) shows no bar.
DELAY = 2.0
BAR = "{desc}: {percentage:3.0f}%|{bar}| {elapsed} elapsed, {remaining} left"


class Console:
    """What the command line says beside its data."""

    def __init__(self, quiet: bool = False, verbose: bool = False) -> None:
        self.quiet, self.verbose = quiet, verbose

    def filter_warnings(self) -> None:
        """Hide Python's warnings with ``-q``; those about overflow, which the status tells better, without ``-v``.

        What the functions of the package warn of is hidden always: :meth:`warn` has told it, before the start.
        """
        if self.quiet:
            warnings.simplefilter("ignore")
            logging.getLogger("matplotlib").setLevel(logging.ERROR)  # it complains of its folders by logging
            return
        warnings.simplefilter("ignore", ModelWarning)
        if not self.verbose:
            warnings.simplefilter("ignore", RuntimeWarning)

    def warn(self, text: str) -> None:
        """A sentence that the user should read, unless ``-q``."""
        if not self.quiet:
            click.echo(f"dmft: warning: {text}", err=True)

    def details(self, title: str, facts: Mapping[str, Any]) -> None:
        """Diagnostics, with ``-v`` only."""
        if self.verbose:
            for name, value in facts.items():
                text = f"{value:.6g}" if isinstance(value, float) else str(value)
                click.echo(f"dmft: {title}: {name} = {text}", err=True)

    def bar(self) -> Bar:
        """A progress bar for a ``with`` statement."""
        return Bar(visible=sys.stderr.isatty() and not self.quiet)


class Bar(Progress):
    """Progress bar with the remaining time; solver threads may call :meth:`update` at the same time."""

    def __init__(self, visible: bool) -> None:
        self.visible = visible
        self._lock = threading.Lock()
        self._bar: Any = None

    def start(self, label: str, total: float) -> None:
        self.finish()
        if self.visible:
            from tqdm import tqdm

            columns = shutil.get_terminal_size().columns  # 80 where the terminal does not know; tqdm would show nothing
            self._bar = tqdm(
                total=total, desc=label, delay=DELAY, file=sys.stderr, leave=False, bar_format=BAR, ncols=columns
            )
            # tqdm reads the wall clock, which may be set back or forward meanwhile: no bar of −56622 hours
            self._bar._time = time.monotonic
            self._bar.start_t = self._bar.last_print_t = time.monotonic()

    def update(self, done: float) -> None:
        if self._bar is not None:
            with self._lock:  # tqdm's own counter is not safe
                self._bar.update(done)

    def relabel(self, label: str) -> None:
        if self._bar is not None:
            with self._lock:
                self._bar.set_description_str(label, refresh=False)

    def finish(self) -> None:
        if self._bar is not None:
            with self._lock:
                self._bar.close()
            self._bar = None

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.finish()
