"""Mazes of ``rl-overfitting/gridworld`` from a counter, their exact search and exact expectations, compiled.

A state of a game is ``cell · 16 + taken``: the bits of `taken` are those of the objects 0 to 3 that are gone. Cells are
numbered row by row inside the enclosing wall. Objects: 0 and 1 diamonds, 2 bomb, 3 lightning, 4 key, 5 none.
"""

from __future__ import annotations

import numpy as np

from ...solvers.compiled import compiled, compiled_part

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
FIRST, SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
S27, S30, S31, S32 = np.uint64(27), np.uint64(30), np.uint64(31), np.uint64(32)
BASIC, BLOCKS, TUNNEL = 0, 1, 2
KEY, NONE = 4, 5
#: Added to the key of a level for the number that decides whether its rewards are flipped.
COIN = np.uint64(0xD1B54A32D192ED03)


@compiled_part
def mix(x):
    """Stafford's mix 13 of 64 bits, the output function of SplitMix64."""
    x = (x ^ (x >> S30)) * FIRST
    x = (x ^ (x >> S27)) * SECOND
    return x ^ (x >> S31)


@compiled_part
def draw(key, counter, bound):
    """An integer below `bound`, of the pair (key, counter) alone."""
    return np.int64(((mix(key + counter[0] * GOLDEN) >> S32) * np.uint64(bound)) >> S32)


@compiled_part
def tick(counter):
    """The counter, one further: :func:`draw` then gives another number."""
    counter[0] += np.uint64(1)
    return counter


@compiled_part
def neighbour(side, cell, action):
    """The cell up, down, left or right; −1 outside."""
    row, column = cell // side, cell % side
    row += (action == 1) - (action == 0)
    column += (action == 3) - (action == 2)
    return row * side + column if 0 <= row < side and 0 <= column < side else -1


@compiled_part
def carve(kind, side, blocks, key, counter, wall, stack):
    """Walls of one maze: none, single blocks, or tunnels by a random walk that turns back where it is stuck."""
    wall[:] = kind == TUNNEL
    for _ in range(blocks if kind == BLOCKS else 0):
        cell = draw(key, tick(counter), side * side)
        while wall[cell]:
            cell = draw(key, tick(counter), side * side)
        wall[cell] = True
    if kind != TUNNEL:
        return
    rooms = (side + 1) // 2  # at even rows and columns; a tunnel joins two of them through the cell between
    stack[0] = 2 * draw(key, tick(counter), rooms) * side + 2 * draw(key, tick(counter), rooms)
    wall[stack[0]] = False
    depth = 1
    while depth:
        cell, ways = stack[depth - 1], 0
        for action in range(4):
            middle = neighbour(side, cell, action)
            ways += middle >= 0 and wall[neighbour(side, middle, action)]
        if ways == 0:
            depth -= 1
            continue
        chosen = draw(key, tick(counter), ways)
        for action in range(4):
            middle = neighbour(side, cell, action)
            if middle >= 0 and wall[neighbour(side, middle, action)]:
                if chosen == 0:
                    stack[depth] = neighbour(side, middle, action)
                    wall[middle] = wall[stack[depth]] = False
                    depth += 1
                    break
                chosen -= 1


@compiled_part
def flood(moves, thing, start, seen, stack):
    """Mark in `seen` the cells that can be walked to without bomb, lightning and key; True if the level is solvable."""
    seen[:] = False
    seen[start], stack[0], depth = True, start, 1
    diamonds, key = 0, False
    while depth:
        depth -= 1
        cell = stack[depth]
        diamonds += thing[cell] < 2
        for action in range(4):
            there = moves[cell, action]
            key |= thing[there] == KEY
            if not seen[there] and (thing[there] < 2 or thing[there] == NONE):
                seen[there] = True
                stack[depth] = there
                depth += 1
    return diamonds == 2 and key


@compiled
def make_levels(kind, side, blocks, ids, moves, thing, where, start, starts, count, walls):
    """Tables of the levels `ids` (L,), each of its id alone.

    moves (L, C, 4): the cell behind an action; thing (L, C): the object on a cell; where (L, 5): the cell of an object;
    start (L,); starts (L, C): the first `count` (L,) are cells without object from which the level is solvable;
    walls (L, W): cells that are wall.
    """
    cells = side * side
    wall, seen = np.empty(cells, np.bool_), np.empty(cells, np.bool_)
    stack = np.empty(cells, np.int64)
    counter = np.zeros(1, np.uint64)
    for level in range(ids.shape[0]):
        key = mix(mix(np.uint64(ids[level])) + np.uint64(kind + 1) * GOLDEN)
        counter[0] = 0
        done = False
        while not done:  # draw anew until both diamonds and the key can be had without bomb and lightning
            carve(kind, side, blocks, key, counter, wall, stack)
            for cell in range(cells):
                thing[level, cell] = NONE
                for action in range(4):
                    there = neighbour(side, cell, action)
                    moves[level, cell, action] = cell if there < 0 or wall[there] else there
            for item in range(6):
                cell = draw(key, tick(counter), cells)
                while wall[cell] or thing[level, cell] != NONE:
                    cell = draw(key, tick(counter), cells)
                if item < 5:
                    thing[level, cell], where[level, item] = item, cell
                else:
                    start[level] = cell
            done = flood(moves[level], thing[level], np.int64(start[level]), seen, stack)
        count[level], built = 0, 0
        for cell in range(cells):
            if seen[cell] and thing[level, cell] == NONE:
                starts[level, count[level]] = cell
                count[level] += 1
            if wall[cell]:
                walls[level, built] = cell
                built += 1


