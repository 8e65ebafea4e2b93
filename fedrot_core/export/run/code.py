"""A run as code: a Python script or a Jupyter notebook that repeats the run with ``fedrot_core`` only."""

from __future__ import annotations

import json
import textwrap
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import nbformat

from fedrot_core import ENGINE_VERSION
from fedrot_core.config import FederationConfig, Leaf, TaskConfig
from fedrot_core.config.fields import TASK
from fedrot_core.export.run.link_check import read_check
from fedrot_core.figures import FIGURES
from fedrot_core.methods import METHODS
from fedrot_core.wording import counted

DRAWN = ("learning", "errors")
"""The figures that the code draws."""

WIDTH = 80
"""Columns of long lists and of prose. The longest line of code has 115."""


@dataclass(frozen=True)
class Part:
    """One step of the code.

    Attributes:
        name: id of its cell in a notebook.
        text: what it does, in words.
        code: the lines of code.
    """

    name: str
    text: str
    code: str


def script(config: FederationConfig, check: str = "") -> str:
    """Python source that repeats the run of ``config``.

    Args:
        config: config of the run.
        check: the run's numbers as :func:`fedrot_core.export.run.link_check.link_check` writes them. If given, the
            script compares its own numbers with them.

    Raises:
        ConfigError: if the config names a method or task that is not registered.
    """
    head, *rest = _parts(config, check)
    body = "\n\n".join("".join(f"# {line}\n" for line in part.text.splitlines()) + part.code for part in rest)
    return f'"""{head.text}"""\n\n{head.code}\n\n{body}\n'


def notebook(config: FederationConfig, check: str = "") -> bytes:
    """The same as :func:`script`, as a Jupyter notebook without outputs, which also shows the figures."""
    formats: Any = nbformat  # has no types
    v4 = formats.v4
    cells = []
    for part in _parts(config, check):
        code = part.code
        if part.name in DRAWN:
            code += "\nfigure"
        cells.append(v4.new_markdown_cell(part.text, id=f"{part.name}-text"))
        cells.append(v4.new_code_cell(code, id=part.name))
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    book = v4.new_notebook(cells=cells, metadata={"kernelspec": kernel, "language_info": {"name": "python"}})
    formats.validate(book)
    return f"{formats.writes(book)}\n".encode()


def _parts(config: FederationConfig, check: str) -> Iterator[Part]:
    """The code in order. No text of ``config`` enters it but as a Python literal or by a registry's name."""
    if check:
        read_check(check)
    labels = ", ".join(METHODS[name].card.label for name in config.methods)
    methods = textwrap.fill(f"Methods: {labels}.", WIDTH)
    sections, built = _built(config)
    own = [section for section in sections if issubclass(section, TaskConfig)]
    common = [section.__name__ for section in sections if section not in own]
    rounds = counted(config.train.rounds, "round")
    yield Part(
        "imports",
        f"Run {config.hash} of FedRot Lab: {rounds}, seed {config.seed}.\n\n{methods}\n\n"
        f"Needs the folder fedrot_core (engine {ENGINE_VERSION}) beside this file or on PYTHONPATH, "
        "and what its requirements.txt names.\n",
        "import torch\n\n"
        f"from fedrot_core.config import {', '.join(sorted(['FederationConfig', *common]))}\n"
        + ("from fedrot_core.export.run.link_check import compare_link\n" if check else "")
        + "from fedrot_core.federation import Federation\n"
        "from fedrot_core.figures import View, drawn"
        + "".join(f"\nfrom {section.__module__} import {section.__name__}" for section in own),
    )
    yield Part(
        "config",
        "What differs from the defaults; fedrot_core/config/fields.py and the task's own file describe every setting.\n"
        "One thread, so that even the last bits agree with the lab's.",
        f"torch.set_num_threads(1)\nconfig = {built}",
    )
    yield Part(
        "run",
        "All methods train on the same seed, split and mini-batches.",
        "trace = Federation(config).run()",
    )
    yield Part(
        "table",
        "Where each method stands after its last round. The error is the distance of the global update from\n"
        "the ideal sum of w_k B_k A_k, over its norm.",
        "print(f\"{'method':36}{trace.task.score_name:>16}{'error':>12}{'rounds':>8}\")\n"
        "print(f\"{'(before training)':36}{trace.task.start_score:16.1%}\")\n"
        "for card in trace.arms:\n"
        "    records = trace.arm(card.name)\n"
        "    if records:\n"
        "        last = records[-1]\n"
        '        print(f"{card.label:36}{last.score:16.1%}{last.errors.own[-1]:12.3g}{len(records):8}")\n'
        "for stop in trace.stopped:\n"
        "    print(stop.message)",
    )
    if check:
        pieces = "\n    ".join(json.dumps(check[n : n + WIDTH]) for n in range(0, len(check), WIDTH))
        compared = f"check = (\n    {pieces}\n)\nprint(compare_link(check, trace))"
        yield Part("check", "Did the same numbers come out? The numbers after the last round are compared.", compared)
    else:
        yield Part("check", "A checksum over the whole trace.", 'print(f"checksum {trace.checksum}")')
    for name in DRAWN:
        yield Part(
            name,
            f"{FIGURES[name].question} Open {name}.html in a browser.",
            f'figure = drawn("{name}", trace, View(arm=config.methods[0], round_index=config.train.rounds - 1))\n'
            f'figure.write_html("{name}.html")',
        )


def _built(config: FederationConfig) -> tuple[list[type], str]:
    """The sections needed, and the expression that builds ``config`` from what is not default."""
    changed: dict[tuple[str, ...], list[Leaf]] = defaultdict(list)
    for leaf in config.leaves():
        if leaf.get(config) != leaf.default:
            changed[leaf.path[:-1]].append(leaf)
    lines: list[str] = []
    sections: list[type] = []
    for path, found in changed.items():
        indent = " " * 4 * (len(path) + 1)
        inner = [
            f"{indent}{leaf.path[-1]}={_literal(leaf.get(config), indent)},{_comment(leaf)}"
            for leaf in found
            if leaf.path != TASK.path  # the section's type says it
        ]
        if path:
            section = type(getattr(config, path[0]))
            sections.append(section)
            head = f"    {path[0]}={section.__name__}("
            inner = [head, *inner, "    ),"] if inner else [f"{head}),"]
        lines += inner
    return sections, "FederationConfig(\n" + "\n".join(lines) + "\n)" if lines else "FederationConfig()"


def _literal(value: int | float | str | tuple[str, ...], indent: str) -> str:
    """``value`` as Python source; a tuple that is too long for one line has one entry a line."""
    if not isinstance(value, tuple):
        return json.dumps(value)  # a number's shortest exact text, or text in ASCII, escaped as in Python
    items = [json.dumps(item) for item in value]
    line = f"({', '.join(items)}{',' if len(items) == 1 else ''})"
    if len(line) + len(indent) <= WIDTH:
        return line
    return "(\n" + "".join(f"{indent}    {item},\n" for item in items) + f"{indent})"


def _comment(leaf: Leaf) -> str:
    """What the field is called, and its unit."""
    unit = f" [{leaf.option.unit}]" if leaf.option.unit else ""
    return f"  # {leaf.option.label}{unit}"
