"""What comes out: curves with standard errors, status, runs, files, comparison and figures."""
