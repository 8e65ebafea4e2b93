"""One update, many frames: what turning a client's factors changes, and what averaging then loses."""

from __future__ import annotations

import numpy as np

from fedrot_core.figures.lesson.matrices import Panel, product_of
from fedrot_core.figures.lesson.pair import PairView, pair_arrows, pair_pictures
from fedrot_core.figures.lesson.spin import spun_client
from fedrot_core.figures.lesson.what_averaging_keeps import cosine_law, crowd_keeps
from fedrot_core.learn.examples.one_update import (
    LAW_ANGLES,
    MOST_CLIENTS,
    SPUN_CLIENT,
    Pair,
    Spin,
    crowd,
    law,
    pair,
    spun,
    turned,
)
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
from fedrot_core.wording import degrees, percent

ROUNDING = 1e-9
"""A relative change below this is rounding."""

CURVE_ANGLES = tuple(a for a in LAW_ANGLES if a % 45 == 0)


def _same(values: Values, runs: Runs) -> Scene:
    """Factors and product of the letter, turned by θ."""
    return _factors(values, hidden=False)


def _same_before(values: Values, runs: Runs) -> Scene:
    return _factors(values, hidden=True)


def _factors(values: Values, hidden: bool) -> Scene:
    angle = float(values["angle"])
    t = turned(angle)
    panels = (
        Panel("B R", "<b>B R</b>, 6 × 2", t.B),
        Panel("Rᵀ A", "<b>Rᵀ A</b>, 2 × 8", t.A, "·"),
        Panel("product", "<b>product</b>, 6 × 8", t.product, "=", hidden),
    )
    if hidden:
        title = f"Both factors turned by {degrees(angle)}: what is their product?"
        alt = f"The two factors of an update, turned by {degrees(angle)}; their product is not shown yet."
    else:
        title = (
            f"Turned by {degrees(angle)}: {t.changed} of {t.numbers} numbers changed, the product by {percent(t.gap)}"
        )
        alt = (
            f"Factors of an update turned by {degrees(angle)}: {t.changed} of their {t.numbers} numbers differ from "
            f"those before; their product, a picture of the letter F, differs by {percent(t.gap)}."
        )
    facts = {
        "theta": degrees(angle), "changed": str(t.changed), "numbers": str(t.numbers), "gap": percent(t.gap),
    }  # fmt: skip
    return Scene(lambda mode: product_of(panels, title, alt, mode, t.limit), {} if hidden else facts)


def _what_turning_does(values: Values, runs: Runs) -> int:
    """Index of the true option, from the largest change of the product over a few turns."""
    return 2 if max(turned(a).gap for a in (*CURVE_ANGLES, float(values["angle"]))) < ROUNDING else 0


def _view(p: Pair, angle: float, hidden: bool) -> PairView:
    return PairView(
        angle=angle,
        clients=p.clients,
        means=np.stack([p.naive, p.aligned]),
        arrows_kept=(p.arrow_kept, p.arrow_aligned),
        kept=(p.kept, p.kept_aligned),
        pictures=np.stack([*p.pictures, p.naive_picture, p.aligned_picture]),
        hidden=hidden,
    )


def _pair_facts(p: Pair, angle: float) -> dict[str, str]:
    return {
        "theta": degrees(angle),
        "arrow": percent(p.arrow_kept),
        "arrow_aligned": percent(p.arrow_aligned),
        "kept": percent(p.kept),
        "kept_aligned": percent(p.kept_aligned),
        "error": percent(p.error),
    }


def _arrows(values: Values, runs: Runs) -> Scene:
    angle = float(values["angle"])
    p = pair(angle)
    return Scene(lambda mode: pair_arrows(_view(p, angle, False), mode), _pair_facts(p, angle))


def _arrows_before(values: Values, runs: Runs) -> Scene:
    angle = float(values["angle"])
    return Scene(lambda mode: pair_arrows(_view(pair(angle), angle, True), mode))


def _pictures(values: Values, runs: Runs) -> Scene:
    angle = float(values["angle"])
    p = pair(angle)
    return Scene(lambda mode: pair_pictures(_view(p, angle, False), mode), _pair_facts(p, angle))


def _pictures_before(values: Values, runs: Runs) -> Scene:
    angle = float(values["angle"])
    return Scene(lambda mode: pair_pictures(_view(pair(angle), angle, True), mode))


def _picture_at_half_a_turn(values: Values, runs: Runs) -> int:
    kept = pair(180.0).kept
    return 3 if kept < ROUNDING else 0 if kept > 1 - ROUNDING else 1 if kept > 0 else 2


