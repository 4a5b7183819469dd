"""Many runs: grids or adaptive points, done by local processes, Dask or job arrays, kept point by point."""
