"""Convolution of images, as one matrix product with the patches that each output sees (im2col).

For the few pixels and channels of this package that is several times as fast as a product of Fourier transforms:
benchmarks/network_epoch.py measures both.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...errors import ParameterError
from . import starts
from .layer import Arrays, Layer, Shape

#: The start of a kernel unless another one is given: that of He for ReLU.
HE = starts.fan_in(2.0)


@dataclass(frozen=True)
class Convolution(Layer):
    """y_ijc = Σ x_(i+a)(j+b)d kernel_abdc + bias_c, with channels last: a correlation, as usual.
    Attributes
    ----------
    channels : int
        Of the outputs.
    width : int
        Pixels of the square kernel along each side.
    stride : int
        Pixels from one output to the next.
    padding : {"same", "valid"}
        Zeros around the image, such that with stride 1 its size stays; or none.
    kernel_start, bias_start : callable
        See :mod:`.starts`; the kernel has the shape (width·width·channels of the inputs, channels).
        ``bias_start=None`` leaves the bias out.
    """

    channels: int
    width: int = 3
    stride: int = 1
    padding: str = "same"
    kernel_start: starts.Start = HE
    bias_start: starts.Start | None = starts.zero

    def outputs(self, inputs: Shape) -> Shape:
        if len(inputs) != 3:
            raise ParameterError(f"a convolution takes images (rows, columns, channels), got the shape {inputs}")
        if self.padding not in ("same", "valid"):
            raise ParameterError(f"padding = {self.padding!r} is not allowed: give same or valid")
        lost = 0 if self.padding == "same" else self.width - 1
        if min(inputs[:2]) <= lost:
            raise ParameterError(f"a kernel of {self.width} pixels does not fit into an image of shape {inputs}")
        rows, columns = (-(-(pixels - lost) // self.stride) for pixels in inputs[:2])
        return (rows, columns, self.channels)

    def shapes(self, inputs: Shape) -> dict[str, Shape]:
        shapes: dict[str, Shape] = {"kernel": (self.width**2 * inputs[2], self.channels)}
        if self.bias_start is not None:
            shapes["bias"] = (self.channels,)
        return shapes

    def start(self, inputs: Shape, rng: np.random.Generator) -> dict[str, np.ndarray]:
        weights = {"kernel": self.kernel_start(self.shapes(inputs)["kernel"], rng)}
        if self.bias_start is not None:  # drawn as a row, so that it may share the start of the kernel
            weights["bias"] = self.bias_start((1, self.channels), rng)[0]
        return weights

    def products(self, inputs: Shape) -> float:
        rows, columns, channels = self.outputs(inputs)
        return float(self.width**2 * inputs[2] * channels * rows * columns)

    def kept(self, inputs: Shape) -> float:
        rows, columns, _ = self.outputs(inputs)
        return float(self.width**2 * inputs[2] * rows * columns)

    def forward(self, xp: Any, weights: Arrays, inputs: Any) -> tuple[Any, Any]:
        patches = self._patches(xp, inputs)
        replicas, samples, rows, columns = patches.shape[:4]
        flat = patches.reshape(replicas, samples * rows * columns, -1)
        outputs = xp.matmul(flat, weights["kernel"])
        if "bias" in weights:
            outputs += weights["bias"][:, None, :]
        return outputs.reshape(-1, samples, rows, columns, self.channels), (flat, inputs.shape)

    def backward(self, xp: Any, weights: Arrays, cache: Any, slope: Any, gradient: Arrays) -> Any:
        patches, shape = cache
        flat = slope.reshape(len(slope), -1, self.channels)
        gradient["kernel"][...] = xp.matmul(patches.swapaxes(1, 2), flat)
        if "bias" in weights:
            gradient["bias"][...] = flat.sum(axis=1)
        return self._pulled(xp, weights["kernel"], flat, slope.shape[:4], shape[2:])

    def _border(self) -> tuple[int, int]:
        """Zeros before and behind the pixels of a row."""
        return ((self.width - 1) // 2, self.width // 2) if self.padding == "same" else (0, 0)

    def _windows(self, rows: int, columns: int) -> list[tuple[int, int, slice, slice]]:
        """For each pixel of the kernel, the pixels of the padded image that it meets."""
        last_row, last_column = (self.stride * (count - 1) + 1 for count in (rows, columns))
        return [
            (a, b, slice(a, a + last_row, self.stride), slice(b, b + last_column, self.stride))
            for a in range(self.width)
            for b in range(self.width)
        ]

    def _patches(self, xp: Any, images: Any) -> Any:
        """What each output sees: (R, n, rows, columns, width, width, channels)."""
        replicas, samples, height, breadth, channels = images.shape
        before, behind = self._border()
        if before or behind:
            around = before + behind
            padded = xp.zeros((replicas, samples, height + around, breadth + around, channels), dtype=images.dtype)
            padded[:, :, before : before + height, before : before + breadth] = images
            images = padded
        rows, columns, _ = self.outputs((height, breadth, channels))
        shape = (replicas, samples, rows, columns, self.width, self.width, channels)
        patches = xp.empty(shape, dtype=images.dtype)
        for a, b, high, wide in self._windows(rows, columns):
            patches[:, :, :, :, a, b] = images[:, :, high, wide]
        return patches

    def _pulled(self, xp: Any, kernel: Any, slope: Any, outputs: Shape, image: Shape) -> Any:
        """∂L/∂inputs from the slope (R, n·rows·columns, channels): one matrix product for each pixel of the kernel."""
        replicas, samples, rows, columns = outputs
        before, behind = self._border()
        height, breadth, channels = image
        shape = (replicas, samples, height + before + behind, breadth + before + behind, channels)
        images = xp.zeros(shape, dtype=slope.dtype)
        parts = kernel.reshape(-1, self.width, self.width, channels, self.channels).swapaxes(3, 4)
        for a, b, high, wide in self._windows(rows, columns):
            pulled = xp.matmul(slope, parts[:, a, b])
            images[:, :, high, wide] += pulled.reshape(replicas, samples, rows, columns, channels)
        return images[:, :, before : before + height, before : before + breadth]
