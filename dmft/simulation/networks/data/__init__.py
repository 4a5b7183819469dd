"""What networks are trained on: handwritten digits, a user's arrays, Gaussian mixtures, teacher networks."""
