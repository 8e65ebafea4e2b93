"""The right answer of each template from the question's words alone: closed formulas and plain NumPy.

An oracle gives the number that is right, or says of each option whether it is. Nothing here computes with the package.
"""

from __future__ import annotations

from collections.abc import Callable
from math import acos, atan2, cos, degrees, hypot, radians, sin, sqrt

import numpy as np

from fedrot_core.learn.quiz import Question
from fedrot_core.vocabulary import METRICS
from tests.core.learn.quiz.reading import Array, matrices, numbers

Truth = float | Callable[[str], bool]

ORACLES: dict[str, Callable[[Question], Truth]] = {}


def oracle(function: Callable[[Question], Truth]) -> Callable[[Question], Truth]:
    ORACLES[function.__name__] = function
    return function


@oracle
def kept_two(q: Question) -> Truth:
    (theta,) = numbers(q)
    return cos(radians(theta) / 2) ** 2


@oracle
def kept_three(q: Question) -> Truth:
    *w, a, b, c = numbers(q)
    assert round(sum(w), 9) == 1
    return float(abs(np.dot(w, np.exp(1j * np.radians([a, b, c])))) ** 2)


@oracle
def kept_angle(q: Question) -> Truth:
    share = numbers(q)[0] / 100
    return degrees(2 * acos(sqrt(share if "keep" in q.text else 1 - share)))


@oracle
def scalar_average(q: Question) -> Truth:
    _, _, n1, b1, a1, _, n2, b2, a2 = numbers(q)
    w = n1 / (n1 + n2)
    if "ideal" in q.text:
        return w * b1 * a1 + (1 - w) * b2 * a2
    return (w * b1 + (1 - w) * b2) * (w * a1 + (1 - w) * a2)


@oracle
def gauge_metric(q: Question) -> Truth:
    wanted = "dependent" if "changes" in q.text else "invariant"
    gauges = {info.label: info.gauge for info in METRICS.values()}
    return lambda option: gauges[option.split(":")[0]] == wanted


@oracle
def same_update(q: Question) -> Truth:
    if q.given:
        (G,) = matrices(q)
    else:
        t = radians(numbers(q)[1])
        G = np.array([[cos(t), -sin(t)], [sin(t), cos(t)]])
    rng = np.random.default_rng(0)
    B, A = rng.standard_normal((3, 2)), rng.standard_normal((2, 4))
    forms = {"G": G, "Gᵀ": G.T, "G⁻¹": np.linalg.inv(G)}

    def right(option: str) -> bool:
        first, second = option.strip("()").split(", ")
        middle = forms[first.removeprefix("B ")] @ forms[second.removesuffix(" A")]
        return bool(np.allclose(B @ middle @ A, B @ A))

    return right


@oracle
def principal_turn(q: Question) -> Truth:
    return numbers(q)[1]


@oracle
def floor(q: Question) -> Truth:
    *values, r = numbers(q)
    squares = np.square(values)
    return float(np.sqrt(squares[int(r) :].sum() / squares.sum()))


@oracle
def ideal_rank(q: Question) -> Truth:
    K, r, d_in, d_out = numbers(q)
    return min(K * r, d_in, d_out)


@oracle
def alignment_helps(q: Question) -> Truth:
    return lambda option: option.startswith("the same update" if "lower" in q.text else "updates in subspaces")


@oracle
def bytes_up(q: Question) -> Truth:
    sent = {
        "FFA-LoRA": "B", "FedSVD": "B", "FedSA-LoRA": "A", "FedIT (naive)": "AB", "FedRot-LoRA": "AB",
        "FLoRA (stacking)": "AB", "FedEx-LoRA": "AB",
    }  # fmt: skip
    label = q.text.split(" adapts")[0]
    layers, d_in, d_out, r, bits, t, _ = numbers(q)
    factors = ("A" if t % 2 else "B") if label == "RoLoRA" else sent[label]
    return layers * r * (d_in * ("A" in factors) + d_out * ("B" in factors)) * bits / 8


@oracle
def exact_method(q: Question) -> Truth:
    exact = {"FFA-LoRA", "RoLoRA", "FedSVD", "FLoRA (stacking)", "FedEx-LoRA"}  # the table of published rules
    return lambda option: (option in exact) == ("exactly" in q.text)


