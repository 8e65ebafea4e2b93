"""Procrustes, step by step: cross matrix, SVD, determinant, soft strength, on one client with numbers to check."""

from __future__ import annotations

import numpy as np

from fedrot_core.figures.lesson.circles import stretch_and_turn
from fedrot_core.figures.lesson.everyone import everyone
from fedrot_core.figures.lesson.fit import turned_by_hand
from fedrot_core.figures.lesson.matrices import Panel, product_of
from fedrot_core.figures.lesson.mirror import mirror
from fedrot_core.figures.lesson.plane_marks import signed_degrees
from fedrot_core.figures.lesson.soft import soft_cliff, soft_strength
from fedrot_core.learn.examples.latex import bmatrix
from fedrot_core.learn.examples.procrustes_steps import (
    HAND_ANGLES,
    STRENGTHS,
    Fit,
    by_hand,
    cliff,
    fit,
    outcome,
    soft,
)
from fedrot_core.learn.examples.small_federation import CLIENTS
from fedrot_core.learn.lessons.base import (
    Choice,
    Curve,
    Estimate,
    Knob,
    Lesson,
    Move,
    Runs,
    Scene,
    Step,
    Values,
    register,
)
from fedrot_core.records import Array
from fedrot_core.wording import degrees, percent

Rows = tuple[tuple[str, str], ...]

ORTHOGONAL = 1e-9
"""Departure from ``XᵀX = I`` that is rounding."""

GROUPS = {"SO": "rotations only", "O": "rotations and reflections"}

QUARTERS = tuple(n / 4 for n in range(5))
QUARTER_TICKS = ("0", "¼", "½", "¾", "1")


def _client(values: Values) -> tuple[int, Fit]:
    k = int(values["who"])
    return k, fit(k)


def _sign(det: int) -> str:
    """+1 or −1."""
    return f"{det:+d}".replace("-", "−")


def _hand(values: Values, runs: Runs) -> Scene:
    return _by_hand(values, asked=False)


def _hand_before(values: Values, runs: Runs) -> Scene:
    return _by_hand(values, asked=True)


def _by_hand(values: Values, asked: bool) -> Scene:
    (k, f), hand = _client(values), float(values["hand"])
    h, best = by_hand(k, hand), (f.angle, f.misfit_rotated)
    facts = {
        "hand": signed_degrees(hand), "misfit": percent(h.misfit), "best": signed_degrees(f.angle),
        "least": percent(f.misfit_rotated),
    }  # fmt: skip
    return Scene(
        lambda mode: turned_by_hand(
            k, h.columns, h.reference, hand, h.misfit, h.angles, h.misfits, best, mode, asked
        ),
        {} if asked else facts,
    )  # fmt: skip


def _cross(values: Values, runs: Runs) -> Scene:
    k, f = _client(values)
    panels = (
        Panel("A", f"<b>A</b> of client {k}", f.A),
        Panel("A_refᵀ", "<b>A_refᵀ</b>", f.A_ref.T, "·"),
        Panel("S", "<b>S</b>", f.S, "="),
    )
    overlap, best = f"{f.overlap:.1f}".replace("-", "−"), f"{f.overlap_best:.1f}"
    title = f"Client {k}: the diagonal of S sums to {overlap}; the best R makes it {best}"
    alt = (
        f"A of client {k} times the reference's A, transposed, gives the 2 by 2 cross matrix S. Its diagonal sums to "
        f"{overlap}; no orthogonal R makes it more than {best}."
    )
    limit = max(float(np.abs(fit(n).S).max()) for n in range(CLIENTS))
    return Scene(
        lambda mode: product_of(panels, title, alt, mode, limit),
        {"overlap": overlap, "best": best, "client": str(k)},
        worked_cross(k, f),
    )


def _circle(values: Values, runs: Runs) -> Scene:
    k, f = _client(values)
    back = f"turns the client back by {signed_degrees(f.angle)}" if f.det > 0 else "mirrors the client back"
    return Scene(
        lambda mode: stretch_and_turn(f.U, f.sigma, f.Vt, f.UV, f.det, mode),
        {"s1": f"{f.sigma[0]:.1f}", "s2": f"{f.sigma[1]:.1f}", "back": back},
        worked_cross(k, f)[2:] + worked_svd(f),
    )


def _circle_before(values: Values, runs: Runs) -> Scene:
    _, f = _client(values)
    return Scene(lambda mode: stretch_and_turn(f.U, f.sigma, f.Vt, f.UV, f.det, mode, asked=True))


def _makes_a_turn(values: Values, runs: Runs) -> int:
    """Index of the only option that gives an orthogonal matrix."""
    _, f = _client(values)
    options = (f.U @ f.Vt, f.U @ np.diag([1.0, 0.0]) @ f.Vt, f.U @ np.diag(f.sigma))
    return next(n for n, X in enumerate(options) if np.abs(X.T @ X - np.eye(len(X))).max() < ORTHOGONAL)


