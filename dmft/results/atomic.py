"""Files that appear whole or not at all: write to a temporary file beside the final one, then rename it."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ..errors import OutputError

_FULL = "there is not enough space: free some, or give a path on another disk"
_FORBIDDEN = "writing there is not permitted: give a path in a folder that you may write to"
_ADVICE = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EFBIG: _FULL,
    errno.EACCES: _FORBIDDEN,
    errno.EPERM: _FORBIDDEN,
    errno.EROFS: _FORBIDDEN,
    errno.ENAMETOOLONG: "the name is too long: give a shorter one",
}
#: What file systems without hard links answer to os.link.
_NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK)


class Sink:
    """The temporary file as HDF5 sees it. The first error is kept, and later writes are dropped.

    HDF5 cannot close a file whose disk is full: it would keep it open, and crash when the process ends. So it
    never learns about the error, closes in peace, and :func:`replacing` raises the error afterwards.
    """

    def __init__(self, descriptor: int) -> None:
        self.error: BaseException | None = None
        self._descriptor = descriptor
        self._position = 0
        self._end = 0

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move, return the new position."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._end}[whence]
        self._position = base + offset
        return self._position

    def tell(self) -> int:
        """The position."""
        return self._position

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer from the position on; zeros stand for what was never written."""
        view = memoryview(buffer).cast("B")
        found = os.preadv(self._descriptor, [view], self._position)
        view[found:] = bytes(len(view) - found)
        self._position += len(view)
        return len(view)

    def write(self, data: Any) -> int:
        """Write all of `data` at the position."""
        view = memoryview(data).cast("B")
        done = 0
        try:
            while self.error is None and done < len(view):  # the system may write less than it was given
                done += os.pwrite(self._descriptor, view[done:], self._position + done)
        except BaseException as error:  # an interrupt too must wait until HDF5 has closed its file
            self.error = error
        self._position += len(view)
        self._end = max(self._end, self._position)
        return len(view)

    def truncate(self, size: int) -> int:
        """Cut or extend to `size` bytes."""
        self._end = size
        if self.error is None:
            try:
                os.ftruncate(self._descriptor, size)
            except OSError as error:
                self.error = error
        return size

    def flush(self) -> None:
        """Nothing is held back here; :func:`replacing` calls fsync once, at the end."""


@contextmanager
def replacing(path: Path, *, force: bool) -> Iterator[Sink]:
    """Give a :class:`Sink` whose content appears at `path` if, and only if, the block succeeds.

    Raises
    ------
    OutputError
        If the path exists (without `force`), cannot be written, or the disk is full.
    """
    temporary = path.parent / f".dmft-{secrets.token_hex(8)}.tmp"  # unique: leftovers of a crash do not matter
    try:
        _refuse(path, force)
        descriptor = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    except OSError as error:
        raise _output_error(path, error) from None
    try:
        try:
            sink = Sink(descriptor)
            try:
                yield sink
            finally:
                if sink.error is not None:
                    raise sink.error
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        _publish(temporary, path, force)
        _sync_folder(path.parent)
    except OSError as error:
        raise _output_error(path, error) from None
    finally:
        with suppress(OSError):
            os.unlink(temporary)


def write_bytes(path: Path, data: bytes, *, force: bool = True) -> None:
    """Write `data`, whole or not at all, whatever stood there before; refuses an existing file unless `force`."""
    with replacing(path, force=force) as sink:
        sink.write(data)


def _refuse(path: Path, force: bool) -> None:
    if "\0" in str(path):
        raise OutputError(f"cannot write {str(path)!r}: names cannot hold a zero byte, give another path")
    if path.is_dir():
        raise OutputError(f"{path} is a folder: give the name of a file, e.g. {path / 'run.h5'}")
    if os.path.lexists(path):
        if not force:
            raise _exists(path)
        if path.exists() and not path.is_file():  # never replace a device or a pipe by a file
            raise OutputError(f"{path} is not a regular file: give another path")
    if not path.parent.is_dir():
        raise OutputError(f"the folder {path.parent} does not exist: create it first, or give another path")


def _publish(temporary: Path, path: Path, force: bool) -> None:
    if force:
        os.replace(temporary, path)
        return
    try:
        os.link(temporary, path)  # unlike a rename it fails if somebody else was faster
    except FileExistsError:
        raise _exists(path) from None
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        if os.path.lexists(path):
            raise _exists(path) from None
        os.replace(temporary, path)


def _sync_folder(folder: Path) -> None:
    with suppress(OSError):  # the file is in place already; some file systems cannot sync folders
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _exists(path: Path) -> OutputError:
    return OutputError(f"{path} exists already: give another path, or overwrite it with force=True (--force)")


def _output_error(path: Path, error: OSError) -> OutputError:
    if isinstance(error, OutputError):
        return error
    advice = _ADVICE.get(error.errno or 0, "give another path")
    return OutputError(f"cannot write {path} ({error.strerror or error}): {advice}; nothing was changed")
