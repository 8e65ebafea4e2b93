"""A lesson on the page: one step at a time, the figure beside the words, the answer after the prediction."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import streamlit as st

from app.lesson import taken as lessons
from app.lesson.asked import Asked
from app.lesson.runs import Needed, needed, run_again, sweep_name
from app.lesson.scenes import scene_of
from app.lesson.taken import PLAY_SECONDS, Taken
from app.navigation import lesson_file
from app.session import link
from app.session.lesson_place import link_of
from app.session.parts import mine
from app.widgets import room_answers
from app.widgets.drawn import Same
from app.widgets.live_figure import ask_table, chart, numbers_dialog, table_wanted
from app.widgets.page import again, component, follow, presenting, title, warn
from app.widgets.sweep_progress import progress
from app.widgets.sweep_progress import run_again as sweeps_again
from app.widgets.terms import rich, theme_mode
from app.widgets.text import plain
from fedrot_core.errors import FedRotError
from fedrot_core.export.provenance import Provenance, line
from fedrot_core.learn.lessons import LESSONS
from fedrot_core.learn.lessons.base import Choice, Curve, Estimate, Knob, Lesson, Prediction, Runs, Scene, Step
from fedrot_core.learn.lessons.glossary import unmarked
from fedrot_core.learn.quiz import topics
from fedrot_core.learn.quiz.base import EVERYTHING
from fedrot_core.wording import suffix

WAIT_SECONDS = 0.25
HEIGHT = 520


def page(name: str) -> None:
    """The page of the lesson called ``name``."""
    lesson, place = LESSONS[name], link_of(name)
    place.follow()
    present = place.place.present
    if present:
        presenting("lesson")
    warn(place.problems)

    need = _needed(lesson)

    def stage() -> None:
        nonlocal need
        lessons.advance(lesson)
        place.show()
        need = _needed(lesson)
        _stage(lesson, need)
        if place.place.present != present:
            st.rerun()

    follow(stage, lambda: _interval(need))


def _interval(need: Needed) -> float | None:
    """How often the stage redraws itself: while Play moves, or while runs are under way."""
    if lessons.playing():
        return PLAY_SECONDS
    return WAIT_SECONDS if need.watch is not None and need.watch.running else None


def _needed(lesson: Lesson) -> Needed:
    """What the step on screen waits for."""
    place = lessons.place(lesson)
    return needed(lesson, lesson.steps[place.step], place.values)


def _stage(lesson: Lesson, need: Needed) -> None:
    """The whole lesson below the warnings."""
    place = lessons.place(lesson)
    step = lesson.steps[place.step]
    runs = need.runs
    _take_prediction(lesson, step, runs)
    _head(lesson, step)
    scene, drawn, trouble = _scene(lesson, step, runs)
    if place.present and step.wide:
        prose, asking = st.columns([6, 5], gap="medium")
        picture = st.container()
    else:
        prose, picture = st.columns([5, 9] if place.present else [5, 8], gap="medium")
        asking = prose
    with prose, st.container(key="lesson_words"):
        _prose(lesson, step, scene)
    with asking, st.container(key="lesson_asking"):
        _asking(lesson, step, scene, runs)
    with picture, st.container(key="lesson_picture"):
        if _answers_shown(lesson):
            _answers_card(lesson, slide=True)
        elif need.failed or trouble:
            st.error(plain(need.failed or trouble))
        elif need.watch is not None and runs is None:
            progress(sweep_name(lesson), need.watch, "runs", again=run_again if step.whole else sweeps_again)
        if drawn is not None and not _answers_shown(lesson):
            _picture(lesson, place.step, drawn)
    if place.present:
        component("present_fit")(key="present_fit")
    _dialog(lesson, drawn)


def _scene(lesson: Lesson, step: Step, runs: Runs | None) -> tuple[Scene | None, Scene | None, str]:
    """The scene of now, the one to draw (the last one while runs are under way), and what went wrong, in words."""
    place, scenes = lessons.place(lesson), mine(Taken).scenes
    if runs is None:
        last = scenes.get(lesson.name)
        return None, last[1] if last and last[0] == place.step else None, ""
    make = step.scene if lessons.revealed(lesson, place.step) or step.before is None else step.before
    try:
        scene = scene_of(make, place.values, runs)
    except FedRotError as error:
        return None, None, str(error)
    scenes[lesson.name] = (place.step, scene)
    return scene, scene, ""


def _head(lesson: Lesson, step: Step) -> None:
    """Title, where we are, and the ways on."""
    place, last = lessons.place(lesson), len(lesson.steps) - 1
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="lesson_head"):
        title(lesson.title)
        st.button(
            "Back", key="lesson_back", icon=":material/arrow_back:", disabled=place.step == 0,
            on_click=lessons.turn, args=(lesson, -1),
        )  # fmt: skip
        st.html(f'<p class="fedrot-where">Step {place.step + 1} of {last + 1}</p>')
        st.button(
            "Next", key="lesson_next", icon=":material/arrow_forward:", icon_position="right", type="primary",
            disabled=place.step == last, on_click=lessons.turn, args=(lesson, 1),
        )  # fmt: skip
        if step.play is not None and not place.hide:
            moving, waits = lessons.playing(), not lessons.revealed(lesson, place.step)
            st.button(
                "Pause" if moving else "Play", key="lesson_play",
                icon=":material/pause:" if moving else ":material/play_arrow:",
                on_click=lessons.toggle_play, args=(lesson,), disabled=waits,
                help="Lock in your prediction first." if waits else None,
            )  # fmt: skip
        if place.present:
            st.button(
                "Leave", key="lesson_leave", icon=":material/close_fullscreen:", on_click=lessons.go, args=(lesson,),
                kwargs={"present": False},
            )  # fmt: skip
        else:
            _for_lecturers(lesson)
    _keys(lesson)


def _for_lecturers(lesson: Lesson) -> None:
    """Presenter mode, and what a link to this lesson shows."""
    place = lessons.place(lesson)
    with st.popover("Teach", icon=":material/co_present:"):
        st.button(
            "Present", key="lesson_present", icon=":material/open_in_full:", on_click=lessons.go, args=(lesson,),
            kwargs={"present": True}, type="primary", width="stretch",
            help="For a room: large text, no bars, answers hidden. Keys: → next, ← back, P play, R reveal, Esc leave.",
        )  # fmt: skip
        for name, label, help in (
            ("skip", "Show answers without a prediction", "For people who have seen the lesson before."),
            ("hide", "Hide the controls", "The link then shows text and figure exactly as they are now."),
        ):
            key = f"lesson_{name}"
            link.give(key, getattr(place, name))
            st.toggle(
                label, key=key, help=help,
                on_change=link.wish(key, functools.partial(_teach, lesson, name)),
            )  # fmt: skip
        st.button("Forget all predictions", key="lesson_forget", on_click=lessons.forget, args=(lesson,))
        st.caption(
            "The address bar holds the step, the sliders and these choices: copy the address to share the lesson."
        )


def _teach(lesson: Lesson, name: str, chosen: bool) -> None:
    lessons.go(lesson, **{name: chosen})


def _keys(lesson: Lesson) -> None:
    """Keys for next, back, play, reveal and leaving the presenter mode."""
    place = lessons.place(lesson)
    wishes = ["next", "back", "play", "reveal", *(["leave"] if place.present else [])]

    def wish() -> None:
        found = st.session_state["lesson_keys"].get("wish")
        if found in ("next", "back"):
            lessons.turn(lesson, 1 if found == "next" else -1)
        elif found == "play":
            lessons.toggle_play(lesson)
        elif found == "reveal" and place.present:
            lessons.uncover(lesson, lessons.place(lesson).step)
        elif found == "leave":
            lessons.go(lesson, present=False)

    component("keys")(key="lesson_keys", data={"wishes": wishes}, on_wish_change=wish)


def _prose(lesson: Lesson, step: Step, scene: Scene | None) -> None:
    """The idea and the one thing to do."""
    st.html(f"<h2>{rich(step.title)}</h2>")
    if scene is not None and not _curve_takes_the_slide(lesson, step):
        st.html(f'<p class="fedrot-prose">{rich(step.text.format_map(scene.facts))}</p>')
        if not lessons.place(lesson).present:  # a room watches; the lecturer knows what to do
            st.html(f'<p class="fedrot-do">{rich(step.do.format_map(scene.facts))}</p>')


def _curve_takes_the_slide(lesson: Lesson, step: Step) -> bool:
    """Whether a curve was drawn, so that on a slide it and the answer leave room for nothing else."""
    place = lessons.place(lesson)
    return place.present and isinstance(step.predict, Curve) and lessons.guess(lesson, place.step) is not None


def _asking(lesson: Lesson, step: Step, scene: Scene | None, runs: Runs | None) -> None:
    """Knobs, the prediction, and the answer."""
    place = lessons.place(lesson)
    made, revealed = lessons.guess(lesson, place.step), lessons.revealed(lesson, place.step)
    if not place.hide and (revealed or not place.present) and not _curve_takes_the_slide(lesson, step):
        for key in () if place.present and step.wide else step.knobs:  # a wide figure needs the height; Play moves it
            _knob(lesson, lesson.knob(key))
        if step.moves:
            with st.container(horizontal=True, gap="small", key="lesson_moves"):
                for n, move in enumerate(step.moves):
                    st.button(
                        move.label, key=f"lesson_move_{n}",
                        on_click=lambda move=move: lessons.set_knobs(lesson, move.change(lessons.place(lesson).values)),
                    )  # fmt: skip
    if step.predict is not None and runs is not None and (made or not revealed):
        _prediction(lesson, step.predict, runs)
    _answers(lesson, step, runs)
    if step.after and scene is not None and revealed:
        answer = rich(step.after.format_map(scene.facts))
        st.html(f'<p class="fedrot-prose fedrot-answer" role="status">{answer}</p>')
    if revealed and not place.present and place.step == len(lesson.steps) - 1:
        _end(lesson)


def _end(lesson: Lesson) -> None:
    """What to remember, and where to go from here."""
    names = list(LESSONS)
    following = names[names.index(lesson.name) + 1 :][:1]
    st.html(f'<p class="fedrot-prose fedrot-gist"><strong>In short.</strong> {rich(lesson.gist)}</p>')
    with st.container(key="lesson_end"):
        for name in following:
            st.page_link(
                f"../pages/{lesson_file(name)}",
                label=f"Next lesson: {LESSONS[name].title}",
                icon=":material/arrow_forward:",
            )
        topic = lesson.name if lesson.name in topics() else EVERYTHING
        about = "on this lesson" if topic == lesson.name else "on all lessons"
        st.page_link(
            "../pages/20_quiz.py", label=f"Quiz {about}", icon=":material/quiz:", query_params={"topic": topic}
        )


def _knob(lesson: Lesson, knob: Knob) -> None:
    """One knob; while Play moves it, a bar stands in its place, since the browser would send an old value."""
    place, key = lessons.place(lesson), f"knob_{lesson.name}_{knob.key}"
    value = place.values[knob.key]

    moved = link.wish(key, lambda chosen: lessons.set_knobs(lesson, {knob.key: chosen}))
    if lessons.playing() and lesson.steps[place.step].play == knob.key:
        with st.container(key="lesson_playing_knob"):
            st.progress((value - knob.low) / (knob.high - knob.low), f"{knob.label}: {value:g}{knob.unit}")
        return
    link.give(key, value)
    if knob.choices:
        st.segmented_control(
            knob.label, list(knob.choices), format_func=lambda name: knob.choices[name], key=key, help=knob.help,
            required=True, on_change=moved,
        )  # fmt: skip
    else:
        kind: type = type(knob.default)
        digits = 0 if kind is int or knob.step >= 1 else 1 if knob.step >= 0.1 else 2
        st.slider(
            knob.label, kind(knob.low), kind(knob.high), step=kind(knob.step), key=key, help=knob.help,
            format=f"%.{digits}f{knob.unit.replace('%', '%%')}", on_change=moved,
        )  # fmt: skip


def _prediction(lesson: Lesson, asked: Prediction, runs: Runs) -> None:
    """The question; then how far the prediction was from the answer."""
    place = lessons.place(lesson)
    made = lessons.guess(lesson, place.step)
    key = _guess_key(lesson)
    with st.container(key="lesson_question", border=True):
        if made is not None:
            if isinstance(asked, Curve):
                _curve(asked, key, made.said, made.truth)
            st.html(f'<p class="fedrot-feedback" role="status">{rich(lessons.feedback(asked, made))}</p>')
            return
        _widget(asked, key)
        with st.container(horizontal=True, gap="small"):
            st.button(
                "Lock in my prediction", key=f"{key}_lock", disabled=_said(asked, key) is None, type="primary",
                on_click=_lock, args=(lesson.name, place.step),
            )  # fmt: skip
            if place.present:
                st.button("Reveal", key=f"{key}_reveal", on_click=lessons.uncover, args=(lesson, place.step))


def _answers(lesson: Lesson, step: Step, runs: Runs | None) -> None:
    """What the lecture's room predicted, for whoever leads it: below the question or, on a slide, a way to it."""
    place = lessons.place(lesson)
    if step.predict is None or not room_answers.leads():
        mine(Asked).shown = None
        return
    if runs is not None:
        mine(Asked).take(lesson, step.predict, runs)
    if (lesson.name, place.step) not in mine(Asked).by_step:
        return
    if place.present:
        again(functools.partial(_answers_button, lesson), room_answers.SECONDS, "room_button", waits=True)
    else:
        _answers_card(lesson, slide=False)


