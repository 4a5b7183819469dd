"""Right side and events of the flow of ``rl-overfitting/perceptron``: docs/theory/rl_overfitting_perceptron.rst."""

from __future__ import annotations

import math

from ...solvers.compiled import compiled
from ...solvers.flow.callbacks import event, right_side


@compiled
def tails(p, miss, horizon, needed):
    """S_n = Pr[Bin(T−1, P) = n−1] and S_w = Pr[Bin(T−1, P) ≥ n], eq. (3); ``miss`` = 1 − P without round-off."""
    count = horizon - 1.0
    if needed == horizon:
        return p**count, 0.0
    if p <= 0.0:
        return (1.0 if needed == 1.0 else 0.0), 0.0
    log_p, log_m = math.log(p), math.log(miss)
    k = needed - 1.0
    whole = math.lgamma(count + 1.0)
    exact = math.exp(whole - math.lgamma(k + 1.0) - math.lgamma(count - k + 1.0) + k * log_p + (count - k) * log_m)
    # the sum starts at its largest term, which does not underflow where the sum matters
    top = min(count, max(needed, math.floor(horizon * p)))
    ways = whole - math.lgamma(top + 1.0) - math.lgamma(count - top + 1.0)
    term = math.exp(ways + top * log_p + (count - top) * log_m)
    total, up, odds = term, term, p / miss
    k = top
    while k < count and up > 1e-20 * total:
        up *= (count - k) / (k + 1.0) * odds
        total += up
        k += 1.0
    down, k = term, top
    while k > needed and down > 1e-20 * total:
        down *= k / ((count - k + 1.0) * odds)
        total += down
        k -= 1.0
    return exact, min(total, 1.0)


@compiled
def state(theta, parameters):
    """ρ, sin θ, S_n, S_w and P_n."""
    horizon, needed = parameters[2], parameters[3]
    miss = theta / math.pi
    exact, more = tails(1.0 - miss, miss, horizon, needed)
    return math.cos(theta), math.sin(theta), exact, more, more + (1.0 - miss) * exact


@right_side
def episodes(t, y, parameters, data, out):
    """State θ = arccos ρ and ln Q; parameters η1, η2, T, n, 1 for the optimal rate."""
    theta = y[0]
    if not (0.0 < theta < math.pi and abs(y[1]) < 1400.0):  # a trial step that went too far: not a number, so rejected
        out[0], out[1] = math.nan, math.nan
        return
    norm = math.exp(0.5 * y[1])
    rho, sine, exact, more, wins = state(theta, parameters)
    reward, penalty, horizon = parameters[0], parameters[1], parameters[2]
    total = reward + penalty
    if parameters[4] > 0.0:
        share = penalty / total
        noise = (1.0 - 2.0 * share) * wins + share * share
        total = horizon * norm * sine * sine * exact / (math.sqrt(2.0 * math.pi) * rho * noise)
        penalty = share * total
        reward = total - penalty
    noise = ((reward * reward - penalty * penalty) * wins + penalty * penalty) / horizon / norm / norm
    out[0] = 0.5 * noise * rho / sine - total * sine * exact / (math.sqrt(2.0 * math.pi) * norm)
    drift = total * ((1.0 + rho) * exact + 2.0 * more) - 2.0 * penalty
    out[1] = math.sqrt(2.0 / math.pi) * drift / norm + noise


@event
def milestones(t, y, parameters, data, out):
    """Reward above ½; overlap within 1 % of ``parameters[5]``, a fixed point; overlap above ``parameters[6]``."""
    rho, _, _, _, wins = state(y[0], parameters)
    out[0] = wins - 0.5
    out[1] = abs(rho - parameters[5]) - 0.01 * parameters[5]
    out[2] = rho - parameters[6]
