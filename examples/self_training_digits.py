"""Pseudolabels on digits with and without input consistency, and how far the theorem's constants can be measured.

    python examples/self_training_digits.py [FILE.png]

Few labels make a pseudolabeler; fresh networks learn its labels on all images, alone or with a penalty on changes of
the output within a ball: Gaussian noise of that length, or the direction that changes most (virtual adversarial
training, arXiv:1704.03976). Eight replicas with labels and starts of their own. Under a minute on one core.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from dmft.results.statistics import two_sigma_factor
from dmft.simulation.networks import starts
from dmft.simulation.networks.activations import ReLU
from dmft.simulation.networks.data.digits import digits
from dmft.simulation.networks.dense import Dense
from dmft.simulation.networks.losses import cross_entropy
from dmft.simulation.networks.network import Network
from dmft.simulation.networks.optimisers import Adam
from dmft.theory.expansion_bounds import denoising_bound, denoising_failure, log_expansion

REPLICAS, HIDDEN, BATCH = 8, 64, 64
LABELLED = (60, 240)
RATE, STEPS, PENALTY = 3e-3, 200, 2.0
#: Length of a perturbation; images have the norm 8 on average.
RADIUS = 2.0
#: Perturbations that look for an inconsistency of an image.
LOOKS = 10
KINDS = {"none": "pseudolabels alone", "noise": "+ noise", "adversarial": "+ adversarial"}


@dataclass
class Data:
    """Images to learn from and to test with, float32."""

    inputs: np.ndarray
    labels: np.ndarray
    test_inputs: np.ndarray
    test_labels: np.ndarray


def load() -> Data:
    found = digits().flat()
    images = (part.astype(np.float32) for part in (found.inputs, found.test_inputs))
    inputs, test_inputs = images
    return Data(inputs, found.labels, test_inputs, found.test_labels)


def softmax(outputs: np.ndarray) -> np.ndarray:
    shifted = np.exp(outputs - outputs.max(axis=2, keepdims=True))
    return shifted / shifted.sum(axis=2, keepdims=True)


def pull(network: Network, weights: np.ndarray, caches: list, slope: np.ndarray) -> np.ndarray:
    """Slope at the inputs, of the loss whose slope at the outputs is given."""
    arrays, unused = network.views(weights), network.views(np.empty_like(weights))
    for index in reversed(range(len(network.layers))):
        slope = network.layers[index].backward(np, arrays[index], caches[index], slope, unused[index])
    return slope


def of_length(directions: np.ndarray, radius: float) -> np.ndarray:
    return directions * (radius / np.maximum(np.linalg.norm(directions, axis=2, keepdims=True), 1e-12))


def adversarial(network: Network, weights: np.ndarray, x: np.ndarray, target: np.ndarray, noise: np.ndarray):
    """One step of the power method from `noise` towards the perturbation that changes the output most."""
    outputs, caches = network.forward(np, weights, x + of_length(noise, 0.5))
    return pull(network, weights, caches, cross_entropy(np, outputs, target)[1])


def perturbation(kind: str, network: Network, weights, x, target, rngs) -> np.ndarray:
    noise = np.stack([rng.standard_normal(x.shape[1:], dtype=np.float32) for rng in rngs])
    return of_length(noise if kind == "noise" else adversarial(network, weights, x, target, noise), RADIUS)


def train(network: Network, inputs, labels, kind: str, rngs, steps: int) -> np.ndarray:
    """Networks (R, P) on inputs (R, n, 64) and labels (R, n), each replica with batches of its own."""
    weights = network.start(rngs).astype(np.float32)
    optimiser = Adam()
    state = optimiser.start(np, weights)
    count, rows = labels.shape[1], np.arange(len(rngs))[:, None]
    for step in range(steps):
        chosen = np.stack([rng.permutation(count)[:BATCH] for rng in rngs])
        x = inputs[rows, chosen] if len(inputs) > 1 else inputs[0][chosen]
        y = np.eye(10, dtype=np.float32)[labels[rows, chosen]]
        _, gradient, outputs, _ = network.descend(np, weights, x, y, cross_entropy)
        if kind != "none":  # the clean output is the target, and does not move: arXiv:1704.03976
            target = softmax(outputs)
            moved = x + perturbation(kind, network, weights, x, target, rngs)
            gradient = gradient + PENALTY * network.descend(np, weights, moved, target, cross_entropy)[1]
        rate = RATE * min(1.0, 2.0 * (1.0 - step / steps))
        weights, state = optimiser.step(np, weights, gradient, state, rate)
    return weights


def predict(network: Network, weights: np.ndarray, inputs: np.ndarray) -> np.ndarray:
    return np.argmax(network.forward(np, weights, inputs[None])[0], axis=2)


def inconsistency(network: Network, weights: np.ndarray, inputs: np.ndarray, rngs) -> np.ndarray:
    """Part (R,) of images with another answer at a perturbation that was tried: a lower bound of R_B(G)."""
    outputs, _ = network.forward(np, weights, inputs[None])
    answer, target = np.argmax(outputs, axis=2), softmax(outputs)
    changed = np.zeros(answer.shape, dtype=bool)
    x = np.broadcast_to(inputs, (len(weights), *inputs.shape))
    for look in range(LOOKS):
        kind = "noise" if look % 2 else "adversarial"
        moved = x + perturbation(kind, network, weights, x, target, rngs)
        changed |= np.argmax(network.forward(np, weights, moved)[0], axis=2) != answer
    return changed.mean(axis=1)


def half_space_expansion(data: Data, mass: float, radius: float) -> float:
    """Upper bound on c(mass) from sets {u·x > q} of each class, u its first principal directions and their opposites.

    N(V) lies within {u·x > q − 2r}, whose part of the class is counted.
    """
    least = np.inf
    for label in range(10):
        images = data.inputs[data.labels == label].astype(float)
        images -= images.mean(axis=0)
        for u in np.linalg.svd(images, full_matrices=False)[2][:10]:
            for along in (images @ u, -images @ u):
                edge = np.quantile(along, 1.0 - mass)
                least = min(least, np.mean(along > edge - 2.0 * radius) / np.mean(along > edge))
    return float(least)


def spread(data: Data) -> float:
    """Largest standard deviation of a class along any direction."""
    return max(
        float(np.linalg.svd(part - part.mean(axis=0), compute_uv=False)[0]) / len(part) ** 0.5
        for part in (data.inputs[data.labels == label] for label in range(10))
    )


def near_another_class(data: Data, radius: float) -> float:
    """Part of the images with an image of another class within the radius: μ on the sample."""
    squares = (data.inputs**2).sum(axis=1)
    distance = squares[:, None] + squares - 2.0 * data.inputs @ data.inputs.T
    return float(np.any((distance < radius**2) & (data.labels[:, None] != data.labels), axis=1).mean())


def run(data: Data, labelled: int) -> dict[str, np.ndarray]:
    """Errors and inconsistencies (R,) with this number of labels, by name."""
    rngs = [np.random.default_rng(np.random.SeedSequence(1, spawn_key=(labelled, i))) for i in range(REPLICAS)]
    hidden = (Dense(HIDDEN, starts.fan_in(2.0)), ReLU())
    network = Network((*hidden, Dense(10)), (64,))
    chosen = np.stack([rng.permutation(len(data.labels))[:labelled] for rng in rngs])
    teacher = train(network, data.inputs[chosen], data.labels[chosen], "none", rngs, STEPS)
    pseudo = predict(network, teacher, data.inputs)
    wrong = pseudo != data.labels
    found = {
        "pseudolabels": wrong.mean(axis=1),
        "pseudolabels, test": np.mean(predict(network, teacher, data.test_inputs) != data.test_labels, axis=1),
        "largest class mass": np.max([wrong[:, data.labels == label].mean(axis=1) for label in range(10)], axis=0),
    }
    for kind in KINDS:
        student = train(network, data.inputs[None], pseudo, kind, rngs, STEPS)
        answer = predict(network, student, data.inputs)
        found[kind] = np.mean(answer != data.labels, axis=1)
        found[f"{kind}, test"] = np.mean(predict(network, student, data.test_inputs) != data.test_labels, axis=1)
        found[f"{kind}, changed"] = inconsistency(network, student, data.inputs[::4], rngs)
        found[f"{kind}, disagrees"] = np.mean(answer != pseudo, axis=1)
    return found


def mean(values: np.ndarray) -> tuple[float, float]:
    """Mean and standard error over replicas."""
    return float(values.mean()), two_sigma_factor(len(values)) * float(values.std(ddof=1)) / len(values) ** 0.5


def told(values: np.ndarray) -> str:
    return "{:.4f} ± {:.4f}".format(*mean(values))


def report(data: Data, labelled: int, found: dict[str, np.ndarray]) -> None:
    """One block of the table: what was measured, and what the theorem would need."""
    print(f"\n{labelled} labels, {REPLICAS} replicas (± one standard error)")
    print(f"  pseudolabels: error {told(found['pseudolabels'])}, test {told(found['pseudolabels, test'])}")
    for kind, words in KINDS.items():
        gain = found[kind] - found["pseudolabels"]
        print(
            f"  {words:19} error {told(found[kind])}, test {told(found[f'{kind}, test'])}, "
            f"minus pseudolabels {told(gain)}; inconsistent at least {told(found[f'{kind}, changed'])}"
        )
    mass, mu = float(found["largest class mass"].mean()), near_another_class(data, RADIUS)
    above = half_space_expansion(data, mass, RADIUS)
    gaussian = float(np.exp(log_expansion(np.log(mass), 2.0 * RADIUS / spread(data))))
    failed = denoising_failure(mass, above)
    bound = denoising_bound(float(found["pseudolabels"].mean()), mu, mass, above)
    print(
        f"  ā = {mass:.3f}; c cannot be measured in 64 dimensions: at most {above:.2f} by half-spaces, {gaussian:.2f}",
        end="",
    )
    print(f" if each class were Gaussian; μ on the sample {mu:.4f}")
    print(f"  theorem: {failed or f'no hypothesis is seen to fail; with the upper bound as c, error <= {bound:.4f}'}")


def draw(data: Data, results: dict[int, dict[str, np.ndarray]], path: Path) -> None:
    figure = Figure((9.0, 3.4), layout="constrained")
    bars, right = figure.subplots(1, 2)
    colours = ("#555555", "#E69F00", "#0072B2", "#D55E00")
    for column, labelled in enumerate(LABELLED):
        for offset, (name, colour) in enumerate(zip(("pseudolabels", *KINDS), colours, strict=True)):
            value, error = mean(results[labelled][name])
            words = KINDS.get(name, "pseudolabels") if column == 0 else None
            bars.bar(column + 0.2 * offset, value, 0.18, yerr=2.0 * error, color=colour, label=words)
    bars.set_xticks(np.arange(len(LABELLED)) + 0.3, [f"{count} labels" for count in LABELLED])
    bars.set(ylabel="error on the unlabelled images", title="(a) a network on pseudolabels")
    bars.legend(fontsize=7)
    radii = np.linspace(0.25, 5.0, 20)
    for mass, colour in ((0.05, colours[2]), (0.15, colours[1]), (0.3, colours[3])):
        found = [half_space_expansion(data, mass, radius) for radius in radii]
        gauss = [np.exp(log_expansion(np.log(mass), 2.0 * radius / spread(data))) for radius in radii]
        right.plot(radii, found, "o", ms=3, color=colour, label=f"$a={mass:g}$")
        right.plot(radii, gauss, color=colour, lw=1.0)
    right.axhline(3.0, color="0.5", ls="--", lw=0.8)
    right.axvline(RADIUS, color="0.8", lw=0.8)
    right.set(
        xlabel="radius $r$", ylabel="upper bound on $c$", yscale="log", title="(b) dots: half-spaces; lines: Gaussian"
    )
    right.legend(fontsize=7)
    figure.savefig(path, dpi=110, metadata={"Software": "dmft"})


def main(path: Path) -> None:
    data, results = load(), {}
    for labelled in LABELLED:
        results[labelled] = run(data, labelled)
        report(data, labelled, results[labelled])
    draw(data, results, path)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "self_training_digits.png"))