def _mirror(values: Values, runs: Runs) -> Scene:
    return _mirrored(values, asked=False)


def _mirror_before(values: Values, runs: Runs) -> Scene:
    return _mirrored(values, asked=True)


def _mirrored(values: Values, asked: bool) -> Scene:
    k, f = _client(values)
    columns = (f.A.T, f.turned.T, f.rotated.T)
    frames = (f.UV, f.UV.T @ f.UV, f.rotation.T @ f.UV)
    misfits = (f.misfit, f.misfit_turned, f.misfit_rotated)
    known = {"client": str(k), "det": _sign(f.det)}
    found = {"orthogonal": percent(f.misfit_turned), "rotation": percent(f.misfit_rotated)}
    return Scene(
        lambda mode: mirror(k, columns, f.A_ref.T, frames, misfits, f.det, mode, asked),
        known if asked else known | found,
        () if asked else worked_svd(f)[-2:] + worked_fix(f),
    )


def _rotation_is_worse(values: Values, runs: Runs) -> int:
    _, f = _client(values)
    return int(f.misfit_rotated > f.misfit_turned + ORTHOGONAL)


def _with_det(det: int) -> int:
    """The first client whose best orthogonal matrix has this determinant."""
    return next(k for k in range(CLIENTS) if fit(k).det == det)


def _soft(values: Values, runs: Runs) -> Scene:
    theta, strength = float(values["angle"]), float(values["soft"])
    s = soft(theta, strength)
    return Scene(
        lambda mode: soft_strength(theta, s.strengths, s.polar, s.errors, s.best, s.at, mode),
        {
            "theta": degrees(theta),
            "lambda": f"{strength:g}",
            "polar": "an arbitrary angle" if np.isnan(s.angle) else degrees(s.angle),
            "straight": degrees(strength * theta),
            "best": f"{s.strengths[s.best]:g}",
            "least": percent(float(s.errors[s.best])),
        },
    )


def _soft_before(values: Values, runs: Runs) -> Scene:
    theta, strength = float(values["angle"]), float(values["soft"])
    s = soft(theta, strength)
    return Scene(lambda mode: soft_strength(theta, s.strengths, s.polar, s.errors, s.best, s.at, mode, asked=True))


def _soft_angles(values: Values, runs: Runs) -> list[float]:
    """The angle turned at each quarter of λ; where it is arbitrary, half of θ, which it has just beside."""
    theta = float(values["angle"])
    found = [soft(theta, strength).angle for strength in QUARTERS]
    return [theta / 2 if np.isnan(angle) else angle for angle in found]


def _cliff(values: Values, runs: Runs) -> Scene:
    c, at = cliff(), round(float(values["soft"]) * (len(STRENGTHS) - 1))
    angle = float(c.polar[-1, at])
    return Scene(
        lambda mode: soft_cliff(c.angles, c.strengths, c.polar, c.margins, at, mode),
        {
            "lambda": f"{c.strengths[at]:g}",
            "polar": "an arbitrary angle" if np.isnan(angle) else degrees(angle),
            "least": f"{c.margins[-1].min():.1g}" if c.margins[-1].min() > ORTHOGONAL else "0",
        },
    )


def _cliff_before(values: Values, runs: Runs) -> Scene:
    c = cliff()
    return Scene(lambda mode: soft_cliff(c.angles, c.strengths, c.polar, c.margins, 0, mode, asked=True))


def _jumps(values: Values, runs: Runs) -> int:
    """What the half turn does between the strengths just below and above one half."""
    c, middle = cliff(), len(STRENGTHS) // 2
    below, above = float(c.polar[-1, middle - 1]), float(c.polar[-1, middle + 1])
    return 2 if above < 1 else 1 if above - below > 170 else 0


def _all(values: Values, runs: Runs) -> Scene:
    return _everyone(values, asked=False)


def _all_before(values: Values, runs: Runs) -> Scene:
    return _everyone(values, asked=True)


def _everyone(values: Values, asked: bool) -> Scene:
    (k, f), group = _client(values), str(values["mirror"])
    o = outcome(group)
    name = GROUPS[group]
    facts = {
        "group": name, "error": percent(o.error), "after": percent(o.error_after), "floor": percent(o.floor),
    }  # fmt: skip
    worked = worked_cross(k, f)[2:] + worked_svd(f) + worked_fix(f) + worked_turned(k, f, group)
    return Scene(
        lambda mode: everyone(
            o.misfits, o.misfits_after, o.error, o.error_after, o.floor, k, name.capitalize(), mode, asked
        ),
        {} if asked else facts,
        () if asked else worked,
    )  # fmt: skip


