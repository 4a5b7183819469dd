"""The model against what is known about it."""

import pytest

import dmft


def test_stationary_norm():
    """C(∞) = 2ηT/(1 − (1 − ηk)²), reached up to (1 − ηk)^(2·steps)."""
    run = dmft.solve("noisy-descent", temperature=0.2, steps=100)
    assert run["norm"].last == pytest.approx(2 * 0.1 * 0.2 / (1 - 0.9**2), rel=2 * 0.9**200)


def test_norm_is_proportional_to_the_temperature():
    cold, hot = (dmft.solve("noisy-descent", temperature=T)["norm"].values for T in (0.1, 0.3))
    assert hot == pytest.approx(3.0 * cold)


def test_simulation_agrees():
    """A verdict within what chance allows at a rate of false alarms of 1 %; the seed makes it the same every time."""
    run = dmft.compare("noisy-descent", size=[250, 500, 1000], replicas=20, seed=2)
    assert run.comparison.verdict == "agrees"


def test_bad_temperature_is_refused():
    with pytest.raises(dmft.DMFTError, match="temperature = -1"):
        dmft.solve("noisy-descent", temperature=-1.0)
