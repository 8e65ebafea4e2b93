"""The command ``fedrot``.

To add a command, add a file of its name that registers it on the ``group`` of :mod:`fedrot_core.cli.program`.
"""

import atexit
import logging
import os
import sys

from fedrot_core.cli.program import STOPPED, group
from fedrot_core.cli.streams import prepare


def main() -> None:
    """Run the command that ``sys.argv`` names, and exit with its exit code."""
    prepare()
    logging.getLogger("fedrot_core").setLevel(logging.ERROR)  # commands say themselves what went wrong
    try:
        group.main(prog_name="fedrot")
    except SystemExit as end:
        if end.code != STOPPED:
            raise
        atexit._run_exitfuncs()  # closes the browser that draws figures
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(STOPPED)  # threads of a sweep may still be in torch, which Python's own way out would tear down
