"""HDF5 files of runs, written atomically, opened by xarray (h5netcdf) without help.

Layout: the root holds attributes only; groups ``/theory``, ``/simulation`` and ``/comparison`` hold arrays with one
dimension scale per axis. A second scale (``step`` beside ``t``) is a plain variable named in the CF attribute
``coordinates``. Standard errors are named by ``ancillary_variables``. Everything in the file is under a checksum:
arrays by the fletcher32 filter; scalars, short attributes and structure because the 1.10 format has checksums of object
headers, where compact datasets and attributes of fixed length live. These find damage early; the attribute ``digest``
(``results/seal.py``) answers for the whole content, long attributes included.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import h5py
import numpy as np

from ..errors import DMFTError, FileFormatError, MemoryLimitError
from .atomic import replacing
from .layout import SCHEMA, SCHEMA_VERSION, Attributes, Group, Variable, describe
from .restore import restored_run
from .seal import DIGEST, LABELS, check_seal, seal
from .solution import PARTS

if TYPE_CHECKING:
    from .run import Run

FORMAT = ("v110", "v110")
#: The root is read as a group as well: in files of phase diagrams it holds arrays.
GROUPS = ("/", *PARTS)
#: What to try with a file that is none of ours.
GIVE = "give a file that dmft solve, simulate, compare or sweep has written"
#: Files of this package that are no runs, for the message of who expects one.
OTHERS = {"dmft-phase": "the phase diagram of a sweep"}
T = TypeVar("T")
CHUNK_BYTES = 1 << 20
#: What HDF5 calls a dimension without coordinates; readers of netCDF know these words.
BARE_DIMENSION = b"This is a netCDF dimension but not a netCDF variable."
#: Files of earlier versions of the schemas have no digest.
SEALED = 2
AGAIN = "make it again, or give another file"


def save(run: Run, path: str | os.PathLike[str], *, force: bool = False) -> Path:
    """Write a run to an HDF5 file, whole or not at all.

    Parameters
    ----------
    run : Run
        Theory, simulation and comparison as far as present.
    path : path
        The file; its folder must exist.
    force : bool
        Replace an existing file. Without it, of two writers at the same time one fails.

    Returns
    -------
    Path
        Of the file.

    Raises
    ------
    OutputError
        If the path exists, cannot be written, or the disk is full. What stood there before is untouched.

    Notes
    -----
    Arrays are compressed chunk by chunk, without a copy of the whole; about 25 MB a second where numbers are noisy.
    """
    return write(Path(path), *describe(run), force=force)


def load_fields(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The fields of the run in a file written by :func:`save`; :meth:`Run.load <dmft.results.run.Run.load>` makes it.

    Raises
    ------
    FileFormatError
        If there is no such file, or it is foreign, damaged, incomplete or of a newer schema.
    """
    return read(Path(path), {SCHEMA: SCHEMA_VERSION}, lambda _, attrs, groups: restored_run(attrs, groups))


def write(path: Path, attrs: Attributes, groups: Mapping[str, Group], *, force: bool) -> Path:
    """Write attributes of the root and groups of arrays, whole or not at all; the group ``/`` is the root itself."""
    with (
        replacing(path, force=force) as sink,
        # the order of the arrays is kept: figures follow it
        h5py.File(path, "w", driver="fileobj", fileobj=sink, libver=FORMAT, track_order=True) as file,
    ):
        file.attrs["complete"] = np.int8(0)  # a number: netCDF has no booleans
        _write_attributes(file, {**attrs, DIGEST: seal(attrs, groups)})
        for name, group in groups.items():
            _write_group(file if name == "/" else file.create_group(name, track_order=True), group)
        file.flush()
        file.attrs["complete"] = np.int8(1)
    return path


