"""Arrays of another library: nothing is converted behind its back; CUDA when there is one."""

from __future__ import annotations

import sys
import types

import numpy as np
import pytest

import dmft
from dmft.errors import BackendError
from dmft.simulation.backend import Backend, get_backend


class Device:
    """An array that lives elsewhere: as strict as CuPy's about mixing with NumPy arrays."""

    __array_priority__ = 100

    def __init__(self, host: np.ndarray) -> None:
        self.host = host

    def __array__(self, *_, **__):
        raise TypeError("implicit conversion to a NumPy array")

    def __array_function__(self, function, *_):
        raise TypeError(f"numpy.{function.__name__} of a device array")

    def __array_ufunc__(self, ufunc, method, *inputs, **options):
        if method != "__call__" or options:
            raise TypeError(f"numpy.{ufunc.__name__}.{method} of a device array")
        return wrap(ufunc(*(unwrap(item) for item in inputs)))

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        found = getattr(self.host, name)
        if callable(found):
            return lambda *parts, **options: wrap(found(*map(unwrap, parts), **options))
        return wrap(found)

    def __getitem__(self, key):
        return Device(np.asarray(self.host[key]))

    def __setitem__(self, key, value):
        self.host[key] = unwrap(value)

    def __len__(self):
        return len(self.host)

    def __float__(self):
        return float(self.host)

    def __matmul__(self, other):
        return wrap(self.host @ unwrap(other))


def unwrap(item):
    if isinstance(item, np.ndarray) and item.ndim:
        raise TypeError("a NumPy array mixed with device arrays")
    return item.host if isinstance(item, Device) else item


def wrap(item):
    return Device(np.asarray(item)) if isinstance(item, (np.ndarray, np.generic)) else item


def operator(name):
    def apply(self, *others):
        return wrap(getattr(self.host, name)(*map(unwrap, others)))

    return apply


for _name in ("add", "sub", "mul", "truediv", "pow", "lt", "gt", "le", "ge"):
    for _prefix in ("", "r") if _name not in ("lt", "gt", "le", "ge") else ("",):
        setattr(Device, f"__{_prefix}{_name}__", operator(f"__{_prefix}{_name}__"))
Device.__neg__ = operator("__neg__")


class Module(types.ModuleType):
    """NumPy's functions for device arrays only."""

    def __getattr__(self, name):
        function = getattr(np, name)

        def call(*parts, **options):
            return wrap(function(*map(unwrap, parts), **options))

        return call

    @staticmethod
    def asarray(item):
        return item if isinstance(item, Device) else Device(np.array(item))

    @staticmethod
    def asnumpy(item):
        return item.host.copy()


@pytest.mark.parametrize(
    "options",
    [{}, {"loss": "hinge2"}, {"data": "three-cluster", "m0": 1.0}, {"data": "teacher"}, {"sphere": True},
     {"loss": dmft.Loss("mine", lambda y, r: 0.5 * (r - y) ** 2, lambda y, r: r - y, lambda y, r: 1.0)},
     {"field_response": True}, {"field_response": True, "sphere": True}, {"precision": "float32"}],
    ids=lambda options: "-".join(options) or "defaults",
)  # fmt: skip
def test_simulation_never_mixes_host_and_device(options, monkeypatch):
    options = {"steps": 5, "size": 30, "replicas": 2, **options}
    plain = dmft.simulate("sgd", **options)
    strict = Backend(Module("device"), 1)
    monkeypatch.setattr(Backend, "free_memory", lambda self: 1e12)
    monkeypatch.setattr("dmft.simulation.sgd.get_backend", lambda name: strict)
    device = dmft.simulate("sgd", **options)
    assert set(device.simulation) == set(plain.simulation)
    for name, curve in plain.simulation.items():
        assert isinstance(device[name].values, np.ndarray)
        np.testing.assert_allclose(device[name].values, curve.values, rtol=1e-5, atol=1e-6, err_msg=name)


def test_the_strict_arrays_are_strict():
    array = Device(np.ones(3))
    for wrong in (
        lambda: array + np.ones(3),
        lambda: np.ones(3) * array,
        lambda: np.asarray(array),
        lambda: np.sum(array),
    ):
        with pytest.raises(TypeError):
            wrong()
    assert float((2.0 * array + np.float64(1.0)).sum()) == 9.0


def test_missing_cupy_is_an_error_with_a_remedy(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)
    with pytest.raises(BackendError, match=r"cupy is not installed: pip install 'dmft\[cuda12\]'.* or use numpy"):
        dmft.simulate("sgd", backend="cupy", size=20, replicas=1, steps=1)


def test_cupy_without_a_gpu_is_an_error_with_a_remedy(monkeypatch):
    def no_driver():
        raise RuntimeError("cudaErrorNoDevice")

    broken = types.ModuleType("cupy")
    broken.cuda = types.SimpleNamespace(Device=no_driver)
    monkeypatch.setitem(sys.modules, "cupy", broken)
    with pytest.raises(BackendError, match=r"no usable GPU \(cudaErrorNoDevice\): use --backend numpy"):
        get_backend("cupy")


def test_numpy_is_always_there():
    backend = get_backend("numpy")
    assert backend.xp is np
    assert backend.workers >= 1
    assert backend.free_memory() > 0.0
    assert backend.to_host(np.ones(2, dtype=np.float32)).dtype == np.float64


PROBLEMS = ({}, {"data": "three-cluster", "m0": 1.0}, {"sphere": True}, {"persistence": 2.0})


@pytest.mark.parametrize("precision", ["float64", "float32"])
@pytest.mark.parametrize("options", PROBLEMS, ids=str)
def test_gpu_gives_the_results_of_the_cpu(options, precision):
    pytest.importorskip("cupy", reason="cupy is not installed", exc_type=ImportError)
    try:
        get_backend("cupy")
    except BackendError as error:
        pytest.skip(str(error))
    common = {"steps": 10, "size": 200, "replicas": 2, "field_response": True, "precision": precision, **options}
    cpu, gpu = (dmft.simulate("sgd", backend=name, **common) for name in ("numpy", "cupy"))
    tolerance = 1e-10 if precision == "float64" else 1e-3
    for name, curve in cpu.simulation.items():
        if name != "margins":  # a histogram: a sample may change its bin by rounding
            np.testing.assert_allclose(gpu[name].values, curve.values, rtol=tolerance, atol=tolerance, err_msg=name)