@compiled
def coins(kind, ids, out):
    """A number in [0, 1) for each level, of its id alone."""
    for level in range(ids.shape[0]):
        key = mix(mix(np.uint64(ids[level])) + np.uint64(kind + 1) * GOLDEN)
        out[level] = (mix(key ^ COIN) >> np.uint64(11)) * 2.0**-53


@compiled_part
def transitions(moves, thing, rewards, after, gain):
    """Tables (states, 4) of a level: the next state (−1 after the key) and the reward of an action."""
    for cell in range(moves.shape[0]):
        for taken in range(16):
            state = cell * 16 + taken
            for action in range(4):
                there = moves[cell, action]
                item = thing[there]
                after[state, action], gain[state, action] = there * 16 + taken, 0.0
                if item == KEY:
                    after[state, action], gain[state, action] = -1, rewards[KEY]
                elif item < KEY and not (taken >> item) & 1:
                    after[state, action] = there * 16 + (taken | (1 << item))
                    gain[state, action] = rewards[item]


@compiled_part
def idle(after, state):
    """An action that ends no game and takes nothing; −1 if there is none."""
    for action in range(4):
        if after[state, action] >= 0 and after[state, action] % 16 == state % 16:
            return action
    return -1


@compiled
def search(moves, thing, rewards, start, limit, late, actions):
    """The largest return of a level without chance, by breadth-first search over states.

    Returns it with the fewest steps that give it, and writes these `actions` (limit,). Every object pays once and the
    end adds the key's reward or `late`, so a return depends on the state before the end alone, and the shortest way to
    each state is enough.
    """
    states = moves.shape[0] * 16
    after, gain = np.empty((states, 4), np.int32), np.empty((states, 4))
    transitions(moves, thing, rewards, after, gain)
    depth, total = np.full(states, -1, np.int32), np.zeros(states)
    before, via, queue = np.empty(states, np.int32), np.empty(states, np.int8), np.empty(states, np.int32)
    queue[0], depth[start * 16], head, tail = start * 16, 0, 0, 1
    best, steps, last, end = -np.inf, limit, start * 16, -1
    while head < tail:
        state = queue[head]
        head += 1
        if depth[state] <= limit and total[state] + late > best and idle(after, state) >= 0:
            best, steps, last, end = total[state] + late, limit, state, -1
        for action in range(4):
            there = after[state, action]
            if there < 0:
                value = total[state] + gain[state, action]
                better = value > best or (value == best and depth[state] + 1 < steps)
                if better and depth[state] < limit:
                    best, steps, last, end = value, depth[state] + 1, state, action
            elif depth[there] < 0:
                depth[there], total[there] = depth[state] + 1, total[state] + gain[state, action]
                before[there], via[there] = state, action
                queue[tail] = there
                tail += 1
    state, place = last, depth[last]
    while depth[state] > 0:
        actions[depth[state] - 1] = via[state]
        state = before[state]
    state = last
    if end >= 0:
        actions[place] = end
    else:
        for place in range(depth[last], limit):
            actions[place] = idle(after, state)
            state = after[state, actions[place]]
    return best, steps


@compiled
def expectations(moves, thing, rewards, sticky, greedy, late, out):
    """Exact expected return with n steps left, out (limit + 1, C), at each cell with nothing taken and no last action.

    `greedy`: of the best policy that sees state, last action and clock; else of the uniformly random one. `late` is
    what running out of steps adds. With probability `sticky` the last action is repeated in place of the chosen one:
        Q_n(s, a) = r + (1 − ζ) max_b Q_{n−1}(s', b) + ζ Q_{n−1}(s', a).
    """
    states, limit = moves.shape[0] * 16, out.shape[0] - 1
    after, gain = np.empty((states, 4), np.int32), np.empty((states, 4))
    transitions(moves, thing, rewards, after, gain)
    q, new = np.full((states, 4), late), np.empty((states, 4))
    base = np.full(states, late)
    out[0] = late
    for n in range(1, limit + 1):
        for state in range(states):
            for action in range(4):
                there = after[state, action]
                value = gain[state, action]
                if there >= 0:
                    value += (1.0 - sticky) * base[there] + sticky * q[there, action]
                new[state, action] = value
        q, new = new, q
        for state in range(states):
            a, b, c, d = q[state, 0], q[state, 1], q[state, 2], q[state, 3]
            base[state] = max(max(a, b), max(c, d)) if greedy else 0.25 * ((a + b) + (c + d))
        for cell in range(moves.shape[0]):
            out[n, cell] = base[cell * 16]
