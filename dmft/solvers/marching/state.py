"""What a march knows: named tuples, which compiled code can take apart."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Numbers(NamedTuple):
    """The numbers in the equations of a march."""

    load: float  # α
    noise: float  # αΔ
    coupling: float  # Δη
    width: float  # √Δ
    step: float  # η
    decay: float  # 1 − ηλ
    sphere: bool
    amplitude: float
    mean: float  # probability of being active, …
    stay: float  # … and of being so again, …
    join: float  # … or for the first time
    largest: float  # squares beyond it are called divergence
    tolerance: float  # of new forces, relative mean square
    budget: float  # step times paths with D ≠ 0 in the exact response: see response.py
    least: int  # paths in it


class State(NamedTuple):
    """The arrays of a march: n paths, T times, and 1 or 2 copies (and channels)."""

    label: np.ndarray  # (n,)
    direction: np.ndarray  # (n,): x·v/√N of the sample
    active: np.ndarray  # (copies, T, n)
    innovations: np.ndarray  # z (copies, T+1, n)
    basis: np.ndarray  # Q (copies, T, n)
    forces: np.ndarray  # f (copies, T, T)
    fields: np.ndarray  # l (copies, T, T+1); column 0 is the start
    rank: np.ndarray  # (copies,), of the basis
    pending: np.ndarray  # (copies,): its last row is still to be made
    left_out: np.ndarray  # (copies,): number of forces that are combinations of earlier ones
    largest_left_out: np.ndarray  # (copies,)
    response: np.ndarray  # R (T, T)
    memory: np.ndarray  # K (T, T)
    magnetization: np.ndarray  # (T,), and so on
    norm: np.ndarray
    loss: np.ndarray
    error: np.ndarray
    columns: np.ndarray  # (T, T): R transposed, for the exact response
    slopes: np.ndarray  # D (copies, T, n); empty for probes
    carriers: np.ndarray  # (copies,): paths with exact response, summed over steps
    signs: np.ndarray  # ε (copies, T, n) of the probes; empty where the response is exact
    weighted: np.ndarray  # D δ (copies, T, n)
    rows: np.ndarray  # (copies, T)
    kernel: np.ndarray  # (T,)
    work: np.ndarray  # (copies, 5, n): r, ℓ, ∂ℓ/∂r, ∂²ℓ/∂r², margin
