"""Losses: value per replica, and the slope at the outputs that starts a backward pass.

A loss is ``loss(xp, outputs, targets) -> (values (R,), slope (R, n, outputs))``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...errors import ParameterError, UnknownNameError

Loss = Callable[[Any, Any, Any], tuple[Any, Any]]


def square(xp: Any, outputs: Any, targets: Any) -> tuple[Any, Any]:
    """Half the squared error: ½ Σ (outputs − targets)², mean over the n samples."""
    residual = outputs - targets
    count = outputs.shape[1]
    return (residual * residual).sum(axis=(1, 2)) / (2.0 * count), residual / count


def mean_square(xp: Any, outputs: Any, targets: Any) -> tuple[Any, Any]:
    """The squared error: Σ (outputs − targets)², mean over the n samples."""
    values, slope = square(xp, outputs, targets)
    return 2.0 * values, 2.0 * slope


def cross_entropy(xp: Any, outputs: Any, targets: Any) -> tuple[Any, Any]:
    """−Σ targets · ln softmax(outputs), mean over the n samples; targets are one-hot or probabilities."""
    count = outputs.shape[1]
    shifted = outputs - outputs.max(axis=2, keepdims=True)
    exponentials = xp.exp(shifted)
    total = exponentials.sum(axis=2, keepdims=True)
    values = -(targets * (shifted - xp.log(total))).sum(axis=(1, 2)) / count
    mass = targets.sum(axis=2, keepdims=True)
    return values, (exponentials / total * mass - targets) / count


LOSSES: dict[str, Loss] = {"square": square, "mean_square": mean_square, "cross_entropy": cross_entropy}


def loss(name: str) -> Loss:
    """The loss of that name.

    Raises
    ------
    UnknownNameError
    """
    if name not in LOSSES:
        raise UnknownNameError("loss", name, LOSSES)
    return LOSSES[name]


def one_hot(xp: Any, labels: Any, classes: int, dtype: Any) -> Any:
    """Rows of the identity matrix for integer labels of any shape.

    Raises
    ------
    ParameterError
        If a label is not one of 0…classes − 1.
    """
    if labels.size and not (int(labels.min()) >= 0 and int(labels.max()) < classes):
        raise ParameterError(
            f"labels reach from {int(labels.min())} to {int(labels.max())}: give integers from 0 to {classes - 1}"
        )
    return xp.eye(classes, dtype=dtype)[labels]
