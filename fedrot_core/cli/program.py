"""The group of all commands, and what their exit codes mean."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from pathlib import Path
from typing import Any, NoReturn

import click

from fedrot_core import ENGINE_VERSION
from fedrot_core.cli.streams import leave_unread
from fedrot_core.compute import torch_threads
from fedrot_core.errors import AdapterError, Cancelled, ConfigError, FedRotError, TraceError, rule

OK, FAILED, BAD_INPUT, UNDECIDED, STOPPED = 0, 1, 2, 3, 130

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 110}
"""Settings of every command: the help is as wide as the terminal, up to 110 columns."""

EPILOG = """\b
Exit codes: 0 done; 1 a check differs, or a run failed; 2 bad input, with the rule, the value and the
remedy on stderr; 3 rounding hides whether a check differs; 130 stopped by Ctrl-C. Results go to stdout
or to files, progress to stderr.

\b
First steps:
  fedrot run
  fedrot compare --arms fedit,fedrot,fedex --alpha 0.1 --seeds 5
  fedrot sweep --grid rank=2,4,8 --grid alpha=0.1,1 --out sweep.csv
  fedrot run --out run.json && fedrot verify run.json
  fedrot diagnose clients/ && fedrot merge clients/ --out merged
"""


def _modules() -> list[str]:
    """Names that may be commands: the names of this package's modules, some of which hold no command."""
    return [module.name.replace("_", "-") for module in pkgutil.iter_modules([str(Path(__file__).parent)])]


class Program(click.Group):
    """A group whose commands return an exit code (None means 0). Expected errors are shown without a traceback."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of all commands."""
        return [name for name in _modules() if self.get_command(ctx, name)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the module of a command only when it is asked for, since it may load libraries that no other needs."""
        if cmd_name in _modules():
            try:
                importlib.import_module(f"{__package__}.{cmd_name.replace('-', '_')}")
            except ModuleNotFoundError as error:
                if (error.name or "fedrot_core").startswith("fedrot_core"):
                    raise
                return _without(cmd_name, error.name or "")
        return super().get_command(ctx, cmd_name)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; a reader of its output that leaves early, as ``head`` does, is no failure."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            leave_unread()
            return OK

    def main(self, *args: Any, **extra: Any) -> NoReturn:
        """Run one command and exit with its exit code."""
        extra["standalone_mode"] = False
        try:
            with torch_threads(1):  # as in the lab, so that checksums agree with it
                code = super().main(*args, **extra)
        except (click.Abort, Cancelled):
            click.echo("Stopped.", err=True)
            code = STOPPED
        except click.ClickException as error:
            error.show()
            code = error.exit_code
        except FedRotError as error:
            click.echo(f"Error: {error}", err=True)
            code = BAD_INPUT if isinstance(error, (AdapterError, ConfigError, TraceError)) else FAILED
        except OSError as error:
            click.echo(f"Error: {error}", err=True)
            code = FAILED
        sys.exit(code if isinstance(code, int) else OK)


def _without(command: str, module: str) -> click.Command:
    """A stand-in for a command whose libraries are not installed; it says how to install them."""
    remedy = 'Install it with: pip install "fedrot-lab[slides]".'

    def say() -> None:
        raise rule(f"`{command}`", f"find the module {module}", "none", remedy)

    text = f"Needs the module {module}. {remedy}"
    settings = {"ignore_unknown_options": True, "allow_extra_args": True}
    return click.Command(command, callback=say, help=text, short_help=text, context_settings=settings)


@click.group(cls=Program, epilog=EPILOG, context_settings=CONTEXT)
@click.version_option(ENGINE_VERSION, message="FedRot Lab, engine %(version)s")
def group() -> None:
    """Federated LoRA: train clients, aggregate them by many methods, and see what naive averaging loses.

    Commands that train take the lab's settings as flags; `fedrot run --help` describes all of them.
    """
