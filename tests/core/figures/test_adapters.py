"""Figures of a diagnosis: they say what the numbers say, whatever the clients, and show no name as markup."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from fedrot_core.adapters.diagnosis import Diagnosis, diagnose
from fedrot_core.adapters.write import write_adapter
from fedrot_core.figures.adapters import adapter_figures
from fedrot_core.figures.adapters.names import short_names, shortened
from fedrot_core.figures.kit.rows import figure_rows
from fedrot_core.wording import percent

MODES = ("light", "dark")


def diagnosed(folder: Path, clients: int, layers: int, ranks: tuple[int, ...] = (3,), turned: bool = True) -> Diagnosis:
    """Clients near one another, each in a frame of its own if ``turned``; the last one is ten times as large."""
    rng = np.random.default_rng(clients + layers)
    names = [f"encoder.layer.{n // 2}.attention.{('query', 'value')[n % 2]}" for n in range(layers)]
    most = max(ranks)
    core = {name: (rng.normal(size=(30, most)), rng.normal(size=(most, 20))) for name in names}
    for k in range(clients):
        r = ranks[k % len(ranks)]
        modules = {}
        for name, (B, A) in core.items():
            R = np.linalg.qr(rng.normal(size=(r, r)))[0] if turned else np.eye(r)
            noise = 0.1 * rng.normal(size=B.shape)
            modules[name] = ((B + noise)[:, :r] @ R, R.T @ A[:r])
        write_adapter(folder / f"<b>client {k}</b>", modules, 10.0 if k == clients - 1 else 1.0)
    return diagnose(folder)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("clients", "layers", "ranks"), [(1, 1, (3,)), (2, 3, (3,)), (5, 4, (2,)), (3, 2, (2, 3)), (4, 100, (1,))]
)
def test_every_figure_is_drawn_of_any_clients(
    tmp_path: Path, clients: int, layers: int, ranks: tuple[int, ...], mode: str
) -> None:
    found = diagnosed(tmp_path, clients, layers, ranks)
    for drawing in adapter_figures(found, layers - 1, clients - 1):
        figure = drawing.draw(mode)
        assert figure.layout.title.text
        assert len(figure.layout.title.text) <= 90
        assert figure.layout.meta["alt"].endswith(".") or figure.layout.meta["alt"] == figure.layout.title.text
        assert "<b>client" not in json.dumps(figure.to_plotly_json(), default=str)
        figure_rows(figure)


def test_figures_with_nothing_to_show_are_left_out(tmp_path: Path) -> None:
    kinds = {"apart": (1, (3,), 3), "turned": (3, (3,), 5), "other ranks": (3, (2, 3), 3)}
    for name, (clients, ranks, count) in kinds.items():
        assert len(adapter_figures(diagnosed(tmp_path / name, clients, 2, ranks))) == count


def test_bars_of_a_layer_add_up_to_its_naive_error(tmp_path: Path) -> None:
    found = diagnosed(tmp_path, 4, 3)
    figure = adapter_figures(found)[0].draw("light")
    bars = np.array([trace.x for trace in figure.data if trace.type == "bar"])
    np.testing.assert_allclose(bars.sum(0), [layer.errors["naive"] for layer in found.layers])
    assert (bars >= 0).all()
    assert percent(found.verdict.naive) in figure.layout.title.text


def test_the_map_holds_the_numbers_of_the_table(tmp_path: Path) -> None:
    found = diagnosed(tmp_path, 3, 4)
    errors, turns, apart = adapter_figures(found)[1].draw("dark").data
    for n, row in enumerate(found.rows):
        assert errors.z[n][0] == row["naive_error"]
        assert turns.z[n][0] == row["turn"]
        assert list(apart.z[n]) == [row["apart_A"], row["apart_B"]]


def test_the_clock_shows_every_angle_of_the_layer(tmp_path: Path) -> None:
    found = diagnosed(tmp_path, 3, 2)
    dots = adapter_figures(found, 1, 2)[2].draw("light").data[:2]
    angles = sorted(angle for trace in dots for _, angle in trace.customdata)
    assert angles == sorted(found.layers[1].angles.ravel().tolist())
    assert len(dots[1].x) == 3  # the selected client's own


def test_the_client_that_stands_out_is_named(tmp_path: Path) -> None:
    found = diagnosed(tmp_path, 4, 2)
    (odd,) = found.outliers
    figure = adapter_figures(found)[4].draw("light")
    assert "1 of 4 clients stand out" in figure.layout.title.text
    assert shortened(odd.client) in figure.layout.meta["alt"]


def test_short_names_tell_layers_apart() -> None:
    names = [f"model.layers.{n}.self_attn.{p}" for n in range(2) for p in ("q_proj", "v_proj")]
    assert short_names(names) == ["0 · q_proj", "0 · v_proj", "1 · q_proj", "1 · v_proj"]
    assert short_names(["a.x.w", "a.y.w"]) == ["x", "y"]
    assert short_names(["alone"]) == ["alone"]
    assert len(set(short_names(["u" * 60 + str(n) for n in range(3)]))) == 3