def _answers_button(lesson: Lesson) -> None:
    """Changes a slide's picture for the room's answers, and back."""
    at, mind = (lesson.name, lessons.place(lesson).step), mine(Asked)
    answers = room_answers.count(mind.question(lesson, at[1]))
    label = "Back to the figure" if mind.shown == at else f"{answers} of the room"
    if st.button(label, key="lesson_answers", icon=":material/bar_chart:"):
        mind.shown = None if mind.shown == at else at
        st.rerun()


def _answers_shown(lesson: Lesson) -> bool:
    """Whether the room's answers stand in the place of the slide's picture."""
    place = lessons.place(lesson)
    return place.present and mine(Asked).shown == (lesson.name, place.step)


def _answers_card(lesson: Lesson, slide: bool) -> None:
    """The room's answers."""
    at = lessons.place(lesson).step
    asked, mind = lesson.steps[at].predict, mine(Asked)
    assert asked is not None
    truth = mind.by_step[lesson.name, at].truth
    drawn = room_answers.of_prediction(asked, truth)
    room_answers.card(mind.question(lesson, at), drawn, repr(truth), unmarked(asked.question), slide)


def _lock(name: str, step: int) -> None:
    mine(Taken).lock = name, step


def _guess_key(lesson: Lesson) -> str:
    """Key of the widget that takes the prediction of the step on screen."""
    return f"guess_{lesson.name}_{lessons.place(lesson).step}"


