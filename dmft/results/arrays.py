"""Named arrays from a user's own file, .npz or HDF5."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Container
from pathlib import Path
from typing import Any

import numpy as np

#: What damaged or foreign files make NumPy and h5py raise.
_DAMAGE = (OSError, ValueError, KeyError, TypeError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error)


def read_arrays(path: Path, names: Container[str] | None = None) -> dict[str, np.ndarray]:
    """The arrays of a .npz file, or at the root of an HDF5 file (any other ending).

    Parameters
    ----------
    names : container of str, optional
        Those that are wanted, as far as the file has them; without it, all.

    Raises
    ------
    FileNotFoundError
    ValueError
        If the file is damaged or not what its ending says, or a wanted name is not an array.
    """
    try:
        if path.suffix.lower() == ".npz":
            with path.open("rb") as source, np.load(source, allow_pickle=False) as archive:
                return {name: archive[name] for name in archive.files if names is None or name in names}
        import h5py

        with h5py.File(path, "r") as file:
            if names is None:
                return {name: item[()] for name, item in file.items() if isinstance(item, h5py.Dataset)}
            return {name: _dataset(item) for name, item in file.items() if name in names}
    except FileNotFoundError:
        raise
    except _DAMAGE as error:
        raise ValueError(str(error)) from error


def _dataset(item: Any) -> np.ndarray:
    if not hasattr(item, "shape"):
        raise TypeError(f"{item.name} is a group, not an array")
    return np.asarray(item[()])
