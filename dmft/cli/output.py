"""Where results are written, checked before the calculation starts."""

from __future__ import annotations

import errno
import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import FileFormatError, OutputError, ParameterError
from ..parameters import digest
from ..results.status import INTERRUPTED
from .model_command import RUN_SUFFIXES

if TYPE_CHECKING:
    from ..results.phase import PhaseDiagram
    from ..results.run import Run

FIGURE_SUFFIX = ".pdf"


@dataclass(frozen=True)
class Written:
    """What was written, and the error if something could not be."""

    file: Path | None = None
    figure: Path | None = None
    error: Exception | None = None


@dataclass(frozen=True)
class Output:
    """A file of results and the figure beside it.

    Attributes
    ----------
    named : bool
        The user chose the name. A default name is made of the digest of the calculation: what stands there is
        the same calculation and may be replaced, but a complete result never by an interrupted one.
    """

    path: Path
    figure: bool
    named: bool
    force: bool

    @property
    def figure_path(self) -> Path | None:
        """The figure, with the stem of the file."""
        return self.path.with_suffix(FIGURE_SUFFIX) if self.figure else None

    def check(self) -> None:
        """Raise OutputError now for what would fail after the calculation."""
        paths = [path for path in (self.path, self.figure_path) if path is not None]
        for path in paths:
            check_path(path, replace=self.force or not self.named)

    def write(self, run: Run) -> Written:
        """Write file and figure; an error is kept, not raised, so that the results can still be shown."""
        path = self.path
        if run.status.code == INTERRUPTED and not self.named and not self.force and _holds_complete(path):
            path = path.with_suffix(f".partial{path.suffix}")
        file = None
        try:
            run.save(target(path), force=self.force or not self.named)
            file = path
            if not self.figure:
                return Written(file)
            figure = path.with_suffix(FIGURE_SUFFIX)
            write_figure(run, figure)
        except Exception as error:  # whatever it is, hours of calculation must not end without a number shown
            return Written(file, None, error)
        return Written(file, figure)


def plan_output(name: str | None, stem: str, calculation: Any, *, figure: bool, force: bool) -> Output:
    """Output under the given name, or in the current folder under a default name.

    Raises
    ------
    ParameterError
        If the name does not end like an HDF5 file.
    """
    if name is None:
        return Output(Path(f"{stem}-{digest(calculation)}.h5"), figure, False, force)
    if not name.endswith(RUN_SUFFIXES):
        raise ParameterError(f"-o {name} is not allowed: results are HDF5, give a name that ends in .h5")
    return Output(Path(name), figure, True, force)


def target(path: Path) -> Path:
    """The file that is written: what a symbolic link points to, never the link itself."""
    return Path(os.path.realpath(path)) if path.is_symlink() else path


def check_path(path: Path, *, replace: bool) -> None:
    """Raise OutputError unless a file can be written there; an existing one only with `replace`."""
    try:
        os.lstat(path)
        if not replace:
            raise OutputError(f"{path} exists: give another name with -o, or --force to replace it")
        if path.exists() and not path.is_file():
            raise OutputError(f"{path} is not a regular file: give another name with -o")
    except OutputError:
        raise
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.ENOTDIR):  # nothing there, or no folder: told below
            raise OutputError(f"{path} cannot be written to ({error.strerror}): give another name with -o") from None
    check_folder(target(path).parent)


def check_folder(folder: Path) -> None:
    """Raise OutputError unless a file can be made in `folder` (permission bits alone do not tell)."""
    if not folder.is_dir():
        raise OutputError(f"folder {folder} does not exist: make it first, or give another name with -o")
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OutputError(
            f"folder {folder} cannot be written to ({error.strerror}): give another name with -o"
        ) from None


def write_figure(run: Run | PhaseDiagram, path: Path, observables: list[str] | None = None) -> None:
    """Draw `run` into a PDF, PNG or SVG file."""
    _import_matplotlib()
    from ..results.figures import save_figure

    save_figure(run.plot(observables), target(path))


def _import_matplotlib() -> None:
    """Import it without a look at MPLBACKEND: files need no window, and a wrong name there would be an error."""
    before = os.environ.get("MPLBACKEND")
    if before is None or "matplotlib" in sys.modules:
        return
    os.environ["MPLBACKEND"] = "agg"
    try:
        import matplotlib  # noqa: F401
    finally:
        os.environ["MPLBACKEND"] = before


def _holds_complete(path: Path) -> bool:
    from ..results.run import Run

    try:
        return path.exists() and Run.load(path).status.code != INTERRUPTED
    except FileFormatError:
        return False
