"""A model of its own package: noisy gradient descent in a quadratic bowl."""
