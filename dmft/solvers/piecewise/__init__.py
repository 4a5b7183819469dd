"""Exact integration of gradient flows that are affine inside cones: one ReLU neuron with the square loss.

Inside a cone the flow is a sum of exponentials, so nothing is discretised: the only numerics are a singular value
decomposition per cone and the first zero of sums of exponentials. That zero cannot be missed, see :mod:`.roots`.
"""
