"""Iteration of discrete maps x' = G(x), one or many thousands at once, compiled by Numba.

A model states its map as a function of a block of members, in a file of its own that is imported only when needed::

    # theory/kernels/my_model.py
    from ...solvers.map.callbacks import event, step

    @step
    def logistic(y, parameters):  # y (n, lanes) is replaced by its image, parameters (p, lanes)
        for i in range(y.shape[1]):
            y[0, i] = parameters[0, i] * y[0, i] * (1.0 - y[0, i])

    # theory/my_model.py, inside solve()
    from ..solvers.map.solve import iterate

    orbits = iterate(logistic, starts, steps, parameters=rates, at=times)
    orbits.y, orbits.y_end  # (members, times, n), (members, n)

The loop over lanes is what the compiler turns into vector instructions. Numbers that leave the range of float64, such
as angles of e^(−1000), are kept as mantissa and exponent: :mod:`.scaled`.
"""
