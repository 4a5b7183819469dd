"""The loop over steps of one block of members; it and all it calls live here."""

from __future__ import annotations

import numpy as np

from ..compiled import compiled


@compiled
def iterate_block(step, event, kinds, direction, steps, at, stop, y, parameters, path, saved, counted, when, where):
    """Iterate the members of one block in place.

    Parameters
    ----------
    step, event : callbacks
        See :mod:`.callbacks`.
    kinds : int
        Number of event functions.
    direction : array (kinds,)
        +1: only zeros upwards, −1: downwards, 0: both.
    steps : int
        Number of steps.
    at : array (T,) of int
        Steps, in order, before which states are kept.
    stop : array (1,)
        Not zero: end now.
    y : array (n, lanes)
        Starts, then ends.
    parameters : array (p, lanes)
    path : array (T, n, lanes)
    saved : array (2,) of int
        Times kept, and steps done.
    counted : array (kinds, lanes) of int
    when : array (kinds, keep, lanes)
        Steps after which the sign had changed.
    where : array (kinds, keep, n, lanes)
        The states then.
    """
    lanes = y.shape[1]
    old, new = np.zeros((kinds, lanes)), np.zeros((kinds, lanes))
    keep = when.shape[1]
    if kinds:
        event(y, parameters, old)
    for now in range(steps + 1):
        while saved[0] < at.shape[0] and at[saved[0]] == now:
            path[saved[0]] = y
            saved[0] += 1
        saved[1] = now
        if now == steps or stop[0]:
            return
        step(y, parameters)
        if kinds:
            event(y, parameters, new)
            for kind in range(kinds):
                for i in range(lanes):
                    up, down = old[kind, i] < 0.0 <= new[kind, i], new[kind, i] < 0.0 <= old[kind, i]
                    if (up and direction[kind] >= 0.0) or (down and direction[kind] <= 0.0):
                        if counted[kind, i] < keep:
                            when[kind, counted[kind, i], i] = now + 1
                            where[kind, counted[kind, i], :, i] = y[:, i]
                        counted[kind, i] += 1
            old, new = new, old
