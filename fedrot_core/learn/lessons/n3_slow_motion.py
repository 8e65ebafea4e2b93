"""A round in slow motion: broadcast, train, upload, turn, average, error, on four real clients at rank 2."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from fedrot_core.figures.lesson.slow import PANELS, PHASES, Moment, slow_motion
from fedrot_core.learn.examples.slow_round import CLIENTS, PARTS, ROUNDS, SlowRound, slow_rounds
from fedrot_core.learn.lessons.base import Choice, Estimate, Knob, Lesson, Runs, Scene, Step, Values, register
from fedrot_core.records import Array
from fedrot_core.wording import degrees, percent

BROADCAST, TRAIN, UPLOAD, TURN, AVERAGE, ERROR = range(len(PHASES))

REACH = 0.34
"""Half range of the planes: holds every arrow of every round at every θ, so that axes never move."""

NUMBERED = ", ".join(f"{n} {name}" for n, name in enumerate(PHASES))

UNCHANGED = 1e-9
"""A relative change below this is rounding."""

QUESTIONS = {
    TRAIN: "Each client will train on its own data. Where will the arrows go?",
    UPLOAD: "Every client will write its factors in another frame. What becomes of its update?",
    TURN: "Each client may turn its factors before they are averaged. By how much?",
    AVERAGE: "What will be left of these arrows in the naive mean?",
    ERROR: "How far is each mean's update from the ideal?",
}


def _round(values: Values) -> SlowRound:
    return slow_rounds(float(values["apart"]))[int(values["round"])]


SHOWN = {AVERAGE: ("clients", "server"), ERROR: ("server", "error")}
"""Panels of a step about one phase; those before the average are about clients alone."""


def moment(shown: SlowRound, at: float, panels: tuple[str, ...] = PANELS) -> Moment:
    """The round at ``at``: phase n is complete at n, and under way between n - 1 and n."""
    n = math.ceil(at)
    part = at - n + 1  # of phase n, in (0, 1]
    start = np.tile(shown.broadcast, (CLIENTS, 1))
    moves = {TRAIN: shown.train, UPLOAD: shown.upload, TURN: shown.turn}
    clients, ghosts = start, start
    if n in moves:
        clients, ghosts = moves[n][round(part * PARTS)], moves[n][0]
    elif n > TURN:
        clients, ghosts = shown.turn[-1], shown.turn[0]
    grown = 0.0 if n < AVERAGE else part if n == AVERAGE else 1.0
    bars = None
    if n == ERROR:
        bars = (part * shown.error_naive, part * shown.error_turned, part * shown.floor)
    return Moment(
        phase=n,
        clients=clients,
        ghosts=ghosts,
        broadcast=shown.broadcast,
        naive=_grown(shown.naive, grown),
        turned=_grown(shown.turned, grown),
        errors=bars,
        reach=REACH,
        column=shown.column,
        whole=part == 1,
        panels=panels,
    )


def _grown(tip: Array, share: float) -> Array | None:
    return share * tip if share else None


def finding(shown: SlowRound, phase: int) -> str:
    """What a complete phase shows, with its numbers."""
    kept = percent(shown.kept_naive), percent(shown.kept_turned)
    if phase == BROADCAST:
        return f"Broadcast: all {CLIENTS} clients start round {shown.round_index} from the same arrow"
    if phase == TRAIN:
        return f"Train: every client goes its own way; their arrows are up to {degrees(shown.spread_trained)} apart"
    if phase == UPLOAD:
        return f"Upload: the arrows are up to {degrees(shown.spread_sent)} apart, and no update has changed"
    if phase == TURN and shown.side is None:
        return "Turn: no client turns in round 0, because its broadcast has B = 0"
    if phase == TURN:
        low, high = degrees(shown.angles.min()), degrees(shown.angles.max())
        return f"Turn: each client turns by {low if low == high else f'{low} to {high}'} onto the broadcast"
    if phase == AVERAGE:
        return f"Average: {kept[0]} of the arrows' length is left as sent, {kept[1]} if turned first"
    naive, turned, floor = percent(shown.error_naive), percent(shown.error_turned), percent(shown.floor)
    return f"Error: naive {naive}, turned first {turned}; at this rank none is below {floor}"


def under_way(phase: int) -> str:
    """The title while a phase is under way."""
    return {
        TRAIN: "Train: the clients are taking their local steps",
        UPLOAD: "Upload: the frames are changing, the updates are not",
        TURN: "Turn: each client turns rigidly",
        AVERAGE: "Average: the server is averaging what it was sent",
        ERROR: "Error: the distance to the ideal is being measured",
    }[phase]


def _scene(
    shown: SlowRound,
    at: float,
    title: str,
    facts: dict[str, str] | None = None,
    worked: tuple[tuple[str, str], ...] = (),
    panels: tuple[str, ...] = PANELS,
) -> Scene:
    now = moment(shown, at, panels)
    about = f"Round {shown.round_index} in slow motion, phase {PHASES[now.phase]}. {title}"
    alt = about if about[-1] in ".?" else f"{about}."
    return Scene(lambda mode: slow_motion(now, title, alt, mode), facts or {}, worked)


def _before(phase: int) -> Callable[[Values, Runs], Scene]:
    """The phase before, under a question."""
    panels = SHOWN.get(phase, ("clients",))
    return lambda values, runs: _scene(_round(values), phase - 1, QUESTIONS[phase], panels=panels)


def _after(phase: int) -> Callable[[Values, Runs], Scene]:
    """The complete phase."""

    def scene(values: Values, runs: Runs) -> Scene:
        shown = _round(values)
        facts, panels = facts_of(shown, float(values["apart"])), SHOWN.get(phase, ("clients",))
        return _scene(shown, phase, finding(shown, phase), facts, _worked(shown, phase), panels)

    return scene


def _change_of_update(values: Values, runs: Runs) -> int:
    """Which of the three options is true, from the measured change."""
    change, turned = _round(values).change_upload, math.radians(float(values["apart"]) / 2)
    return 2 if change < UNCHANGED else 0 if change >= turned else 1


def facts_of(shown: SlowRound, apart: float) -> dict[str, str]:
    """Every number that the prose may name."""
    if shown.side is None:
        result = "No client turns in round 0: its broadcast has [[B]] = 0, so there is no complete [[reference]] yet."
    else:
        before, after = f"{shown.distance_before:.2f}", f"{shown.distance_after:.2f}"
        result = (
            f"Client 0 turns by {degrees(shown.angles[0])}. The clients' mean distance to the broadcast's "
            f"[[{shown.side}]] goes from {before} to {after} times its norm; no update changes."
        )
    if shown.side is None:
        rest = "No client turns in round 0, so both averages are the same."
    elif shown.error_turned < shown.error_naive * 0.99:
        rest = f"Turning removes {percent(1 - shown.error_turned / shown.error_naive)} of the naive error."
    else:
        rest = "Turning has next to nothing to remove here."
    return {
        "clients": str(CLIENTS),
        "spread": degrees(shown.spread_trained),
        "fan": (
            f"as a whole, no frame turned from the [[broadcast]] by more than {degrees(shown.angles_trained.max())}"
            if shown.side
            else "in round 0 the [[broadcast]] has [[B]] = 0, so no turn is defined"
        ),
        "apart": degrees(shown.spread_sent),
        "change": percent(shown.change_upload),
        "result": result,
        "naive_kept": percent(shown.kept_naive),
        "turned_kept": percent(shown.kept_turned),
        "theory": percent(math.cos(math.radians(apart / 2))),
        "naive": percent(shown.error_naive),
        "turned": percent(shown.error_turned),
        "floor": percent(shown.floor),
        "rest": rest,
    }


def _worked(shown: SlowRound, phase: int) -> tuple[tuple[str, str], ...]:
    """The mean of the arrows, spelled out."""
    if phase != AVERAGE:
        return ()
    rows = []
    for what, tips, mean in (
        ("As sent", shown.turn[0], shown.naive),
        ("Turned first", shown.turn[-1], shown.turned),
    ):
        terms = " + ".join(_column(tip) for tip in tips)
        rows.append((f"{what}: column {shown.column} of A, client by client, and its mean",
                     rf"\tfrac{{1}}{{{len(tips)}}}\left({terms}\right) = {_column(mean)}"))  # fmt: skip
    return tuple(rows)


def _column(tip: Array) -> str:
    return rf"\begin{{pmatrix}}{tip[0]:.3f}\\{tip[1]:.3f}\end{{pmatrix}}"


def _whole(values: Values, runs: Runs) -> Scene:
    shown, at = _round(values), float(values["phase"])
    n = math.ceil(at)
    return _scene(shown, at, finding(shown, n) if at == n else under_way(n))


register(
    Lesson(
        name="slow_motion",
        title="A round in slow motion",
        question="What happens to every client's factors in one federated round?",
        gist="Clients start from the broadcast, train and send their factors; the server averages them. Turning "
        "them first costs each client one small matrix product, and no message grows.",
        minutes=10,
        icon="slow_motion_video",
        knobs=(
            Knob("round", "Round", "Which round of the run is shown. Round 0 starts from B = 0.", 3, 0, ROUNDS - 1),
            Knob("apart", "θ", "Angle between the frames of the two halves of the clients.", 120, 0, 180, 15, "°"),
            Knob("phase", "Phase", f"{NUMBERED}. At a half, a phase is under way.", 0.0, 0, len(PHASES) - 1, 0.5),
        ),
        steps=(
            Step(
                title="Broadcast",
                text="The [[server]] sends every [[client]] the same pair of [[factors]], [[B]] "
                "and [[A]]: the [[broadcast]]. Each arrow is one column of [[A]], drawn on the two [[latent]]; "
                "all {clients} coincide.",
                do="Move the [[round]] and watch the common arrow.",
                scene=_after(BROADCAST),
                after="In round 0 the arrow is a random draw, shared by all; later it is the "
                "average of the round before.",
                knobs=("round",),
                notes="{clients} clients fit matrices with factors of rank 2. At rank 2 a column of "
                "A is an arrow in a plane, so nothing is hidden. This is a toy problem, not a language model.",
            ),
            Step(
                title="Train",
                text="Each [[client]] takes its local steps alone, on its own data. No client "
                "knows what the others do.",
                do="Predict the widest angle between two clients' arrows after training.",
                scene=_after(TRAIN),
                after="Two arrows end up {spread} apart. The data differ, and that is not a matter "
                "of frames: {fan}. Turning cannot remove honest disagreement.",
                knobs=("round",),
                predict=Estimate(
                    "How far apart will the two most different arrows point?",
                    0,
                    180,
                    1,
                    "°",
                    lambda values, runs: _round(values).spread_trained,
                ),
                before=_before(TRAIN),
                notes="Separate two things from the start: clients that disagree, and clients that "
                "write the same thing in different frames. Only the second can be undone. Here training spreads "
                "the arrows by {spread}.",
            ),
            Step(
                title="Upload",
                text="An [[update]] can be written in any [[frame]]: [[gauge|(B R, Rᵀ A)]], with "
                "any orthogonal [[R]]. Here the [[client|clients]] form two halves whose frames are [[theta]] "
                "apart.",
                do="Predict, then move [[theta]] and watch the arrows turn.",
                scene=_after(UPLOAD),
                after="Every [[BA]] changed by {change}. The arrows are now up to {apart} apart, "
                "and yet only the way of writing has changed.",
                knobs=("apart",),
                predict=Choice(
                    "How much does a client's update change when its [[frame]] turns by [[theta]]/2?",
                    ("As much as its arrow turns", "A little", "Not at all"),
                    _change_of_update,
                ),
                before=_before(UPLOAD),
                notes="We turn the frames on purpose here, by a known angle. The next lesson "
                "measures where turns come from in practice.",
            ),
            Step(
                title="Turn",
                text="Each [[client]] finds the [[rotation]] [[R]] that brings one of its factors "
                "closest to the [[broadcast]] it received ([[procrustes]]), and turns both factors by it.",
                do="Predict, then set [[theta]] to 0° and see what is left to turn.",
                scene=_after(TURN),
                after="{result}",
                knobs=("apart",),
                predict=Estimate(
                    "By how many degrees will client 0 turn?",
                    0,
                    180,
                    1,
                    "°",
                    lambda values, runs: float(_round(values).angles[0]),
                ),
                before=_before(TURN),
                notes="The reference is what the client just received, so nothing extra travels. "
                "Odd rounds match A, even rounds match B. Here the turn is full, λ = 1.",
            ),
            Step(
                title="Average",
                text="The [[server]] averages all [[A]] and all [[B]] separately. Arrows that "
                "point in different directions cancel. Compare the [[naive|naive mean]], as sent, with the "
                "[[aligned|turned mean]].",
                do="Predict, then move [[theta]].",
                scene=_after(AVERAGE),
                after="As sent, {naive_kept} of the arrows' length is left; two halves, each in "
                "full agreement, would keep cos([[theta]]/2) = {theory}. Turned first, {turned_kept} is left.",
                knobs=("apart",),
                predict=Estimate(
                    "What share of the arrows' length does the naive mean keep?",
                    0,
                    100,
                    1,
                    "%",
                    lambda values, runs: 100 * _round(values).kept_naive,
                ),
                before=_before(AVERAGE),
                notes="This is one column of A. B cancels in the same way, so their product loses twice.",
            ),
            Step(
                title="Error",
                text="The [[server]] would like the [[ideal]], the average of the products [[BA]]. "
                "The [[error]] is how far its own product is from that; at this rank none is below the "
                "[[floor]].",
                do="Predict, then set [[theta]] to 0°.",
                scene=_after(ERROR),
                after="The naive mean's error is {naive}, the turned mean's {turned}, the floor {floor}. {rest}",
                knobs=("apart", "round"),
                predict=Estimate(
                    "How large is the naive mean's error, relative to the ideal?",
                    0,
                    100,
                    1,
                    "%",
                    lambda values, runs: 100 * _round(values).error_naive,
                ),
                before=_before(ERROR),
                notes="At θ = 0° both bars are nearly equal: where frames agree, alignment has next "
                "to nothing to do, and the figure says so.",
            ),
            Step(
                title="The whole round",
                text="All phases of one [[round]], one after another. Thin lines show where the "
                "arrows were when a phase began.",
                do="Press Play; pause anywhere, or step with the slider.",
                scene=_whole,
                knobs=("phase", "round", "apart"),
                play="phase",
                notes="Play it once with frames far apart and once at θ = 0°, and let the class say what differs.",
            ),
        ),
    )
)
