"""Many games of ``rl-overfitting/gridworld`` at once, compiled: step, observation, choice of actions.

The random numbers of a game are a function of its key and of how many it has drawn, so that games do not depend on
which others are played beside them.
"""

from __future__ import annotations

import numpy as np

from ...solvers.compiled import compiled, compiled_part

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
FIRST, SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
S11, S27, S30, S31, S32 = np.uint64(11), np.uint64(27), np.uint64(30), np.uint64(31), np.uint64(32)
ONE = np.uint64(1)
KEY, NONE = 4, 5


@compiled_part
def mix(x):
    """Stafford's mix 13 of 64 bits, the output function of SplitMix64."""
    x = (x ^ (x >> S30)) * FIRST
    x = (x ^ (x >> S27)) * SECOND
    return x ^ (x >> S31)


@compiled_part
def bits(random, game):
    """The next 64 random bits of a game; random (G, 2) holds its key and its count."""
    random[game, 1] += ONE
    return mix(random[game, 0] + random[game, 1] * GOLDEN)


@compiled_part
def below(random, game, bound):
    """The next integer below `bound` of a game."""
    return np.int64(((bits(random, game) >> S32) * np.uint64(bound)) >> S32)


@compiled
def seed_games(seed, random):
    """Give every game a key of its own."""
    for game in range(random.shape[0]):
        random[game, 0] = mix(mix(np.uint64(seed)) + np.uint64(game + 1) * GOLDEN)
        random[game, 1] = np.uint64(0)


@compiled_part
def begin(game, start, starts, count, idle, anywhere, level, cell, taken, last, clock, random):
    """Start a game on the level that is set: somewhere if `anywhere`, after 0 to `idle` steps in place."""
    taken[game], last[game], clock[game] = 0, -1, 0
    cell[game] = start[level[game]]
    if anywhere:
        cell[game] = starts[level[game], below(random, game, count[level[game]])]
    if idle:
        clock[game] = below(random, game, idle + 1)


@compiled
def restart(who, again, start, starts, count, idle, anywhere, level, cell, taken, last, clock, random):
    """Start the games `who`; with `again` on a level drawn from all, else on the one that is set."""
    for game in who:
        if again:
            level[game] = below(random, game, start.shape[0])
        begin(game, start, starts, count, idle, anywhere, level, cell, taken, last, clock, random)


@compiled
def step(
    who, action, moves, thing, rewards, limit, late, sticky, again,
    start, starts, count, idle, anywhere, level, cell, taken, last, clock, random, reward, over,
):  # fmt: skip
    """One step of the games `who`; `reward` and `over` (1 key, 2 out of steps) have the length of `who`.

    With `again` a game that is over starts anew on a level drawn from all.
    """
    for i in range(who.shape[0]):
        game = who[i]
        act = action[i]
        if sticky > 0.0 and last[game] >= 0 and (bits(random, game) >> S11) * 2.0**-53 < sticky:
            act = last[game]
        last[game] = act
        place = level[game]
        there = moves[place, cell[game], act]
        item = thing[place, there]
        cell[game] = there
        clock[game] += 1
        gain, end = 0.0, 0
        if item == KEY:
            gain, end = rewards[place, KEY], 1
        else:
            if item != NONE and not (taken[game] >> item) & 1:
                taken[game] |= 1 << item
                gain = rewards[place, item]
            if clock[game] >= limit:
                gain += late
                end = 2
        reward[i], over[i] = gain, end
        if end and again:
            level[game] = below(random, game, start.shape[0])
            begin(game, start, starts, count, idle, anywhere, level, cell, taken, last, clock, random)


@compiled
def see_map(who, side, where, walls, level, cell, taken, out):
    """Places of the ones in planes of side² cells: player, diamonds, bomb, lightning, key, walls; −1 for what is gone.

    Shape (n, 6 + walls).
    """
    cells = side * side
    for i in range(who.shape[0]):
        game = who[i]
        place, gone = level[game], taken[game]
        out[i, 0] = cell[game]
        for item in range(5):
            plane = item if item > 1 else 1
            out[i, 1 + item] = -1 if (gone >> item) & 1 else plane * cells + where[place, item]
        for wall in range(walls.shape[1]):
            out[i, 6 + wall] = 5 * cells + walls[place, wall]


@compiled
def see_centred(who, side, where, walls, level, cell, taken, out):
    """As :func:`see_map`, objects and walls by their place relative to the player: planes of (2 side − 1)² offsets."""
    cells, wide = side * side, 2 * side - 1
    for i in range(who.shape[0]):
        game = who[i]
        place, gone, here = level[game], taken[game], np.int64(cell[game])
        centre = (side - 1 - here // side) * wide + side - 1 - here % side
        out[i, 0] = here
        for item in range(5):
            plane, there = (item if item > 1 else 1), np.int64(where[place, item])
            offset = there // side * wide + there % side + centre
            out[i, 1 + item] = -1 if (gone >> item) & 1 else cells + (plane - 1) * wide * wide + offset
        for wall in range(walls.shape[1]):
            there = np.int64(walls[place, wall])
            out[i, 6 + wall] = cells + 4 * wide * wide + there // side * wide + there % side + centre


@compiled
def choose(who, outputs, random, action):
    """Draw an action of the games `who` from the probabilities ∝ exp of the first four of their outputs (n, ≥4)."""
    weight = np.empty(4)
    for i in range(who.shape[0]):
        top = max(max(outputs[i, 0], outputs[i, 1]), max(outputs[i, 2], outputs[i, 3]))
        total = 0.0
        for k in range(4):
            weight[k] = np.exp(np.float64(outputs[i, k] - top))
            total += weight[k]
        left = (bits(random, who[i]) >> S11) * 2.0**-53 * total
        chosen = 0
        while chosen < 3 and left >= weight[chosen]:
            left -= weight[chosen]
            chosen += 1
        action[i] = chosen
