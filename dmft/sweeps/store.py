"""The folder beside the output: one small file for each finished point, so that nothing is calculated twice."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shutil
import socket
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ..errors import FileFormatError, OutputError, StoreError
from ..results.atomic import write_bytes
from .plan import Plan, Point
from .work import Record, unpack

SUFFIX = ".points"
MANIFEST, LOCK = "sweep.json", "lock"
#: What flock answers where a file system has no locks.
_NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS)


class Store:
    """Finished points by name, and the errors of those that failed."""

    def __init__(self, output: Path) -> None:
        self.folder = output.with_name(output.name + SUFFIX)

    @contextmanager
    def opened(self, plan: Plan, shard: tuple[int, int] | None, force: bool) -> Iterator[None]:
        """Make or check the folder, and hold its lock: alone, or together with other shards.

        Raises
        ------
        StoreError
            If it belongs to another sweep (without `force`), or another one is at work on it.
        OutputError
            If it cannot be written to.
        """
        if self.folder.exists() and not self.folder.is_dir():
            raise OutputError(f"{self.folder} is not a folder, but the points should go there: give another name")
        try:
            self.folder.mkdir(exist_ok=True)
            descriptors = [os.open(self.folder / name, os.O_RDWR | os.O_CREAT, 0o666) for name in _locks(shard)]
        except OSError as error:
            raise OutputError(
                f"folder {self.folder} cannot be written to ({error.strerror}): give another name with -o"
            ) from None
        try:
            for descriptor, alone in zip(descriptors, (shard is None, True), strict=False):
                hold(descriptor, self.folder, alone=alone)
            if force:
                self._clear()
            self._check(plan, alone=shard is None)
            yield
        finally:
            for descriptor in descriptors:
                os.close(descriptor)  # this frees the lock; so does the system when the process is killed

    def _clear(self) -> None:
        """Throw away the points of an earlier sweep, not the locks that are held."""
        for path in list(self.folder.iterdir()):
            if path.name == MANIFEST or path.suffix in (".npz", ".error"):
                path.unlink(missing_ok=True)

    def _check(self, plan: Plan, alone: bool) -> None:
        """Leave the manifest, or refuse the folder; one without points belongs to nobody."""
        path = self.folder / MANIFEST
        try:
            found = json.loads(path.read_text())
        except FileNotFoundError:
            with suppress(FileExistsError):
                write_bytes(path, json.dumps(plan.contents, indent=1).encode())
            return
        except (OSError, ValueError):
            raise StoreError(f"{path} cannot be read: give another name with -o, or --force to start anew") from None
        difference = _difference(found, plan.contents)
        if difference and alone and not any(self.folder.glob("*.npz")):
            write_bytes(path, json.dumps(plan.contents, indent=1).encode())
        elif difference:
            raise StoreError(
                f"{self.folder} belongs to another sweep ({difference}): give another name with -o, "
                "or --force to throw its points away"
            )

    def read(self, point: Point) -> Record | None:
        """A finished point; None if there is none, or (with a warning) one that cannot be trusted."""
        path = self._path(point)
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            reason = error.strerror or "unreadable"
        else:
            try:
                record = unpack(data)
            except FileFormatError as error:
                reason = str(error)
            else:
                if record.task == json.loads(json.dumps(point.task)):
                    return record
                reason = "it is that of another point"
        warnings.warn(f"{path} is not used ({reason}): the point has to be calculated anew", stacklevel=2)
        return None

    def write(self, point: Point, data: bytes) -> None:
        """Keep a finished point."""
        write_bytes(self._path(point), data)
        self._path(point, ".error").unlink(missing_ok=True)

    def write_error(self, point: Point, text: str) -> None:
        """Keep why a point failed."""
        write_bytes(self._path(point, ".error"), json.dumps({"values": point.values, "error": text}).encode())

    def error(self, point: Point) -> str | None:
        """Why a point failed, if it did."""
        try:
            return str(json.loads(self._path(point, ".error").read_text())["error"])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def forget_errors(self, points: Iterable[Point]) -> None:
        """Points are going to be tried again."""
        for point in points:
            self._path(point, ".error").unlink(missing_ok=True)

    def remove(self) -> None:
        """Delete the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _path(self, point: Point, suffix: str = ".npz") -> Path:
        return self.folder / (point.name + suffix)


def hold(descriptor: int, folder: Path, *, alone: bool, what: str = "sweep") -> None:
    """Take the lock of a folder, or say who has it.

    Raises
    ------
    StoreError
        If another process is at work there.
    """
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _NO_LOCKS:
            warnings.warn(f"{folder} has no locks: see to it that one {what} is at work there", stacklevel=2)
            return
        holder = os.pread(descriptor, 200, 0).decode(errors="replace").strip()
        by = f" ({holder})" if holder else ""
        raise StoreError(
            f"another {what} is at work on {folder}{by}: wait for it, or give another name with -o"
        ) from None
    with suppress(OSError):  # for the message above only
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"process {os.getpid()} on {socket.gethostname()}".encode(), 0)


def _locks(shard: tuple[int, int] | None) -> list[str]:
    """Files to lock: the first shared by all shards, the second of a shard its own."""
    return [LOCK] if shard is None else [LOCK, f"{LOCK}-{shard[0]}-of-{shard[1]}"]


def _difference(found: Any, wanted: dict[str, Any]) -> str:
    """What is different, in words; empty if nothing is."""
    if not isinstance(found, dict):
        return "its manifest is damaged"
    for name in ("model", "kind", "swept", "sizes", "version"):
        if found.get(name) != wanted[name]:
            return f"{name} there is {_words(found.get(name))}, here {_words(wanted[name])}"
    for part, values in wanted["fixed"].items():
        there = found.get("fixed", {}).get(part, {})
        for name in [*values, *there]:
            if there.get(name) != values.get(name):
                return f"{name} there is {there.get(name)}, here {values.get(name)}"
    return "" if found == wanted else "its manifest is damaged"


def _words(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
