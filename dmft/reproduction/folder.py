"""The folder of a reproduction: results of tasks, figures, verdicts, reports; one process at a time."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..errors import OutputError
from ..results.atomic import write_bytes
from ..sweeps.store import hold
from .entry import Entry, is_entry

SCHEMA, VERSION = "dmft-reproduction", 1
RESULTS, LOCK = "results.json", "lock"
PARTS, REPORTS = ("runs", "figures"), ("report.html", "report.md")
#: What a process that was killed leaves of the file it was writing; see ``results/atomic.py``.
LEFTOVER = ".dmft-*.tmp"


class Folder:
    """Verdicts by the id of their recipe, in ``results.json``; results and figures of tasks beside it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Make or check the folder and hold its lock.

        Raises
        ------
        OutputError
            If it cannot be written to, or holds something else.
        StoreError
            If another reproduction is at work on it.
        """
        with self._writable():
            self.refuse_foreign()
            self.path.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self.path / LOCK, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            hold(descriptor, self.path, alone=True, what="reproduction")
            with self._writable():
                for part in PARTS:
                    (self.path / part).mkdir(exist_ok=True)
                for place in ("", *PARTS):  # only who holds the lock writes there
                    for item in (self.path / place).glob(LEFTOVER):
                        item.unlink(missing_ok=True)
                if not (self.path / RESULTS).exists():
                    self.write({})  # from here on the folder is known as ours
            yield
        finally:
            os.close(descriptor)  # this frees the lock; so does the system when the process is killed

    @contextmanager
    def _writable(self) -> Iterator[None]:
        """What the system refuses is told in one line."""
        try:
            yield
        except OutputError:
            raise
        except OSError as error:
            raise OutputError(
                f"folder {self.path} cannot be written to ({error.strerror}): give another one with -o"
            ) from None

    def refuse_foreign(self) -> None:
        """Raise OutputError if something else is there."""
        if not os.path.lexists(self.path):
            return
        if not self.path.is_dir():
            raise OutputError(f"{self.path} is not a folder: give another name with -o")
        try:
            names = {item.name for item in self.path.iterdir()}
        except OSError as error:
            raise OutputError(f"{self.path} cannot be read ({error.strerror}): give another folder with -o") from None
        if LOCK in names:  # ours: killed while it wrote its first file, or a damaged one was removed
            names -= {*REPORTS, *(item.name for item in self.path.glob(LEFTOVER))}
        if names - {LOCK, *PARTS} and RESULTS not in names:
            raise OutputError(f"folder {self.path} holds something else: give a new or an empty one with -o")
        self.entries()

    def entries(self) -> dict[str, Entry]:
        """Verdicts of earlier calls.

        Raises
        ------
        OutputError
            If the file of results is damaged, foreign, or of a newer version.
        """
        path = self.path / RESULTS
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            newer = content["schema"] == SCHEMA and content["schema_version"] > VERSION
            found: dict[str, Entry] = {} if newer else dict(content["recipes"])
            whole = all(is_entry(entry) and entry["id"] == key for key, entry in found.items())
            if content["schema"] != SCHEMA or not whole:
                raise ValueError
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise OutputError(f"{path} cannot be read ({error.strerror}): give another folder with -o") from None
        except (ValueError, KeyError, TypeError):
            raise OutputError(
                f"{path} is damaged, or not of this program: remove it, or give another folder with -o"
            ) from None
        if newer:
            raise OutputError(f"{path} is of a newer version of dmft: update, or give another folder with -o")
        return found

    def write(self, entries: dict[str, Entry], **facts: Any) -> None:
        """Write the verdicts, whole or not at all."""
        content = {"schema": SCHEMA, "schema_version": VERSION, **facts, "recipes": entries}
        write_bytes(self.path / RESULTS, (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode())
