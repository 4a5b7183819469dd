"""The Rosenbrock method as a table of numbers, in the form of Hairer & Wanner, Solving ODEs II, eq. (IV.7.25).

    (I/(hγ) − J) U_i = f(t + α_i h, y + Σ_j a_ij U_j) + Σ_j (c_ij/h) U_j + γ_i h ∂f/∂t,    y₁ = y + Σ_j m_j U_j

Stiffly accurate: the last two stages enter with weight 1 and the last one is the estimate of the error. The dense
output is  y(θ) = (1−θ) y + θ [y₁ + (1−θ) Σ_k θ^k Σ_j h_kj U_j].
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

Array = np.ndarray


@dataclass(frozen=True)
class Rosenbrock:
    """One method; `order` is that of the error estimate plus one, what the step control needs."""

    name: str
    order: int
    gamma: float
    nodes: tuple[float, ...]
    slopes: tuple[float, ...]
    state: tuple[tuple[float, ...], ...]
    increment: tuple[tuple[float, ...], ...]
    dense: tuple[tuple[float, ...], ...]

    def arrays(self) -> tuple[float, Array, Array, Array, Array, Array]:
        """γ, α, γ_i, a, c and h as the kernels take them; rows of a and c that are not listed end in ones."""
        stages = len(self.increment) + 1
        a, c, h = np.zeros((stages, stages)), np.zeros((stages, stages)), np.zeros((3, stages))
        for i, row in enumerate(self.state, start=1):
            a[i, : len(row)] = row
        for i in range(len(self.state) + 1, stages):  # the stages at t + h: each adds the increment before it
            a[i] = a[i - 1]
            a[i, i - 1] = 1.0
        for i, row in enumerate(self.increment, start=1):
            c[i, : len(row)] = row
        for i, row in enumerate(self.dense):
            h[i, : len(row)] = row
        nodes, slopes = np.ones(stages), np.zeros(stages)
        nodes[: len(self.nodes)], slopes[: len(self.slopes)] = self.nodes, self.slopes
        return self.gamma, nodes, slopes, a, c, h


#: G. Steinebach, BIT Numer. Math. 63, 27 (2023): order 5, 8 stages, L-stable; dense output of order 4. Not Rodas5,
#: whose error estimate fails on y' = f(t). Rodas4 (order 4), measured beside it on Van der Pol and Oregonator, needs
#: 3 to 5 times as many steps for errors of 1e-9 to 1e-10.
RODAS5P = Rosenbrock(
    "Rodas5P",
    5,
    0.21193756319429014,
    (0.0, 0.6358126895828704, 0.4095798393397535, 0.9769306725060716, 0.4288403609558664),
    (0.21193756319429014, -0.42387512638858027, -0.3384627126235924, 1.8046452872882734, 2.325825639765069),
    (
        (3.0,),
        (2.849394379747939, 0.45842242204463923),
        (-6.954028509809101, 2.489845061869568, -10.358996098473584),
        (2.8029986275628964, 0.5072464736228206, -0.3988312541770524, -0.04721187230404641),
        (-7.502846399306121, 2.561846144803919, -11.627539656261098, -0.18268767659942256, 0.030198172008377946),
    ),
    (
        (-14.155112264123755,),
        (-17.97296035885952, -2.859693295451294),
        (147.12150275711716, -1.41221402718213, 71.68940251302358),
        (165.43517024871676, -0.4592823456491126, 42.90938336958603, -5.961986721573306),
        (24.854864614690072, -3.0009227002832186, 47.4931110020768, 5.5814197821558125, -0.6610691825249471),
        (
            30.91273214028599,
            -3.1208243349937974,
            77.79954646070892,
            34.28646028294783,
            -19.097331116725623,
            -28.087943162872662,
        ),
        (
            37.80277123390563,
            -3.2571969029072276,
            112.26918849496327,
            66.9347231244047,
            -40.06618937091002,
            -54.66780262877968,
            -9.48861652309627,
        ),
    ),
    (
        (
            25.948786856663858,
            -2.5579724845846235,
            10.433815404888879,
            -2.3679251022685204,
            0.524948541321073,
            1.1241088310450404,
            0.4272876194431874,
            -0.17202221070155493,
        ),
        (
            -9.91568850695171,
            -0.9689944594115154,
            3.0438037242978453,
            -24.495224566215796,
            20.176138334709044,
            15.98066361424651,
            -6.789040303419874,
            -6.710236069923372,
        ),
        (
            11.419903575922262,
            2.8879645146136994,
            72.92137995996029,
            80.12511834622643,
            -52.072871366152654,
            -59.78993625266729,
            -0.15582684282751913,
            4.883087185713722,
        ),
    ),
)