def _take_prediction(lesson: Lesson, step: Step, runs: Runs | None) -> None:
    """Lock in what the widget says now, if that was asked for on this step, as soon as its runs are complete.

    The button cannot do it itself: a hurried press comes together with the last move of the widget or of a knob.
    """
    asked, at = step.predict, lessons.place(lesson).step
    mind = mine(Taken)
    if mind.lock != (lesson.name, at):
        mind.lock = None
    elif asked is not None and runs is not None:
        mind.lock = None
        said = _said(asked, _guess_key(lesson))
        if said is not None:
            lessons.predict(lesson, at, said, runs)


def _said(asked: Prediction, key: str) -> Any:
    """What the widget says; None until there is a prediction."""
    if not isinstance(asked, Curve):
        return st.session_state.get(key)
    news, curves = st.session_state.get(f"{key}_draw"), mine(Taken).curves
    if news is not None and news.get("points") is not None:
        curves[key] = news["points"]
    drawn = curves.get(key)
    return drawn if drawn is not None and all(v is not None for v in drawn) else None


def _widget(asked: Prediction, key: str) -> None:
    """The widget that takes the prediction."""
    if isinstance(asked, Choice):
        st.radio(
            plain(unmarked(asked.question)), range(len(asked.options)), index=None, key=key,
            format_func=lambda n: asked.options[n],
        )  # fmt: skip
    elif isinstance(asked, Estimate):
        middle = asked.low + asked.step * round((asked.high - asked.low) / asked.step / 2)
        kind: type = int if all(float(v).is_integer() for v in (asked.low, asked.high, asked.step)) else float
        digits = 0 if kind is int else 1 if asked.step >= 0.1 else 2
        st.slider(
            plain(unmarked(asked.question)), kind(asked.low), kind(asked.high), kind(middle), kind(asked.step), key=key,
            format=f"%.{digits}f{suffix(asked.unit).replace('%', '%%')}",
        )  # fmt: skip
    else:
        st.html(f'<p class="fedrot-question">{rich(asked.question)}</p>')
        _curve(asked, key, mine(Taken).curves.get(key), None)


