"""A run as an xarray DataTree: labelled arrays with their coordinates, errors and units."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ..errors import DMFTError
from .layout import Attributes, Group, describe

if TYPE_CHECKING:
    import xarray

    from .run import Run


def to_xarray(run: Run) -> xarray.DataTree:
    """The tree that ``xarray.open_datatree(file, engine="h5netcdf")`` gives for the saved run.

    Returns
    -------
    DataTree
        Attributes at the root; children ``theory``, ``simulation`` and ``comparison`` as far as present. Standard
        errors are variables ``<name>_stderr``. Arrays are shared with the run, not copied.

    Raises
    ------
    DMFTError
        If xarray is not installed.
    """
    return tree(*describe(run))


def tree(attrs: Attributes, groups: Mapping[str, Group]) -> xarray.DataTree:
    """Attributes and groups as a tree; the group ``/`` is the root."""
    try:
        import xarray
    except ImportError:
        raise DMFTError('xarray is not installed: pip install "dmft[xarray]"') from None
    children = {name: xarray.DataTree(_dataset(group)) for name, group in groups.items() if name != "/"}
    root = _dataset(groups["/"]) if "/" in groups else xarray.Dataset()
    return xarray.DataTree(root.assign_attrs({**attrs, "complete": 1}), children=children)


def _dataset(group: Group) -> xarray.Dataset:
    import xarray

    coordinates, variables = (
        {name: (item.dims, item.values, item.attrs) for name, item in part.items()}
        for part in (group.coordinates, group.variables)
    )
    return xarray.Dataset(variables, coordinates, group.attrs)
