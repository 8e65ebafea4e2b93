"""``python -m deploy.serve``: N workers on loopback and Caddy in front of them, on one machine, until Ctrl-C.

Every browser stays with its worker, by cookie. All workers share the store of finished runs. One that ends is started
again; meanwhile the others serve its browsers.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import click

HERE = Path(__file__).resolve().parent
LOOPBACK = "127.0.0.1"
LOOK_SECONDS = 0.2
AGAIN_SECONDS = 2.0
"""Between two starts of a worker at least."""
START_SECONDS = 180.0
"""How long workers may take until all answer, on a busy machine too."""
END_SECONDS = 20.0


class Worker:
    """One ``streamlit run app`` on a loopback port of its own, which it keeps when it is started again.

    Args:
        base: path that it is served at, "" or "/fedrot".
        share: of the machine's cores: how many processes train for it.
    """

    def __init__(self, base: str, share: int) -> None:
        self._env = {"FEDROT_PROCESSES": str(share)} | os.environ
        with socket.socket() as s:
            s.bind((LOOPBACK, 0))
            port = s.getsockname()[1]
        self.address = f"{LOOPBACK}:{port}"
        self._health = f"http://{self.address}{base}/_stcore/health"
        self._command = [sys.executable, "-m", "streamlit", "run", str(HERE.parent / "app"), "--server.headless=true"]
        self._command += [f"--server.address={LOOPBACK}", f"--server.port={port}", f"--server.baseUrlPath={base}"]
        self.start()

    def start(self) -> None:
        """Start it, and say which process it is."""
        self.process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, env=self._env)
        self.since = time.monotonic()
        say(f"worker {self.address} is process {self.process.pid}")

    @property
    def ended(self) -> bool:
        """Whether it runs no longer."""
        return self.process.poll() is not None

    def answers(self) -> bool:
        """Whether it is ready to be asked."""
        try:
            with urllib.request.urlopen(self._health, timeout=5) as answer:
                return bool(answer.read() == b"ok")
        except OSError:
            return False


def say(text: str) -> None:
    """Tell whoever started this."""
    click.echo(text, err=True)


def wait_for(workers: list[Worker]) -> None:
    """Wait until all answer.

    Raises:
        click.ClickException: if one ends, having said why, or does not answer.
    """
    deadline = time.monotonic() + START_SECONDS
    for worker in workers:
        while not worker.answers():
            if worker.ended or time.monotonic() > deadline:
                raise click.ClickException(f"worker {worker.address} did not start")
            time.sleep(LOOK_SECONDS)


def watch(proxy: subprocess.Popen[bytes], workers: list[Worker]) -> int:
    """Start workers again that end, until the proxy ends; its exit code."""
    while proxy.poll() is None:
        for worker in workers:
            if worker.ended and time.monotonic() - worker.since > AGAIN_SECONDS:
                say(f"worker {worker.address} has ended and is started again")
                worker.start()
        time.sleep(LOOK_SECONDS)
    return proxy.returncode


def end(processes: list[subprocess.Popen[bytes]]) -> None:
    """End them all, by force where one does not."""
    for process in processes:
        process.terminate()
    deadline = time.monotonic() + END_SECONDS
    for process in processes:
        try:
            process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def path_below(_context: click.Context, _option: click.Parameter, base: str) -> str:
    """``fedrot`` or ``/fedrot/`` -> ``/fedrot``; nothing -> nothing."""
    if not re.fullmatch(r"[A-Za-z0-9_/-]*", base):
        raise click.BadParameter("letters, digits, - and _ only, with / between parts")
    return f"/{base.strip('/')}".rstrip("/")


@click.command(help=(__doc__ or "").partition("\n\n")[2])
@click.option("--workers", default=2, show_default=True, type=click.IntRange(1), help="How many. One a core is enough.")
@click.option("--site", default="http://localhost:8080", show_default=True, help="What browsers ask for, without path.")
@click.option("--base", default="", callback=path_below, help="Path below the site, if the app has not all of it.")
@click.option("--listen", default=LOOPBACK, show_default=True, help="Address to listen on; 0.0.0.0 is every network.")
@click.option("--certificate", type=click.Path(exists=True, path_type=Path), help="TLS with this certificate (PEM).")
@click.option("--key", type=click.Path(exists=True, path_type=Path), help="Its private key.")
@click.option(
    "--internal", is_flag=True, help="TLS with a certificate that Caddy makes and no browser knows: to try it."
)
def main(
    workers: int, site: str, base: str, listen: str, certificate: Path | None, key: Path | None, internal: bool
) -> None:
    """See the module's docstring."""
    caddy = shutil.which("caddy")
    if caddy is None:
        raise click.ClickException("there is no caddy here; Debian's package is called caddy")
    if (certificate is None) != (key is None) or (internal and key is not None):
        raise click.ClickException("give --certificate and --key together, or --internal, or none of them")
    tls = "tls internal" if internal else "" if key is None else f'tls "{certificate}" "{key}"'
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    processes: list[subprocess.Popen[bytes]] = []
    running: list[Worker] = []
    try:
        share = max(1, (os.cpu_count() or 1) // workers)
        running += [Worker(base, share) for _ in range(workers)]
        wait_for(running)
        told = {
            "FEDROT_SITE": site,
            "FEDROT_BASE": base,
            "FEDROT_TLS": tls,
            "FEDROT_LISTEN": listen,
            "FEDROT_WORKERS": " ".join(worker.address for worker in running),
            "FEDROT_SECRET": os.environ.get("FEDROT_SECRET") or secrets.token_hex(16),
        }
        command = [caddy, "run", "--config", str(HERE / "Caddyfile"), "--adapter", "caddyfile"]
        proxy = subprocess.Popen(command, env=os.environ | told)
        processes.append(proxy)
        say(f"{site}{base}/ is served by {workers} workers")
        sys.exit(watch(proxy, running))
    except KeyboardInterrupt:
        pass
    finally:
        end([*processes, *(worker.process for worker in running)])


if __name__ == "__main__":
    main()