def worked_cross(k: int, f: Fit) -> Rows:
    """A, the reference's, and S."""
    return (
        (f"A as client {k} sent it", f"A_{k} = {bmatrix(f.A)}"),
        ("The reference", rf"A_\mathrm{{ref}} = {bmatrix(f.A_ref)}"),
        ("Cross matrix", rf"S = A_{k} A_\mathrm{{ref}}^\top = {bmatrix(f.S)}"),
    )


def worked_svd(f: Fit) -> Rows:
    """S as turn, stretch, turn; the orthogonal matrix in it; its determinant."""
    return (
        ("Its SVD", rf"S = U \Sigma V^\top = {bmatrix(f.U)} {bmatrix(np.diag(f.sigma))} {bmatrix(f.Vt)}"),
        ("Both stretches set to 1", rf"U V^\top = {bmatrix(f.UV)}"),
        ("Determinant", rf"\det(U V^\top) = {f.det:+d}"),
    )


def worked_fix(f: Fit) -> Rows:
    """The determinant fix."""
    signs: Array = np.diag([1.0, float(f.det)])
    return (
        (
            "Determinant fix: the best rotation",
            rf"R = U \begin{{bmatrix}} 1 & 0 \\ 0 & \det(U V^\top) \end{{bmatrix}} V^\top = "
            rf"{bmatrix(f.U)} {bmatrix(signs)} {bmatrix(f.Vt)} = {bmatrix(f.rotation)}",
        ),
    )


def worked_turned(k: int, f: Fit, group: str) -> Rows:
    """The client's A after the turn."""
    name, A = (r"(U V^\top)^\top", f.turned) if group == "O" else (r"R^\top", f.rotated)
    return ((f"A of client {k}, turned", rf"{name} A_{k} = {bmatrix(A)}"),)