@oracle
def nearest_det(q: Question) -> Truth:
    ((a, b), (c, d)) = matrices(q)[0]
    sign = np.sign(a * d - b * c)
    start = {1: "det = +1", -1: "det = −1: O(2) mirrors", 0: "undetermined"}[int(sign)]
    return lambda option: option.startswith(start)


@oracle
def found_angle(q: Question) -> Truth:
    A, A_ref = matrices(q)
    S = A @ A_ref.T
    return abs(degrees(atan2(S[1, 0] - S[0, 1], S[0, 0] + S[1, 1])))


@oracle
def determined(q: Question) -> Truth:
    r, a, b = numbers(q)[:3]
    which = {(True, False): "A only", (False, True): "B only", (True, True): "either one", (False, False): "neither"}
    return lambda option: which[a == r, b == r] in option


@oracle
def round_side(q: Question) -> Truth:
    t = numbers(q)[-1]
    side = "A" if "match A only" in q.text else "B" if "match B only" in q.text else "A" if t % 2 else "B"
    return lambda option: option.startswith("neither") if t == 0 else option == side


@oracle
def shared_factor(q: Question) -> Truth:
    return lambda option: option.startswith("one common") or option.endswith("from everyone")


@oracle
def scaling(q: Question) -> Truth:
    alpha, r, norm = numbers(q)
    return alpha / r * norm


@oracle
def tiny_error(q: Question) -> Truth:
    _, w1, w2 = numbers(q)
    B1, A1, B2, A2 = matrices(q)
    return float(w1 * w2 * np.linalg.norm(B1 - B2) * np.linalg.norm(A1 - A2))


@oracle
def error_weights(q: Question) -> Truth:
    half, _, w = numbers(q)
    return half * 4 * w * (1 - w)


@oracle
def soft_angle(q: Question) -> Truth:
    theta, strength = numbers(q)
    t = radians(theta)
    return degrees(atan2(strength * sin(t), 1 - strength + strength * cos(t)))


@oracle
def soft_opposite(q: Question) -> Truth:
    theta, strength = numbers(q)
    x, y = 1 - strength + strength * cos(radians(theta)), strength * sin(radians(theta))
    if hypot(x, y) < 1e-9:
        return lambda option: "singular" in option
    return lambda option: option == f"by {degrees(atan2(y, x)):.0f}°"


@oracle
def sign_flips(q: Question) -> Truth:
    K, _, m = numbers(q)
    return ((K - 2 * m) / K) ** 2


@oracle
def svd_signs(q: Question) -> Truth:
    r = numbers(q)[0]
    return 2**r if "In how many" in q.text else 2 ** (r - 1)


@oracle
def turned_halves(q: Question) -> Truth:
    p, half, rest, other_half, *_, r = numbers(q)
    assert other_half == -half
    if "best kept" in q.text and r % 2:
        return 1.0
    t = radians(half)
    return cos(t) ** 2 + ((p - rest) / (p + rest)) ** 2 * sin(t) ** 2


@oracle
def first_step(q: Question) -> Truth:
    exact = numbers(q)[-1] == 1 and "one common A" in q.text
    right = "exact: all clients" if exact else "not exact: both"
    return lambda option: option.startswith(right)


def skewness(counts: Array) -> float:
    """Mean distance of a client's mix from the pooled mix, clients weighted by what they hold."""
    pooled = counts.sum(0) / counts.sum()
    mixes = counts / counts.sum(1, keepdims=True)
    return float((np.abs(mixes - pooled).sum(1) * counts.sum(1)).sum() / counts.sum())


@oracle
def skew(q: Question) -> Truth:
    tables = dict(zip("PQR", matrices(q), strict=True))
    found = sorted(tables, key=lambda name: -skewness(tables[name]))
    asked = [0.1, 1, 100].index(numbers(q)[-1])
    return lambda option: option == found[asked]


@oracle
def table_weight(q: Question) -> Truth:
    (table,) = matrices(q)
    row = table[int(numbers(q)[-1]) - 1]
    return float(row.sum() / table.sum())


@oracle
def participation(q: Question) -> Truth:
    K, part, T = numbers(q)
    return round(K * part) * T
