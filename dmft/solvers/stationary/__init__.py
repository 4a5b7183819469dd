"""Stationary states of discrete-time DMFT, solved on functions of the lag: no march through the transient."""
