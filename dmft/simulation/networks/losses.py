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


def actor_critic(entropy: float, value: float) -> Loss:
    """The loss of an actor–critic: −A ln π(a) − entropy·H(π) + value·½ (V − G)², mean over the n samples.

    The last output is the value V, the others z give π = softmax(z) with its entropy H; a target (…, 3) is the action
    a, its advantage A and the return G. The advantage is a given number: it has no derivative.

    References
    ----------
    Mnih et al., arXiv:1602.01783, section 4.
    """

    def loss(xp: Any, outputs: Any, targets: Any) -> tuple[Any, Any]:
        count = outputs.shape[1]
        logits, error = outputs[..., :-1], outputs[..., -1] - targets[..., 2]
        logs = logits - logits.max(axis=2, keepdims=True)
        logs -= xp.log(xp.exp(logs).sum(axis=2, keepdims=True))
        chosen = targets[..., :1] == xp.arange(logits.shape[2])
        advantage = targets[..., 1:2]
        policy = xp.exp(logs)
        surprise = -(policy * logs).sum(axis=2, keepdims=True)
        each = -(advantage * chosen * logs).sum(axis=2) - entropy * surprise[..., 0] + 0.5 * value * error * error
        slope = xp.empty_like(outputs)
        slope[..., :-1] = advantage * (policy - chosen) + entropy * policy * (logs + surprise)
        slope[..., -1] = value * error
        slope /= count
        return each.sum(axis=1) / count, slope

    return loss


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