def read(path: Path, schemas: Mapping[str, int], make: Callable[[str, Attributes, dict[str, Group]], T]) -> T:
    """Read a file of one of the schemas (name and newest version) and hand schema, attributes and groups to `make`.

    Raises
    ------
    FileFormatError
        If there is no such file, or it is foreign, damaged, incomplete or of a newer schema.
    """
    _check_file(path)
    try:
        with h5py.File(path, "r") as file:
            attrs = _read_attributes(file, file.attrs)
            schema = _check_schema(attrs, schemas)
            groups = {name: _read_group(file[name]) for name in GROUPS if name in file}
        found = make(schema, attrs, groups)
        if attrs["schema_version"] >= SEALED or DIGEST in attrs:
            check_seal(attrs.get(DIGEST, ""), attrs, groups)
        return found
    except FileFormatError as error:
        raise FileFormatError(f"cannot read {path}: {error}") from None
    except MemoryError:
        raise MemoryLimitError(f"{path} does not fit into the memory: read it on a larger machine") from None
    except Exception as error:  # HDF5 meets damage in many ways; each is the same to the user
        reason = " ".join(str(error).split())
        raise FileFormatError(f"{path} is damaged ({type(error).__name__}: {reason}): {AGAIN}") from error


def _write_attributes(target: h5py.Group | h5py.Dataset, attrs: Attributes) -> None:
    for name, value in attrs.items():
        if isinstance(value, str):
            # fixed length: HDF5 keeps other strings in a heap that has no checksum
            text = value.encode(errors="backslashreplace")  # names of files may hold bytes that are no UTF-8
            target.attrs.create(name, text, dtype=h5py.string_dtype("utf-8", max(1, len(text))))
        else:
            target.attrs[name] = np.float64(value) if isinstance(value, float) else np.int64(value)


def _write_group(target: h5py.Group, group: Group) -> None:
    scales = group.second_scales
    attrs = {**group.attrs, "coordinates": " ".join(scales)} if scales else group.attrs
    _write_attributes(target, attrs)
    axes: dict[str, h5py.Dataset] = {}
    for name, item in group.coordinates.items():
        if name not in scales:
            axes[name] = _write_array(target, name, item.values)
            axes[name].make_scale(name)
    arrays = {**{name: group.coordinates[name] for name in scales}, **group.variables}
    for item in arrays.values():
        for dim, length in zip(item.dims, item.values.shape, strict=True):
            if dim not in axes:
                axes[dim] = target.create_dataset(dim, shape=(length,), dtype=np.float32)
                axes[dim].make_scale(BARE_DIMENSION + b"%10d" % length)
    for name, item in arrays.items():
        dataset = _write_array(target, name, item.values)
        for axis, dim in zip(dataset.dims, item.dims, strict=True):
            axis.attach_scale(axes[dim])
    for name, item in {**group.coordinates, **group.variables}.items():
        mine = " ".join(scale for scale, dim in scales.items() if name not in group.coordinates and dim in item.dims)
        _write_attributes(target[name], {**item.attrs, "coordinates": mine} if mine else item.attrs)
        if item.values.dtype.kind == "U":
            target[name].attrs["_Encoding"] = "utf-8"  # xarray makes texts of the bytes