def _law(values: Values, runs: Runs) -> Scene:
    angle, found = float(values["angle"]), law()
    p = pair(angle)
    return Scene(
        lambda mode: cosine_law(angle, p.kept, p.error, found.angles, found.kept, found.error, mode),
        _pair_facts(p, angle),
    )


def _law_before(values: Values, runs: Runs) -> Scene:
    angle, found = float(values["angle"]), law()
    return Scene(lambda mode: cosine_law(angle, 0.0, 0.0, found.angles, found.kept, found.error, mode, asked=True))


def _crowd(values: Values, runs: Runs) -> Scene:
    found, chosen = crowd(), int(values["many"])
    kept = float(found.mean[chosen - 1])
    return Scene(
        lambda mode: crowd_keeps(found.counts, found.kept, found.mean, chosen, mode),
        {"clients": str(chosen), "kept": percent(kept)},
    )


def _crowd_before(values: Values, runs: Runs) -> Scene:
    found, chosen = crowd(), int(values["many"])
    return Scene(lambda mode: crowd_keeps(found.counts, found.kept, found.mean, chosen, mode, asked=True))


def _spin(values: Values, runs: Runs) -> Scene:
    return _spun(spun(int(values["spin"])))


def _spin_before(values: Values, runs: Runs) -> Scene:
    return _spun(spun(0))


def _spun(s: Spin) -> Scene:
    errors, before = (s.naive, s.aligned), (s.naive_before, s.aligned_before)
    return Scene(
        lambda mode: spun_client(s.arrows, s.before, s.client, errors, before, s.secret, mode),
        {
            "secret": degrees(s.secret),
            "found": degrees(s.found),
            "gap": percent(s.update_gap),
            "before": percent(s.naive_before),
            "naive": percent(s.naive),
            "aligned_before": percent(s.aligned_before),
            "aligned": percent(s.aligned),
        },
    )


def _who_gets_worse(values: Values, runs: Runs) -> int:
    s = spun(int(values["spin"]) or 1)
    worse = (s.naive > s.naive_before + ROUNDING, s.aligned > s.aligned_before + ROUNDING)
    return {(True, False): 0, (False, True): 1, (True, True): 2, (False, False): 3}[worse]