def _curve(asked: Curve, key: str, drawn: Sequence[float | None] | None, truth: Sequence[float] | None) -> None:
    """The drawing area."""
    component("draw_points")(
        key=f"{key}_{'truth' if truth else 'draw'}",
        data={
            "key": key, "question": unmarked(asked.question), "x_label": asked.x_label, "y_label": asked.y_label,
            "unit": suffix(asked.unit), "ticks": list(asked.ticks), "low": asked.low, "high": asked.high,
            "drawn": None if drawn is None else list(drawn), "truth": None if truth is None else list(truth),
        },
        on_points_change=lambda: None,
    )  # fmt: skip


def _picture(lesson: Lesson, step: int, scene: Scene) -> None:
    """The figure, and the worked example under it."""
    place, mode = lessons.place(lesson), theme_mode()
    chart(
        "figure_lesson", scene.draw, Same(scene), height=HEIGHT,
        label=unmarked(lesson.steps[step].title),
        filename=f"fedrot-{lesson.name}-step{step + 1}", uirevision=f"{lesson.name}-{step}",
        version=f"{lesson.name}:{step}:{sorted(place.values.items())}:{lessons.revealed(lesson, step)}:{mode}",
        triggers={"table": functools.partial(ask_table, "lesson")},
        footer=_footer(lesson, step), presented=place.present,
    )  # fmt: skip
    if scene.worked and not place.present:
        with st.expander("The numbers, worked out", icon=":material/calculate:"):
            for what, latex in scene.worked:
                st.caption(what)
                st.latex(latex)
            st.code("\n".join(latex for _, latex in scene.worked), language="latex", wrap_lines=True)


def _footer(lesson: Lesson, step: int) -> Provenance:
    """Lesson, step, and where its knobs stand."""
    values = lessons.place(lesson).values
    knobs = [lesson.knob(key) for key in lesson.steps[step].knobs]
    set_to = (f"{k.label} {k.choices[values[k.key]] if k.choices else f'{values[k.key]:g}{k.unit}'}" for k in knobs)
    return Provenance(line(f"{lesson.title}, step {step + 1}", ", ".join(set_to)))


def _dialog(lesson: Lesson, scene: Scene | None) -> None:
    """The table behind the figure, if it was asked for."""
    if scene is not None and table_wanted() == "lesson":
        place = lessons.place(lesson)
        title = unmarked(lesson.steps[place.step].title)
        numbers_dialog(title, lesson.question, scene.draw(theme_mode()), f"fedrot-{lesson.name}-{place.step + 1}")
