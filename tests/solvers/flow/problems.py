"""Published test problems, all as one right side chosen by ``parameters[0]``: one function to compile.

T. E. Hull, W. H. Enright, B. M. Fellen, A. E. Sedgwick, Comparing numerical methods for ordinary differential
equations, SIAM J. Numer. Anal. 9, 603 (1972), known as DETEST: classes A to E on [0, 20], without C5 (five planets).
"""

from __future__ import annotations

import math

import numpy as np

from dmft.solvers.flow.callbacks import jacobian, right_side


@right_side
def detest(t, y, parameters, data, out):
    which, n = int(parameters[0]), y.shape[0]
    if which == 1:
        out[0] = -y[0]
    elif which == 2:
        out[0] = -0.5 * y[0] ** 3
    elif which == 3:
        out[0] = y[0] * math.cos(t)
    elif which == 4:
        out[0] = 0.25 * y[0] * (1.0 - y[0] / 20.0)
    elif which == 5:
        out[0] = (y[0] - t) / (y[0] + t)
    elif which == 11:
        out[0] = 2.0 * (y[0] - y[0] * y[1])
        out[1] = -(y[1] - y[0] * y[1])
    elif which == 12:
        out[0] = -y[0] + y[1]
        out[1] = y[0] - 2.0 * y[1] + y[2]
        out[2] = y[1] - y[2]
    elif which == 13:
        out[0] = -y[0]
        out[1] = y[0] - y[1] ** 2
        out[2] = y[1] ** 2
    elif which == 14:
        r = math.sqrt(y[0] ** 2 + y[1] ** 2)
        out[0] = -y[1] - y[0] * y[2] / r
        out[1] = y[0] - y[1] * y[2] / r
        out[2] = y[0] / r
    elif which == 15:
        out[0] = y[1] * y[2]
        out[1] = -y[0] * y[2]
        out[2] = -0.51 * y[0] * y[1]
    elif which in (21, 22):
        for i in range(n):
            gain = 0.0 if i == 0 else (y[i - 1] if which == 21 else i * y[i - 1])
            loss = 0.0 if i == n - 1 else (y[i] if which == 21 else (i + 1.0) * y[i])
            out[i] = gain - loss
    elif which in (23, 24):
        for i in range(n):
            out[i] = -2.0 * y[i] + (y[i - 1] if i > 0 else 0.0) + (y[i + 1] if i < n - 1 else 0.0)
    elif which < 40:
        r3 = (y[0] ** 2 + y[1] ** 2) ** 1.5
        out[0], out[1] = y[2], y[3]
        out[2], out[3] = -y[0] / r3, -y[1] / r3
    else:
        out[0] = y[1]
        if which == 41:
            out[1] = -(y[1] / (t + 1.0) + (1.0 - 0.25 / (t + 1.0) ** 2) * y[0])
        elif which == 42:
            out[1] = (1.0 - y[0] ** 2) * y[1] - y[0]
        elif which == 43:
            out[1] = y[0] ** 3 / 6.0 - y[0] + 2.0 * math.sin(2.78535 * t)
        elif which == 44:
            out[1] = 0.032 - 0.4 * y[1] ** 2
        else:
            out[1] = math.sqrt(1.0 + y[1] ** 2) / (25.0 - t)


@jacobian
def detest_jacobian(t, y, parameters, data, out):
    """Of B5 and E1."""
    if int(parameters[0]) == 15:
        out[0, 0], out[0, 1], out[0, 2] = 0.0, y[2], y[1]
        out[1, 0], out[1, 1], out[1, 2] = -y[2], 0.0, -y[0]
        out[2, 0], out[2, 1], out[2, 2] = -0.51 * y[1], -0.51 * y[0], 0.0
    else:
        out[0, 0], out[0, 1] = 0.0, 1.0
        out[1, 0], out[1, 1] = -(1.0 - 0.25 / (t + 1.0) ** 2), -1.0 / (t + 1.0)


def _orbit(e: float) -> list[float]:
    return [1.0 - e, 0.0, 0.0, math.sqrt((1.0 + e) / (1.0 - e))]


