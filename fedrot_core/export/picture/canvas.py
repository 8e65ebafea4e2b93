"""The layout of a figure for a size: title above, footer below, type that is large enough, remarks wrapped.

All functions work on a figure as plain data (its JSON), and change it in place.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fedrot_core.export.picture.cells import leave_out_cell_texts
from fedrot_core.export.picture.lines import LINE, left_of_axes, letters_in, wrap_headings, wrap_remarks, wrapped
from fedrot_core.export.picture.sizes import Size

Spec = dict[str, Any]

FAMILY = "Inter, Helvetica, Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif"
"""Font family. Helvetica, Arial and Liberation Sans have the same widths, so that text takes the same room where a file
is made and where it is read."""

CAPITAL = 0.72
"""Height of a capital letter, as a share of the type size."""

TITLE = {False: 18, True: 16}
"""Type size of the title in px, by whether the canvas is compact."""

FOOTER = 10.5
SQUEEZE = 0.82
"""Panels that are stacked for narrow screens may shrink to this share of their height; below it they would overlap."""

EDGE = 10
"""Least distance of title and footer from the edge of the canvas, in px."""


def merge(base: Any, patch: Any) -> Any:
    """Put ``patch`` over ``base``, as the app does on narrow screens. Dictionaries are merged, the rest is replaced."""
    if not isinstance(patch, dict):
        return patch
    base = base if isinstance(base, dict) else {}
    return base | {key: merge(base.get(key), value) for key, value in patch.items()}


def lay_out(spec: Spec, size: Size, footer: str) -> None:
    """Lay ``spec`` out on the canvas of ``size``, with ``footer`` below it if that is not empty."""
    meta = spec["layout"].pop("meta", None) or {}
    title = spec["layout"].get("title", {}).get("text") or ""
    room = _Room(title, footer, size)
    patch = _patch(meta, room)
    own = patch.get("height") or meta.get("least_height", 0)
    width, height = room.fitted(max(own, size.canvas[1]) if size.tall > 1 else own)
    if size.compact and not patch and meta.get("narrow"):
        width, height = room.fitted(size.most * size.canvas[1])
    layout = spec["layout"] = merge(spec["layout"], patch)
    layout.pop("transition", None)  # a file shows the end of it
    layout |= {"width": width, "height": height, "autosize": False}
    for part in (layout, spec["data"], spec.get("frames") or []):
        set_type(part, size.least)
    margin = layout["margin"] = {"l": 60, "r": 16, "t": 16, "b": 48, **layout.get("margin", {})}
    margin["t"] = max(margin["t"], wrap_headings(layout)) + room.above(width)
    lines = room.title_lines(width)
    if lines:
        drop = EDGE + (CAPITAL * room.type_size if len(lines) > 1 else 0)  # Plotly hangs only single lines by their top
        layout["title"] = {
            **layout["title"], "text": "<br>".join(lines), "automargin": False, "x": EDGE / width, "xanchor": "left",
            "y": 1 - drop / height, "yanchor": "top", "yref": "container", "pad": {"t": 0},
            "font": {"size": room.type_size, "weight": 600},
        }  # fmt: skip
    margin["b"] = max(margin["b"], wrap_remarks(layout, EDGE))
    margin["l"] = max(margin["l"], left_of_axes(layout))
    _add_footer(layout, room.footer_lines(width), room.below(width))
    leave_out_cell_texts(spec)
    layout["meta"] = {"alt": meta.get("alt", "")}


def _patch(meta: Spec, room: _Room) -> Spec:
    """What the figure changes where there is less width than on a screen; nothing where that would not fit."""
    size = room.size
    patch: Spec = ((size.compact and meta.get("present")) or meta.get("narrow") or {}) if size.narrow else {}
    stacked = patch.get("height", 0)
    if size.compact and (size.tall > 1 or not stacked):
        return patch
    width, height = room.fitted(stacked) if size.compact else size.canvas
    return patch if stacked and height >= SQUEEZE * stacked + room.around(width) else {}


@dataclass(frozen=True)
class _Room:
    """What a title and a footer take of a canvas."""

    title: str
    footer: str
    size: Size

    @property
    def type_size(self) -> int:
        """Of the title's type, in px."""
        return TITLE[self.size.compact]

    def title_lines(self, width: float) -> list[str]:
        """As few as fit, of about the same length."""
        if not self.title:
            return []
        letters = letters_in(width - 2 * EDGE, 1.06 * self.type_size)
        lines = wrapped(self.title, letters)
        while letters > 12 and len(shorter := wrapped(self.title, letters - 1)) == len(lines):
            letters, lines = letters - 1, shorter
        return lines

    def footer_lines(self, width: float) -> list[str]:
        return wrapped(self.footer, letters_in(width - 2 * EDGE, FOOTER)) if self.footer else []

    def above(self, width: float) -> int:
        """Height of the title and its edge, in px."""
        lines = self.title_lines(width)
        return round(EDGE + LINE * self.type_size * len(lines)) if lines else 0

    def below(self, width: float) -> int:
        """Height of the footer and its edge, in px."""
        lines = self.footer_lines(width)
        return round(EDGE + LINE * FOOTER * len(lines)) if lines else 0

    def around(self, width: float) -> int:
        return self.above(width) + self.below(width)

    def fitted(self, needed: float) -> tuple[float, float]:
        """The size's canvas, grown as far as the size allows where ``needed`` px do not fit between the two."""
        size, (width, height) = self.size, self.size.canvas
        wish = needed + self.around(width)
        if wish > height:
            grown = min(size.most, wish / height)
            width, height = width * grown, max(height * grown, min(size.tall * height, wish))
            height = round(height * size.width / width) * width / size.width  # whole px in the file
        return width, height


def set_type(node: Any, least: float) -> None:
    """Set all type to one font family and to at least ``least`` px."""
    if isinstance(node, list):
        for value in node:
            set_type(value, least)
    elif isinstance(node, dict):
        for key, value in node.items():
            if key.endswith("font") and isinstance(value, dict):
                if isinstance(value.get("size"), int | float):
                    value["size"] = max(value["size"], least)
                if "family" in value:
                    value["family"] = FAMILY
            if key not in ("x", "y", "z", "text", "customdata"):
                set_type(value, least)


def _add_footer(layout: Spec, lines: list[str], room: int) -> None:
    """Make ``room`` px below everything else, and write ``lines`` there."""
    if not lines:
        return
    margin, height = layout["margin"], layout["height"]
    note = {
        "name": "footer", "text": "<br>".join(lines), "showarrow": False, "align": "left", "opacity": 0.8,
        "xref": "paper", "yref": "paper", "x": 0, "y": 0, "xanchor": "left", "yanchor": "top", "borderpad": 0,
        "xshift": EDGE - margin["l"], "yshift": -margin["b"], "font": {"size": FOOTER},
    }  # fmt: skip
    margin["b"] += room
    layout["annotations"] = [*layout.get("annotations", []), note]
    legend = layout.get("legend", {})
    if legend.get("yref", "container") == "container" and not legend.get("y"):
        layout["legend"] = {**legend, "y": room / height}