register(
    Lesson(
        name="one_update",
        title="One update, many frames",
        question="Why can an average of factors lose what every client learned?",
        gist="Turning a client's frame changes its factors and not its update. Averaging factors from different "
        "frames loses part of what all clients share; averaging them in one frame keeps it.",
        minutes=10,
        icon="rotate_right",
        knobs=(
            Knob("angle", "Turn θ", "How far client 1's frame is turned against client 0's.", 60, 0, 180, 5, "°"),
            Knob(
                "many",
                "Clients",
                "How many clients hold the same update, each in a frame drawn at random.",
                8,
                2,
                MOST_CLIENTS,
            ),
            Knob("spin", "Spin", "The number of the secret rotation that spins a client; 0 means none.", 1, 0, 9999),
        ),
        steps=(
            Step(
                title="The same update in another frame",
                text="In [[lora]] the model stays frozen; a [[client]] trains two thin matrices, "
                "its [[factors]] [[B]] and [[A]]. Their product is its [[update]], here a small picture. A "
                "[[rotation]] [[R]] rewrites both in another [[frame]].",
                do="Predict, then press Play.",
                predict=Choice(
                    "Both factors are turned. What happens to their product?",
                    (
                        "It turns with them",
                        "It fades",
                        "It stays the same",
                    ),
                    _what_turning_does,
                ),
                scene=_same,
                before=_same_before,
                after="Turned by {theta}, {changed} of the factors' {numbers} numbers differ; their "
                "product changed by {gap}. Only the product acts on the model.",
                knobs=("angle",),
                play="angle",
                notes="LoRA adds the product B A to a frozen weight matrix and trains only B and A. "
                "That leaves a freedom which nobody asked for: (B R)(Rᵀ A) = B A for every rotation R, so one "
                "update can be written with many different numbers. Whoever compares these numbers compares "
                "frames.",
            ),
            Step(
                title="Two clients, two frames",
                text="Two [[client|clients]] hold the same [[update]]. Client 1 wrote it in a "
                "[[frame]] turned by [[theta]], so its arrows, the columns of [[A]], point in other directions.",
                do="Predict, then drag “Turn [[theta]]”.",
                predict=Estimate(
                    "How long is the mean of the two clients' arrows, in percent of one arrow?",
                    0,
                    100,
                    1,
                    "%",
                    lambda values, runs: 100 * pair(float(values["angle"])).arrow_kept,
                ),
                scene=_arrows,
                before=_arrows_before,
                after="The [[naive]] keeps {arrow} of each arrow's length: what points apart "
                "cancels. Once client 1 is turned back, the [[aligned]] keeps {arrow_aligned}. [[B]] shrinks "
                "likewise.",
                knobs=("angle",),
                play="angle",
                notes="Ask the class to add the arrows head to tail. The mean of two arrows of "
                "length 1 is as long as the cosine of half the angle between them.",
            ),
            Step(
                title="What the server gets",
                text="The [[server]] averages all [[B]] and all [[A]], then multiplies the two "
                "averages. Both [[client|clients]] learned the same picture.",
                do="Predict, then press “Half a turn”.",
                predict=Choice(
                    "The two frames are half a turn apart. What does the naive average show?",
                    ("The same picture", "The picture, half as strong", "The picture upside down", "Nothing"),
                    _picture_at_half_a_turn,
                ),
                scene=_pictures,
                before=_pictures_before,
                after="At {theta} the [[naive]] keeps {kept} of the picture, the [[aligned]] "
                "{kept_aligned}. At 180° all arrows cancel and nothing is left, although both clients agree.",
                knobs=("angle",),
                moves=(
                    Move("Half a turn", lambda values: {"angle": 180}),
                    Move("Quarter turn", lambda values: {"angle": 90}),
                ),
                play="angle",
                notes="Nothing went wrong on either client, and their data do not differ. The "
                "server loses the update because it averages coordinates that belong to different axes.",
            ),
            Step(
                title="The law: cosine squared of half the angle",
                text="The same two [[client|clients]] once more. How fast does averaging lose "
                "their common [[update]] as their [[frame|frames]] turn apart?",
                do="Draw your curve, lock it in, then drag “Turn [[theta]]”.",
                predict=Curve(
                    "How much of the update does the naive average keep?",
                    "angle",
                    "share kept",
                    "%",
                    tuple(f"{a}°" for a in CURVE_ANGLES),
                    0,
                    100,
                    lambda values, runs: [100 * pair(float(a)).kept for a in CURVE_ANGLES],
                ),
                scene=_law,
                before=_law_before,
                after="Each factor keeps cos([[theta]]/2), so the product keeps cos²([[theta]]/2): "
                "{kept} at {theta}. The rest, {error}, is the [[error]]. Each dot is an average of factors that "
                "were really turned.",
                knobs=("angle",),
                play="angle",
                notes="The curve is flat at first: small turns hardly matter, which is one reason "
                "why runs from a shared start hardly need alignment. A right angle costs half of the update.",
            ),
            Step(
                title="Many clients in random frames",
                text="Now several [[client|clients]] hold the same [[update]], each in a random [[frame]]. [[M]] is "
                "the mean of their rotations [[R]].",
                do="Predict, then change the number of clients.",
                predict=Estimate(
                    "How much of the update does the naive average keep, for the chosen number of clients?",
                    0,
                    100,
                    1,
                    "%",
                    lambda values, runs: 100 * float(crowd().mean[int(values["many"]) - 1]),
                ),
                scene=_crowd,
                before=_crowd_before,
                after="The [[server]] gets [[B]] [[M]] [[M|Mᵀ]] [[A]]. On average, {clients} "
                "clients in random frames keep {kept} of the update; theory says 1/{clients}. The more clients, "
                "the more cancels.",
                knobs=("many",),
                play="many",
                notes="Averaging is meant to remove noise. Here it removes the update itself, and "
                "more clients make it worse.",
            ),
            Step(
                title="Spin a client",
                text="These four [[client|clients]] were really trained, so their "
                "[[update|updates]] differ a little. A secret [[rotation]] spins one of them.",
                do="Predict, then press “Spin client 1” again and again.",
                predict=Choice(
                    "One client is spun by a secret angle. Which average gets worse?",
                    ("The naive one", "The aligned one", "Both", "Neither"),
                    _who_gets_worse,
                ),
                scene=_spin,
                before=_spin_before,
                after="Spun by {secret}, the client's update changed by {gap}. The [[naive]]'s "
                "error went from {before} to {naive}. [[procrustes]] turns the client back by {found}: the "
                "[[aligned]]'s error stays {aligned}.",
                moves=(
                    Move(f"Spin client {SPUN_CLIENT}", lambda values: {"spin": int(values["spin"]) % 9999 + 1}),
                    Move("Undo the spin", lambda values: {"spin": 0}),
                ),
                notes="Spin again and again: the naive error jumps about, the aligned one never "
                "moves, since Procrustes undoes whatever the spin did. That is what gauge-invariant means: no "
                "turn of a client's frame can change it.",
            ),
        ),
    )
)