#: Name to (number, start).
DETEST = {
    "A1": (1, [1.0]),
    "A2": (2, [1.0]),
    "A3": (3, [1.0]),
    "A4": (4, [1.0]),
    "A5": (5, [4.0]),
    "B1": (11, [1.0, 3.0]),
    "B2": (12, [2.0, 0.0, 1.0]),
    "B3": (13, [1.0, 0.0, 0.0]),
    "B4": (14, [3.0, 0.0, 0.0]),
    "B5": (15, [0.0, 1.0, 1.0]),
    "C1": (21, [1.0] + 9 * [0.0]),
    "C2": (22, [1.0] + 9 * [0.0]),
    "C3": (23, [1.0] + 9 * [0.0]),
    "C4": (24, [1.0] + 50 * [0.0]),
    "D1": (31, _orbit(0.1)),
    "D2": (32, _orbit(0.3)),
    "D3": (33, _orbit(0.5)),
    "D4": (34, _orbit(0.7)),
    "D5": (35, _orbit(0.9)),
    "E1": (41, [0.6713967071418030, 0.09540051444747446]),
    "E2": (42, [2.0, 0.0]),
    "E3": (43, [0.0, 0.0]),
    "E4": (44, [30.0, 0.0]),
    "E5": (45, [0.0, 0.0]),
}


@right_side
def stiff(t, y, parameters, data, out):
    """Hairer & Wanner, Solving ODEs II, section IV.10: 1 Van der Pol, 2 Robertson, 3 Oregonator, 4 HIRES."""
    which = int(parameters[0])
    if which == 1:
        out[0] = y[1]
        out[1] = ((1.0 - y[0] ** 2) * y[1] - y[0]) / 1e-6
    elif which == 2:
        out[0] = -0.04 * y[0] + 1e4 * y[1] * y[2]
        out[2] = 3e7 * y[1] ** 2
        out[1] = -out[0] - out[2]
    elif which == 3:
        out[0] = 77.27 * (y[1] + y[0] * (1.0 - 8.375e-6 * y[0] - y[1]))
        out[1] = (y[2] - (1.0 + y[0]) * y[1]) / 77.27
        out[2] = 0.161 * (y[0] - y[2])
    else:
        out[0] = -1.71 * y[0] + 0.43 * y[1] + 8.32 * y[2] + 0.0007
        out[1] = 1.71 * y[0] - 8.75 * y[1]
        out[2] = -10.03 * y[2] + 0.43 * y[3] + 0.035 * y[4]
        out[3] = 8.32 * y[1] + 1.71 * y[2] - 1.12 * y[3]
        out[4] = -1.745 * y[4] + 0.43 * y[5] + 0.43 * y[6]
        out[5] = -280.0 * y[5] * y[7] + 0.69 * y[3] + 1.71 * y[4] - 0.43 * y[5] + 0.69 * y[6]
        out[6] = 280.0 * y[5] * y[7] - 1.81 * y[6]
        out[7] = -out[6]


#: Name to (number, start, end, published digits at the end: Test Set for IVP Solvers, release 2.4).
STIFF = {
    "Van der Pol": (1, [2.0, 0.0], 2.0, [1.706167732170469, -0.8928097010248125]),
    "Robertson": (2, [1.0, 0.0, 0.0], 1e11, [2.083340149701255e-08, 8.333360770334713e-14, 0.9999999791665050]),
    "Oregonator": (3, [1.0, 2.0, 3.0], 360.0, [1.000814870318523, 1228.178521549917, 132.0554942846706]),
    "HIRES": (
        4,
        [1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0057],
        321.8122,
        [7.371312573325668e-4, 1.442485726316185e-4, 5.888729740967575e-5, 1.175651343283149e-3, 2.386356198831331e-3,
         6.238968252742796e-3, 2.849998395185769e-3, 2.850001604814231e-3],
    ),
}  # fmt: skip


@right_side
def oscillator(t, y, parameters, data, out):
    """y' = (−sin t) around the moving circle: y = (cos t, sin t) + the start's offset, turned and damped."""
    x, z = y[0] - math.cos(t), y[1] - math.sin(t)
    out[0] = -math.sin(t) - parameters[0] * x - x * (x * x + z * z)
    out[1] = math.cos(t) - parameters[0] * z - z * (x * x + z * z)


@jacobian
def oscillator_jacobian(t, y, parameters, data, out):
    x, z = y[0] - math.cos(t), y[1] - math.sin(t)
    out[0, 0] = -parameters[0] - 3.0 * x * x - z * z
    out[0, 1] = out[1, 0] = -2.0 * x * z
    out[1, 1] = -parameters[0] - 3.0 * z * z - x * x


def oscillator_exact(t: float, start: tuple[float, float], rate: float) -> np.ndarray:
    """ρ' = −rate ρ − ρ³ is a Bernoulli equation, the direction of the offset is fixed."""
    offset = np.array([start[0] - 1.0, start[1]])
    rho = np.linalg.norm(offset)
    inverse = (1.0 / rho**2 + 1.0 / rate) * math.exp(2.0 * rate * t) - 1.0 / rate
    return np.array([math.cos(t), math.sin(t)]) + offset / rho / math.sqrt(inverse)
