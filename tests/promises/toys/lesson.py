"""A lesson of three steps about nothing."""

import plotly.graph_objects as go

from fedrot_core.figures.kit.theme import base_figure
from fedrot_core.learn.lessons.base import Choice, Knob, Lesson, Runs, Scene, Step, Values, register


def scene(values: Values, runs: Runs) -> Scene:
    """A dot at the knob's height."""
    height = values["toy"]

    def draw(mode: str) -> go.Figure:
        title = f"The dot stands at {height}"
        figure = base_figure(mode, title, f"{title}.")
        figure.add_scatter(x=[0], y=[height])
        return figure

    return Scene(draw, {"height": str(height)})


ASKED = Choice("Where does the dot stand?", ("up", "down"), lambda values, runs: 0)


def step(title: str) -> Step:
    """A step that asks first."""
    return Step(
        title, "A dot.", "Move the toy.", scene, after="It stands at {height}.", knobs=("toy",), predict=ASKED,
        before=scene, notes="Nothing to say.",
    )  # fmt: skip


register(
    Lesson(
        name="toy_lesson",
        title="A toy lesson",
        question="Does a new lesson enter the menu by itself?",
        gist="A new lesson enters the menu by itself.",
        minutes=1,
        icon="toys",
        knobs=(Knob("toy", "Toy", "Height of the dot.", 1, 0, 3, 1),),
        steps=(step("One"), step("Two"), step("Three")),
    )
)
