"""Figures in grey: every colour becomes the grey of the same luminance, so that contrasts stay the same."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from typing import Any

from plotly.colors import get_colorscale

COLOUR = re.compile(
    r"#(?P<hex>[0-9a-fA-F]{6}|[0-9a-fA-F]{3})\b|rgba?\((?P<rgb>[\d.]+ *, *[\d.]+ *, *[\d.]+)(?P<alpha> *, *[\d.]+)?\)"
)

RAMP = ((0, "#8C8C8C"), (1, "#FFFFFF"))
"""Scale that replaces one whose two ends have the same luminance. Dark text stays legible on all of it."""

COLORWAY = ("#1B1B1B", "#6B6B6B", "#3F3F3F", "#8C8C8C")
"""Greys for traces that name no colour."""


DARKER = 0.55
"""Lines, marks and text that have a hue keep this share of its luminance. Our hues all have about the same luminance,
so that as greys they would not stand out from bars of other hues."""

HUED = 24
"""A colour has a hue if its channels differ by at least this much."""


def luminance(red: float, green: float, blue: float) -> float:
    """Relative luminance (WCAG 2), in 0..1, of an sRGB colour whose channels are in 0..255."""
    return 0.2126 * _linear(red) + 0.7152 * _linear(green) + 0.0722 * _linear(blue)


def _linear(value: float) -> float:
    value /= 255
    return value / 12.92 if value <= 0.04045 else float(((value + 0.055) / 1.055) ** 2.4)


def grey(red: float, green: float, blue: float, share: float = 1.0) -> int:
    """The grey level, in 0..255, with the same luminance, or with ``share`` of it."""
    light = share * luminance(red, green, blue)
    value = 12.92 * light if light <= 0.0031308 else 1.055 * light ** (1 / 2.4) - 0.055
    return round(255 * value)


def grey_text(text: str, share: float = 1.0) -> str:
    """``text`` with every CSS colour in it (#RRGGBB, #RGB, rgb(), rgba()) turned grey.

    Args:
        text: the text.
        share: share of their luminance that colours with a hue keep.
    """

    def turned(match: re.Match[str]) -> str:
        channels = _channels(match)
        level = grey(*channels, share if max(channels) - min(channels) >= HUED else 1.0)
        if match["alpha"]:
            return f"rgba({level},{level},{level}{match['alpha']})"
        return f"#{level:02X}{level:02X}{level:02X}"

    return COLOUR.sub(turned, text)


def _channels(match: re.Match[str]) -> tuple[float, float, float]:
    if match["hex"]:
        digits = match["hex"] if len(match["hex"]) == 6 else "".join(2 * c for c in match["hex"])
        red, green, blue = (int(digits[i : i + 2], 16) for i in (0, 2, 4))
        return red, green, blue
    red, green, blue = (float(part) for part in match["rgb"].split(","))  # type: ignore[assignment]
    return red, green, blue


def greyed(spec: dict[str, Any]) -> dict[str, Any]:
    """A copy of a figure, as plain data, in which every colour is a grey."""
    out: dict[str, Any] = _greyed(spec, 1.0)
    out["layout"].setdefault("template", {}).setdefault("layout", {})["colorway"] = list(COLORWAY)
    return out


def _greyed(node: Any, share: float, key: str = "") -> Any:
    if key == "colorscale":
        return _scale(node)
    if isinstance(node, dict):
        if key in ("line", "textfont", "font") or node.get("type") == "scatter":
            share = DARKER
        return {k: _greyed(v, DARKER if k == "text" else share, k) for k, v in node.items()}
    if isinstance(node, list):
        return [_greyed(v, share) for v in node]
    return grey_text(node, share) if isinstance(node, str) else node


def _scale(scale: Any) -> Any:
    """A colour scale in greys; one that is as light at both ends as a ramp, since its ends would be alike."""
    if isinstance(scale, dict):  # a template's, by kind
        return {kind: _scale(colours) for kind, colours in scale.items()}
    if isinstance(scale, str):
        scale = get_colorscale(scale)
    pairs = [[position, grey_text(colour)] for position, colour in scale]
    return pairs if _monotonic([int(colour[1:3], 16) for _, colour in pairs]) else [list(pair) for pair in RAMP]


def _monotonic(values: Sequence[int]) -> bool:
    steps = [b - a for a, b in itertools.pairwise(values)]
    return all(s >= 0 for s in steps) or all(s <= 0 for s in steps)