def _write_array(target: h5py.Group, name: str, values: np.ndarray) -> h5py.Dataset:
    if values.dtype.kind == "U":
        # bytes of fixed length, no heap; two at least: netCDF takes single characters for parts of a longer text
        values = np.char.encode(values, "utf-8")
        values = values.astype(f"S{max(2, values.dtype.itemsize)}")
    if values.ndim == 0:
        return _write_scalar(target, name, values)
    if values.size == 0:
        return target.create_dataset(name, data=values, dtype=values.dtype)
    rows = max(1, CHUNK_BYTES // max(1, values.nbytes // len(values)))
    chunks = (min(rows, len(values)), *values.shape[1:])  # whole rows: HDF5 needs no copy to compress them
    return target.create_dataset(
        name, data=values, dtype=values.dtype, chunks=chunks, compression="gzip", compression_opts=1,
        shuffle=True, fletcher32=True,
    )  # fmt: skip


def _write_scalar(target: h5py.Group, name: str, values: np.ndarray) -> h5py.Dataset:
    """Inside the object header, whose checksum protects it: filters such as fletcher32 need an axis."""
    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    properties.set_layout(h5py.h5d.COMPACT)
    kind, space = h5py.h5t.py_create(values.dtype), h5py.h5s.create(h5py.h5s.SCALAR)
    h5py.h5d.create(target.id, name.encode(), kind, space, properties)
    target[name][()] = values
    return target[name]


def _check_file(path: Path) -> None:
    try:
        if path.is_dir():
            raise FileFormatError(f"{path} is a folder: give a file in it")
        with open(path, "rb") as file:
            empty = not file.read(1)
    except FileNotFoundError:
        raise FileFormatError(f"{path} does not exist: give the path of an existing file") from None
    except DMFTError:
        raise
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise FileFormatError(f"cannot read {path} ({reason}): give a file that you may read") from None
    if empty or not h5py.is_hdf5(path):
        raise FileFormatError(f"{path} is {'empty' if empty else 'not an HDF5 file'}: {GIVE}")


def _check_schema(attrs: Mapping[str, Any], schemas: Mapping[str, int]) -> str:
    schema: str = attrs.get("schema", "")
    if schema not in schemas:
        if schema in OTHERS:
            raise FileFormatError(f"it holds {OTHERS[schema]}: give a file of dmft solve, simulate or compare")
        raise FileFormatError(f"it is an HDF5 file, but not one of dmft: {GIVE}")
    version, newest = attrs.get("schema_version"), schemas[schema]
    if not isinstance(version, np.integer) or version < 1:
        raise FileFormatError(f"attribute 'schema_version' is {version!r}, expected 1 to {newest}")
    if version > newest:
        raise FileFormatError(f"its schema_version is {version}, this dmft knows up to {newest}: update dmft")
    if not attrs.get("complete"):
        raise FileFormatError(f"it was not written to its end: {AGAIN}")
    return schema


def _read_attributes(source: h5py.Group | h5py.Dataset, names: Iterable[str]) -> Attributes:
    values = {name: source.attrs[name] for name in names if name in source.attrs}
    return {name: value.decode() if isinstance(value, bytes) else value for name, value in values.items()}


def _read_group(source: h5py.Group) -> Group:
    attrs = _read_attributes(source, source.attrs)
    scales = attrs.pop("coordinates", "").split()
    coordinates: dict[str, Variable] = {}
    variables: dict[str, Variable] = {}
    axes = _axes(source)
    for name, dataset in _datasets(source):
        main = dataset.is_scale
        if main and dataset.attrs["NAME"].startswith(BARE_DIMENSION):
            continue
        dims = (name,) if main else tuple(axes.get((name, axis), "") for axis in range(dataset.ndim))
        for axis, dim in enumerate(dims):
            if not dim or len(source[dim]) != dataset.shape[axis]:
                raise FileFormatError(f"axis {axis} of {dataset.name} has no dimension scale of its length")
        item = Variable(dims, _decoded(np.asarray(dataset[()])), _read_attributes(dataset, LABELS))
        (coordinates if main or name in scales else variables)[name] = item
    missing = [name for name in scales if name not in coordinates]
    if missing:
        raise FileFormatError(f"coordinate {missing[0]!r} of {source.name} is missing")
    return Group(attrs, coordinates, variables)


def _datasets(source: h5py.Group) -> Iterator[tuple[str, h5py.Dataset]]:
    return ((name, item) for name, item in source.items() if isinstance(item, h5py.Dataset))


def _decoded(values: np.ndarray) -> np.ndarray:
    """Texts of an array as Python knows them."""
    return np.char.decode(values, "utf-8") if values.dtype.kind == "S" else values


def _axes(source: h5py.Group) -> dict[tuple[str, int], str]:
    """The scale of every axis of every array, from the list that each scale keeps of its users.

    The opposite list, of the scales of an array, is in a heap without checksum, where one flipped bit can send HDF5
    into an endless loop. So it is written for others, but never read here.
    """
    found = {}
    for name, dataset in _datasets(source):
        for user, axis in dataset.attrs.get("REFERENCE_LIST", ()) if dataset.is_scale else ():
            with suppress(KeyError, ValueError):  # an array that somebody has deleted from the file
                found[source.file[user].name.rsplit("/", 1)[-1], int(axis)] = name
    return found
