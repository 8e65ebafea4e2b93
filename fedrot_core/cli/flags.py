"""Flags made from the metadata of the config's fields, which hold every name, help, unit, range, default and choice."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from fedrot_core.cli.inputs import open_run
from fedrot_core.cli.kinds import OneOf
from fedrot_core.config import FederationConfig, Leaf, leaves
from fedrot_core.errors import ConfigError, rule
from fedrot_core.methods import METHODS
from fedrot_core.study.presets import PRESETS

LEAVES = {leaf.option.key: leaf for leaf in leaves()}
PREFIX = "setting_"
NAMED = {preset.name: preset for preset in PRESETS}


def flag(leaf: Leaf) -> str:
    """The name of a leaf's flag, made from its URL key, such as ``--lora-alpha``."""
    return "--" + leaf.option.key.replace("_", "-")


def described(leaf: Leaf, among: Collection[str], usual: Mapping[str, Any]) -> str:
    """Help of a flag: label and help of the field, then in brackets its choices or range, its default, and the other
    settings that it needs in order to have an effect.

    Args:
        among: URL keys of all flags of the command; usual: what it sets where they are not given.
    """
    opt = leaf.option
    facts = []
    if leaf.kind is str:
        facts += [f"{name}: {label}" for name, label in leaf.choices.items()]
    elif opt.low is not None and opt.high is not None:
        facts.append(f"{opt.low:g}..{opt.high:g} {opt.unit}".rstrip())
    facts.append(f"default {leaf.text(usual.get(opt.key, leaf.default))}")
    if set(opt.when) <= set(among) and opt.when:
        facts.append(f"only with {_needs(leaf)}")
    return f"{opt.label}. {opt.help} [{'; '.join(facts)}]"


class Setting(click.Option):
    """The command-line option of one leaf of the config."""

    def __init__(
        self, names: Sequence[str], leaf: Leaf, among: Collection[str], usual: Mapping[str, Any], **more: Any
    ) -> None:
        metavar = {int: "N", float: "X", str: "NAME"}.get(leaf.kind, "NAME,NAME")
        super().__init__(names, type=str, metavar=metavar, help=described(leaf, among, usual), **more)
        self.leaf = leaf

    def type_cast_value(self, ctx: click.Context, value: Any) -> Any:
        """Parse the value. An error message states the rule, the value and a remedy."""
        if not isinstance(value, str):
            return value
        try:
            return self.leaf.parse(value)
        except ConfigError as error:
            raise click.BadParameter(str(error), ctx, self) from None


class Teaching(click.Command):
    """A command whose help lists its settings by section of the config, each under its description."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the command's own options first, then the settings of each section."""
        parts: dict[str, list[tuple[str, str]]] = {"Options": []}
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx)
            if record is None or isinstance(param, click.Argument):  # the text of the command explains it
                continue
            title = "Options"
            if isinstance(param, Setting):
                section = param.leaf.section
                title = "The run"
                if section is not FederationConfig:
                    title = str(section.__doc__).splitlines()[0].rstrip(".").replace("``", "")
            parts.setdefault(title, []).append(record)
        for title, records in parts.items():
            with formatter.section(title):
                formatter.write_dl(records, col_max=22)


def configured(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command every setting as a flag, and ``--preset`` and ``--from``; it is passed the resulting ``config``.

    If the command has a parameter ``source``, it is also passed the run file or trace that ``--from`` names.
    """
    takes_source = "source" in command.__annotations__

    @functools.wraps(command)
    def wrapped(base: Path | None, preset: str | None, **arguments: Any) -> Any:
        values = {name.removeprefix(PREFIX): arguments.pop(name) for name in list(arguments) if name.startswith(PREFIX)}
        given = {key: value for key, value in values.items() if value is not None}
        if base is not None and preset is not None:
            raise rule("--preset", "be used without --from", preset, "Drop one of the two.")
        source = None if base is None else open_run(base)
        start = FederationConfig() if preset is None else NAMED[preset].config
        config = changed(start if source is None else source.config, given)
        note_idle([config], given)
        if takes_source:
            arguments["source"] = source
        return command(config=config, **arguments)

    for leaf in reversed(LEAVES.values()):
        wrapped = click.option(flag(leaf), PREFIX + leaf.option.key, cls=Setting, leaf=leaf, among=LEAVES, usual={})(
            wrapped
        )
    titles = "; ".join(f"{preset.name}: {preset.title}" for preset in PRESETS)
    wrapped = click.option(
        "--preset",
        type=OneOf(NAMED),
        help=f"Start from one of the lab's presets instead of the defaults; other flags change it. [{titles}]",
    )(wrapped)
    return click.option(
        "--from",
        "base",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="Start from the settings of this run file or trace instead of the defaults; other flags change them.",
    )(wrapped)


def settings_given() -> list[str]:
    """The flags on the command line that say which run is meant: settings, ``--preset`` and ``--from``."""
    context = click.get_current_context()
    return [
        param.opts[0]
        for param in context.command.params
        if (isinstance(param, Setting) or param.name in ("preset", "base"))
        and param.name is not None
        and context.get_parameter_source(param.name) is ParameterSource.COMMANDLINE
    ]


def some_settings(keys: Sequence[str], usual: Mapping[str, Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give a command these settings as flags; it is passed the given ones as ``settings``, by URL key.

    Args:
        keys: URL keys of the settings.
        usual: what the command sets, by URL key, where it differs from the defaults of a run.
    """

    def add(command: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(command)
        def wrapped(**arguments: Any) -> Any:
            given = {key: arguments.pop(PREFIX + key) for key in keys}
            return command(settings={key: v for key, v in given.items() if v is not None}, **arguments)

        found: Callable[..., Any] = wrapped
        for key in reversed(keys):
            more = {"leaf": LEAVES[key], "among": keys, "usual": usual}
            found = click.option(flag(LEAVES[key]), PREFIX + key, cls=Setting, **more)(found)
        return found

    return add


def changed(config: FederationConfig, values: Mapping[str, Any]) -> FederationConfig:
    """``config`` with ``values``, by URL key. If one breaks a rule, the error names its flag."""
    try:
        return config.with_values(values)
    except ConfigError as error:
        hint = flag(LEAVES[error.key]) if error.key in LEAVES else error.key
        raise click.BadParameter(str(error), click.get_current_context(silent=True), param_hint=hint) from None


def note_idle(configs: Sequence[FederationConfig], keys: Iterable[str]) -> None:
    """Say on stderr which of ``keys`` have no effect in any of ``configs``."""
    for leaf in (LEAVES[key] for key in keys):
        if not any(leaf.active(config.values()) for config in configs):
            click.echo(f"Note: {flag(leaf)} has no effect here; it needs {_needs(leaf)}.", err=True)


def _needs(leaf: Leaf) -> str:
    return " and ".join(f"{flag(LEAVES[key])} {' or '.join(names)}" for key, names in leaf.option.when.items())


def method_list() -> str:
    """A list of all methods with their labels and sources, for the end of a help text."""
    lines = [f"  {m.card.name:16} {m.card.label}, {m.paper}" for m in METHODS.values()]
    return "\b\nMethods:\n" + "\n".join(lines)
