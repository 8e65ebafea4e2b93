"""A Chrome or Chromium that draws pictures. It stays open for many pictures and can be used from any thread.

Kaleido drives it, on an event loop in a separate thread. Kaleido's own server is not used, since its callers would wait
for ever without Chrome or after a crash.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import functools
import importlib.util
import logging
import os
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from typing import Any

from fedrot_core.errors import Cancelled, ExportError

START_SECONDS = 60.0
RENDER_SECONDS = 45.0
CLOSE_SECONDS = 8.0
IDLE_SECONDS = 300.0
"""A browser that has not been used for this long is closed. The next picture opens a new one."""

LOOK_SECONDS = 0.1
"""Seconds between two checks whether a waiting caller should stop."""

REMEDY = (
    "Install Chrome or Chromium (Debian: `apt install chromium`), or let `plotly_get_chrome` download one "
    "for Plotly alone. HTML, CSV and JSON need no browser."
)

EDGELESS = "<style>@page { margin: 0 } #kaleido-image { display: block }</style>"
"""Style that prevents the margin with which Kaleido prints PDFs, and by which it would cut the picture."""

log = logging.getLogger(__name__)

ShouldStop = Callable[[], bool]


def chrome_path() -> str | None:
    """Path of the browser to use: the one at BROWSER_PATH, Plotly's own download, or one of the system.

    It is None if there is no browser.
    """
    if not kaleido_installed():
        return None
    from choreographer.browsers.chromium import Chromium  # here, since most programs never draw a picture

    path = Chromium.find_browser(skip_local=False)
    return path if path and os.access(path, os.X_OK) else None


def kaleido_installed() -> bool:
    """Whether kaleido, the optional package that drives the browser, is installed."""
    return importlib.util.find_spec("kaleido") is not None


def chrome_available() -> bool:
    """Whether SVG, PDF and PNG can be made on this machine."""
    return chrome_path() is not None


class Browser:
    """Renders one picture at a time in a browser. The first picture opens it; it is closed after a while without use.

    Args:
        start_seconds, render_seconds: how long it may take to open the browser and to draw one picture. If it takes
            longer, the browser is closed, and a new one tries once more.
        idle_seconds: how long the browser stays open without use.
    """

    def __init__(
        self,
        start_seconds: float = START_SECONDS,
        render_seconds: float = RENDER_SECONDS,
        idle_seconds: float = IDLE_SECONDS,
    ) -> None:
        self.start_seconds, self.render_seconds, self.idle_seconds = start_seconds, render_seconds, idle_seconds
        self._turn = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._kaleido: Any = None
        self._used = 0.0
        self._closer: threading.Timer | None = None

    @property
    def running(self) -> bool:
        """Whether a browser is open."""
        return self._kaleido is not None

    def render(
        self,
        spec: dict[str, Any],
        format: str,
        width: float,
        height: float,
        scale: float,
        should_stop: ShouldStop = lambda: False,
        on_step: Callable[[str], None] = lambda step: None,
    ) -> bytes:
        """Draw the picture of a figure.

        Args:
            spec: the figure as plain data.
            format: "svg", "pdf" or "png".
            width, height: size of the layout in px.
            scale: how many times larger the picture is than the layout.
            should_stop: asked while waiting. Once it returns true, :class:`fedrot_core.errors.Cancelled` is raised.
            on_step: called with what is being waited for, in words.

        Raises:
            ExportError: if there is no Chrome, or if it failed or took too long twice.
        """
        options = {"format": format, "width": width, "height": height, "scale": scale}
        on_step("Waiting for another picture")
        while not self._turn.acquire(timeout=LOOK_SECONDS):
            _stop_if(should_stop)
        try:
            for last in (False, True):
                try:
                    self._open(should_stop, on_step)
                    on_step("Drawing the picture")
                    work = self._submit(self._kaleido.calc_fig(spec, opts=options))
                    return bytes(self._wait(work, self.render_seconds, should_stop))
                except (Cancelled, ExportError):
                    self._discard()
                    raise
                except Exception as error:
                    log.warning("a picture failed: %r", error)
                    self._discard()
                    if last:
                        took_long = isinstance(error, TimeoutError)
                        got = f"nothing in {self.render_seconds:g} s" if took_long else _in_words(error)
                        raise ExportError(
                            f"Chrome must draw the figure as {format.upper()}; got {got}, twice. Try again, choose a "
                            "smaller size or scale, or save it as HTML."
                        ) from error
            raise AssertionError("unreachable")
        finally:
            self._rest()
            self._turn.release()

    def close(self) -> None:
        """Close the browser, if one is open."""
        with self._turn:
            if self._closer is not None:
                self._closer.cancel()
            self._discard()

    def _open(self, should_stop: ShouldStop, on_step: Callable[[str], None]) -> None:
        if self._kaleido is not None:
            return
        if not kaleido_installed():
            remedy = 'Install them with: pip install "fedrot-lab[pictures]". HTML, CSV and JSON need neither.'
            raise ExportError(f"SVG, PDF and PNG must be drawn through the package kaleido; got none. {remedy}")
        if chrome_path() is None:
            where = os.environ.get("BROWSER_PATH")
            got = f"none at BROWSER_PATH={where}" if where else "none on this machine"
            raise ExportError(f"SVG, PDF and PNG must be drawn by a Chrome or Chromium; got {got}. {REMEDY}")
        on_step("Starting the browser")
        self._kaleido = self._wait(self._submit(_opened()), self.start_seconds, should_stop)

    def _submit(self, work: Any) -> Future[Any]:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            threading.Thread(target=self._loop.run_forever, daemon=True, name="export-browser").start()
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    @staticmethod
    def _wait(future: Future[Any], seconds: float, should_stop: ShouldStop) -> Any:
        """The future's result; gives it up at the end of ``seconds`` or when the caller should stop."""
        end = time.monotonic() + seconds
        try:
            while True:
                try:
                    return future.result(LOOK_SECONDS)
                except CancelledError as error:
                    raise RuntimeError("the browser closed") from error
                except TimeoutError:
                    if future.done():
                        raise
                    _stop_if(should_stop)
                    if time.monotonic() > end:
                        raise
        finally:
            future.cancel()

    def _discard(self) -> None:
        """Close the browser gently, or else by force."""
        kaleido, self._kaleido = self._kaleido, None
        if kaleido is None:
            return
        with contextlib.suppress(Exception):
            self._wait(self._submit(kaleido.close()), CLOSE_SECONDS, lambda: False)
        process = getattr(kaleido, "subprocess", None)
        if process is not None and process.poll() is None:
            with contextlib.suppress(OSError):
                os.killpg(process.pid, signal.SIGKILL) if hasattr(os, "killpg") else process.kill()

    def _rest(self) -> None:
        """Close the browser later, unless it is used again before."""
        self._used = time.monotonic()
        if self._closer is not None:
            self._closer.cancel()
        if self._kaleido is not None:
            self._closer = threading.Timer(self.idle_seconds, self._close_if_idle)
            self._closer.daemon = True
            self._closer.start()

    def _close_if_idle(self) -> None:
        with self._turn:
            if time.monotonic() - self._used >= self.idle_seconds:
                self._discard()


def _in_words(error: Exception) -> str:
    """What a library says first; what follows may name folders of this machine."""
    said = str(error.args[0]) if error.args else ""
    return said.rstrip(".") or type(error).__name__


def _stop_if(should_stop: ShouldStop) -> None:
    if should_stop():
        raise Cancelled("The picture was cancelled.")


async def _opened() -> Any:
    """A running Kaleido with one tab. MathJax is left out: it would be fetched from the internet for each tab."""
    from kaleido import Kaleido, PageGenerator

    for name in ("kaleido", "choreographer"):  # what goes wrong comes back as an error; closing alone is loud about it
        logging.getLogger(name).setLevel(logging.CRITICAL)
    page = PageGenerator(mathjax=False)
    page.header = page.header.replace("Kaleido-fier", "FedRot Lab") + EDGELESS  # the title is that of each PDF
    kaleido = Kaleido(n=1, timeout=None, page_generator=page)
    try:
        await kaleido.open()
    except BaseException:
        with contextlib.suppress(Exception):
            await asyncio.shield(kaleido.close())
        raise
    return kaleido


@functools.cache
def browser() -> Browser:
    """The browser that this process shares. It is closed when Python ends."""
    shared = Browser()
    atexit.register(shared.close)
    return shared