register(
    Lesson(
        name="procrustes",
        title="Procrustes, step by step",
        question="Which turn brings a client onto the reference, and how is it found?",
        gist="One small singular value decomposition gives the rotation that brings a client closest to the "
        "reference. A soft turn goes part of the way; a mirrored frame needs a reflection.",
        minutes=15,
        icon="straighten",
        knobs=(
            Knob(
                "who",
                "Client",
                "Whose factors are turned. Four clients were trained for this lesson.",
                0,
                0,
                CLIENTS - 1,
            ),
            Knob("hand", "Your hand", "Turns the client's arrows.", 0, HAND_ANGLES[0], HAND_ANGLES[-1], 5, "°"),
            Knob("angle", "Turn θ", "How far two of the four clients are turned away.", 150, 0, 180, 5, "°"),
            Knob("soft", "Strength λ", "0 leaves clients as sent, 1 turns them fully.", 0.3, 0, 1, 0.05),
            Knob("mirror", "Allowed turns", "Whether a turn may also mirror.", "SO", choices=GROUPS),
        ),
        steps=(
            Step(
                title="Turn it by hand",
                text="A [[client]]'s columns of [[A]] resemble those of the [[reference]], the "
                "server's last average, but differ in [[frame]] and scale. Dotted lines show the [[misfit]].",
                do="Turn the client with “Your hand” until it fits, then predict.",
                predict=Estimate(
                    "By which angle must the client be turned?",
                    HAND_ANGLES[0],
                    HAND_ANGLES[-1],
                    5,
                    "°",
                    lambda values, runs: _client(values)[1].angle,
                ),
                scene=_hand,
                before=_hand_before,
                after="The misfit is smallest at {best}: {least}, which no turn removes. Your hand, "
                "at {hand}, leaves {misfit}. [[procrustes]] finds the best angle without searching.",
                knobs=("hand", "who"),
                play="hand",
                notes="Let somebody in the class say when to stop. What remains at the best angle "
                "has nothing to do with the frame: the client has learned something since, and its factors are "
                "scaled differently.",
            ),
            Step(
                title="The cross matrix",
                text="[[S]] multiplies each row of the client's [[A]] by each row of the "
                "[[reference]]'s. Its diagonal says how well corresponding rows match.",
                do="Pick another client and read its diagonal.",
                scene=_cross,
                after="As sent, client {client}'s diagonal sums to {overlap}. The best orthogonal "
                "[[R]] makes it {best}, the sum of both [[singular]]. The larger this sum, the smaller the "
                "[[misfit]].",
                knobs=("who",),
                notes="Expand the squared misfit: it is two constants minus twice the trace, so the "
                "smallest misfit goes with the largest trace. All of A has shrunk to a matrix of size r by r. "
                "In even rounds FedRot does the same with B.",
            ),
            Step(
                title="Keep the turn, drop the stretch",
                text="The [[svd]] splits [[S]] into a turn, a stretch and a turn. A [[client]] may "
                "only turn: a stretch would change its [[update]].",
                do="Predict, then compare the turned circle with the reference.",
                predict=Choice(
                    "How does the cross matrix become a pure turn?",
                    ("Set both stretches to 1", "Set the smaller stretch to 0", "Leave out the last turn"),
                    _makes_a_turn,
                ),
                scene=_circle,
                before=_circle_before,
                after="The stretches {s1} and {s2} become 1. What is left, [[UV]], lays the "
                "[[reference]]'s axes on the client's; its transpose {back}. No orthogonal [[R]] fits better.",
                knobs=("who",),
                notes="The picture is the proof: among all orthogonal matrices, U Vᵀ is the one "
                "that lines up every singular direction with itself, so the trace becomes the sum of the "
                "singular values.",
            ),
            Step(
                title="A mirror in the frame",
                text="The signs in an [[svd]] are arbitrary, so a [[frame]] can come out mirrored. "
                "For client {client}, [[det]] [[UV]] is {det}.",
                do="Press “Mirrored client”, then predict.",
                predict=Choice(
                    "How close can a rotation alone bring this client?",
                    (
                        "As close as with mirrors",
                        "Not as close",
                    ),
                    _rotation_is_worse,
                ),
                scene=_mirror,
                before=_mirror_before,
                after="With mirrors, [[O]], the [[misfit]] is {orthogonal}; with rotations only, "
                "[[SO]], {rotation}. The fix: flip the weaker singular direction. At [[r|rank]] 1 the only "
                "[[rotation]] changes nothing; a mirror, a sign, helps.",
                knobs=("who",),
                moves=(
                    Move("Mirrored client", lambda values: {"who": _with_det(-1)}),
                    Move("Client without mirror", lambda values: {"who": _with_det(1)}),
                ),
                notes="However you turn a left glove, it never fits the right hand. The paper uses "
                "rotations, its public code allows mirrors; where signs are arbitrary, mirrors pay. Rank 1 is "
                "the extreme case: SO(1) holds the identity alone, so FedRot in SO(r) does nothing there, while "
                "O(1), a change of sign, undoes a flip.",
            ),
            Step(
                title="Turn only part of the way",
                text="A soft turn goes part of the way: it mixes no turn with the full [[R]] by "
                "[[lambda]] and takes the nearest [[rotation]].",
                do="Draw, lock in, then move both sliders.",
                predict=Curve(
                    "How far does the soft turn go at each [[lambda]], for the chosen [[theta]]?",
                    "λ",
                    "angle turned",
                    "°",
                    QUARTER_TICKS,
                    0,
                    180,
                    _soft_angles,
                ),
                scene=_soft,
                before=_soft_before,
                after="At [[lambda]] = {lambda} it turns by {polar}; a straight path reaches "
                "{straight}. With half the clients {theta} away, the [[error]] is least at [[lambda]] = {best}: "
                "{least}.",
                knobs=("soft", "angle"),
                play="soft",
                notes="The soft turn starts slowly, hurries through the middle and ends slowly. In "
                "this example the error is nearly flat around its smallest value, so the exact strength matters "
                "little.",
            ),
            Step(
                title="The cliff at half a turn",
                text="Let the full turn [[R]] be half a turn, 180°. No turn and [[R]] then point "
                "in opposite directions.",
                do="Predict, then press Play.",
                predict=Choice(
                    "What does the soft turn do as [[lambda]] passes one half?",
                    ("It turns smoothly", "It jumps by half a turn", "It never turns"),
                    _jumps,
                ),
                scene=_cliff,
                before=_cliff_before,
                after="At [[lambda]] = {lambda} it turns by {polar}. Below one half it turns by 0°, "
                "above by 180°. At one half the mix vanishes: its smallest [[singular|singular value]] is "
                "{least}, and every angle fits equally well.",
                knobs=("soft",),
                play="soft",
                notes="The lab records this as a flag and never hides it. An angle near 180° is "
                "rare when clients start together, and common after an SVD with arbitrary signs.",
            ),
            Step(
                title="Turn every client, then average",
                text="Every [[client]] turns onto the [[reference]]; then the [[server]] averages.",
                do="Predict, then allow “rotations and reflections”.",
                predict=Estimate(
                    "How large is the average's relative error once every client is turned?",
                    0,
                    100,
                    1,
                    "%",
                    lambda values, runs: 100 * outcome(str(values["mirror"])).error_after,
                ),
                scene=_all,
                before=_all_before,
                after="With {group}, the [[error]] goes from {error} to {after}. No adapter of this "
                "rank gets below the [[floor]], {floor}. Turning costs each client one small [[svd]] and sends "
                "nothing extra.",
                knobs=("mirror", "who"),
                notes="Below the figure stands the whole calculation for the chosen client, ready "
                "to copy as LaTeX. Each number comes from the code that the lab itself runs.",
            ),
        ),
    )
)
