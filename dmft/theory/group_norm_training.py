"""Test error of a trained network against the batch: batch, group, layer and instance normalisation on real images.

There is no theory of this error. What stands here is the published table for another network and other images, under
names of its own: it shows the same shape, not the same numbers, and the noise law of ``group-norm`` predicts neither.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..errors import ParameterError
from ..parameters import declare
from ..results.curve import Coordinate, Observable
from ..results.picture import Guide, Panel
from ..results.progress import Progress
from ..results.solution import Solution
from ..results.status import CONVERGED, Status
from ..solvers.closed_form import ClosedForm
from .base import Model
from .group_norm import NORMS, REFERENCES
from .lists import names, numbers
from .registry import register

Array = np.ndarray
BATCHES = "whole numbers with commas, e.g. 32,16,8"
#: Images per GPU, and validation errors of ResNet-50 on ImageNet in per cent: tables 2 and 1 of arXiv:1803.08494.
PUBLISHED_BATCHES = (2, 4, 8, 16, 32)
PUBLISHED = {"bn": (34.7, 27.3, 24.8, 23.7, 23.6), "gn": (24.1, 24.2, 24.0, 24.2, 24.1)}
ON_BATCH, ON_PUBLISHED, ON_GROUPS = ("batch_size",), ("published_batch",), ("group_count",)
WORDS = {"bn": "batch", "gn": "group", "ln": "layer", "in": "instance"}


@register
@dataclass(frozen=True)
class GroupNormTraining(Model):
    """A small convolutional network on the 8 × 8 digits; its twin has `size` channels in each of two layers."""

    slug: ClassVar[str] = "group-norm/training"
    title: ClassVar[str] = "Test error against batch size with batch, group, layer and instance normalisation"
    references: ClassVar[tuple[str, ...]] = REFERENCES
    observables: ClassVar[tuple[Observable, ...]] = (
        *(Observable(f"{name}_test_error", f"ε_{name.upper()}", f"test error, {WORDS[name]} normalisation", ON_BATCH)
          for name in NORMS),
        *(Observable(f"{name}_train_loss", f"ℓ_{name.upper()}", f"training loss, {WORDS[name]} normalisation", ON_BATCH)
          for name in NORMS),
        Observable("group_test_error", "ε_G", "test error against the number of groups", ON_GROUPS),
        *(Observable(f"published_{name}_error", f"{name.upper()}, published", f"published error of ResNet-50 on "
                     f"ImageNet, {WORDS[name]} normalisation", ON_PUBLISHED) for name in PUBLISHED),
        Observable("published_gap", "Δ", "published error of BN minus that of GN, 2 images per GPU", ()),
        Observable("gap", "Δ", "test error of BN minus that of GN at the smallest batch", ()),
    )  # fmt: skip
    figure: ClassVar[tuple[Panel, ...]] = (
        *(
            Panel(
                f"{name}_test_error",
                log="xy",
                guides=tuple(Guide(f"{other}_test_error", label=other.upper()) for other in NORMS if other != name),
                title=f"{name.upper()} (marks): test error, digits",
            )
            for name in NORMS
        ),
        Panel("group_test_error", log="x", title="group ablation, digits"),
        Panel(
            "published_bn_error",
            log="x",
            guides=(Guide("published_gn_error", label="GN"),),
            title="published: ResNet-50, ImageNet, BN and GN",
        ),
    )
    method: ClassVar[type[ClosedForm]] = ClosedForm
    sizes: ClassVar[tuple[int, ...]] = (16,)
    size_means: ClassVar[str] = "channels of each convolution"

    norms: str = declare("bn,gn,ln,in", "", "normalisations to train with, of bn, gn, ln, in")
    batches: str = declare("32,16,8,4,2", "B", "batches to train with")
    groups: int = declare(4, "G", "groups of channels, of group normalisation", bounds="[1, 1e6]")
    ablation: bool = declare(True, "", "also train with each number of groups, at the largest batch")
    epochs: int = declare(5, "", "how often each image is seen", bounds="[1, 1e6]")
    learning_rate: float = declare(
        0.2, "η", "learning rate of the first step for batches of 32, in proportion for others; it falls to 0 linearly",
        bounds="(0, inf)",
    )  # fmt: skip
    momentum: float = declare(0.9, "μ", "momentum", bounds="[0, 1)")
    data: str = declare("digits", "", "digits, or an .npz or .h5 file with inputs (n, rows, columns) and labels")

    def check(self) -> None:
        chosen = self.chosen
        least = min(self.sizes_of_batches)
        if least < 1:
            raise ParameterError(f"batches = {self.batches!r}: give numbers of samples from 1, e.g. 32,16,8,4,2")
        if least < 2 and "bn" in chosen:
            raise ParameterError(
                f"batches = {self.batches!r}: batch normalisation needs batches of at least 2, or leave bn out of norms"
            )

    @property
    def chosen(self) -> tuple[str, ...]:
        """Names of the normalisations."""
        return names("norms", self.norms, NORMS)

    @property
    def sizes_of_batches(self) -> Array:
        """Batches in increasing order."""
        return np.unique(numbers("batches", self.batches, BATCHES, whole=True))

    def solve(self, method: ClosedForm, progress: Progress) -> Solution:
        """The published table: validation errors in per cent, nothing of this package."""
        values = {f"published_{name}_error": np.array(errors) for name, errors in PUBLISHED.items()}
        values["published_gap"] = np.array(PUBLISHED["bn"][0] - PUBLISHED["gn"][0])
        curves = self.exact_curves(values)
        status = Status(CONVERGED, "published table (ResNet-50, ImageNet), not a prediction for this network")
        axis = np.array(PUBLISHED_BATCHES, dtype=float)
        axes = {"published_batch": Coordinate("published_batch", axis, "B", "images per GPU")}
        return Solution(curves, axes, status, 0, method.as_dict())
