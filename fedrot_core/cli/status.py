"""``status``: what the running servers are doing, for who runs a class."""

from __future__ import annotations

import dataclasses
import json

import click

from fedrot_core.cli.flags import Teaching
from fedrot_core.cli.program import group
from fedrot_core.errors import rule
from fedrot_core.servers import heard, report
from fedrot_core.store import FOLDER, Store

EPILOG = """\b
Examples:
  fedrot status
  fedrot status --json
  watch fedrot status
"""


@group.command("status", cls=Teaching, epilog=EPILOG)
@click.option("--json", "as_json", is_flag=True, help="As JSON: a list with one entry for each server.")
def status(as_json: bool) -> None:
    """Say what the servers that share this store are doing: open pages, work, memory, store. Counts only, no names."""
    folder = Store.usual().folder
    if folder is None:
        raise rule(FOLDER, "name a folder", "nothing", "Servers tell what they do through that folder.", FOLDER)
    servers = heard(folder)
    if as_json:
        click.echo(json.dumps([dataclasses.asdict(server) for server in servers], indent=2))
    else:
        click.echo(report(servers) or f"No server runs that uses this store. {FOLDER} names the store's folder.")
