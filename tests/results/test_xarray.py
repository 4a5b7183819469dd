"""xarray opens the file with no help and no warning, and finds what `to_xarray` gives."""

from __future__ import annotations

import sys
import warnings

import numpy as np
import pytest

from dmft.errors import DMFTError

xarray = pytest.importorskip("xarray")
pytest.importorskip("h5netcdf")


def test_file_equals_tree(run, small_run, tmp_path):
    for number, item in enumerate((run, small_run)):
        path = item.save(tmp_path / f"{number}.h5")
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with xarray.open_datatree(path, engine="h5netcdf") as tree:
                xarray.testing.assert_identical(tree, item.to_xarray())


def test_groups_open_alone(run, tmp_path):
    path = run.save(tmp_path / "run.h5")
    for side in ("theory", "simulation"):
        with xarray.open_dataset(path, engine="h5netcdf", group=side) as data:
            curve = run.theory["norm"] if side == "theory" else run.simulation["norm"]
            np.testing.assert_array_equal(data["norm"], curve.values)
            np.testing.assert_array_equal(data[data["norm"].attrs["ancillary_variables"]], curve.stderr)
            assert set(data.coords) == {"t", "t_prime", "step", "margin"}
            assert data["correlation"].dims == ("t", "t_prime")
            assert data["energy_density"].attrs["units"] == "J/m³"
            assert data["step"].dims == ("t",)
            assert data["final_norm"].ndim == 0


def test_selection_by_time(run):
    theory = run.to_xarray()["theory"]
    assert float(theory["norm"].sel(t=0.4)) == run.theory["norm"].values[2]
    assert run.to_xarray()["comparison"]["norm_noise"].sel(size=500) == 0.005


def test_without_xarray(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "xarray", None)
    with pytest.raises(DMFTError, match=r"pip install .dmft\[xarray\]"):
        run.to_xarray()
