"""Adaptive integration of ordinary differential equations, one or thousands at once, compiled by Numba.

A model states its equations as functions with one signature, in a file of their own that is imported only when they
are needed (compiled and kept on disk on first import)::

    # theory/kernels/my_model.py
    from ...solvers.flow.callbacks import event, jacobian, right_side

    @right_side
    def descent(t, y, parameters, data, out):
        for i in range(y.shape[0]):
            out[i] = -parameters[0] * y[i]

    # theory/my_model.py, inside solve()
    from ..solvers.flow.solve import integrate
    from .kernels.my_model import descent

    flows = integrate(descent, (0.0, 10.0), starts, parameters=rates, t_eval=times, rtol=1e-9, atol=1e-12)
    flows.y, flows.status, flows.nfev  # (members, times, n), (members,), (members,)

Two methods. ``dormand_prince`` (default) is explicit, order 5: for flows that are not stiff. ``rosenbrock`` is
implicit and L-stable, order 5: for stiff flows and for those that run to very long times; it wants the Jacobian, or
makes it from differences. For one single flow without events, ``scipy.integrate.solve_ivp`` does as well.
"""
