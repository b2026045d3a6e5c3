"""Several hub processes behind one listener: started, watched, replaced one by one, and ended in order.

The first worker begins alone: it migrates the database and makes the first user, so that the others find both done. If
it cannot begin, or one of the others at this first start, all ends with what that one has said. Later a worker that
ends unasked is started again, the sooner the longer it had lived; the others serve on.

SIGTERM and SIGINT end the hub, the first worker last: what the broker still acknowledges waits for it. SIGHUP replaces
one worker after the other, each once the one before it is ready; they read the settings anew.
"""

import asyncio
import multiprocessing
import os
import signal
import socket
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

import structlog
import typer

from ofh import logs
from ofh.settings import Settings

from .common import settings_of

PAUSE_S = (1.0, 30.0)
"""Shortest and longest pause before a worker that ended unasked is started again."""
SOUND_S = 60.0
"""A worker that lived for so long is started again after the shortest pause."""
KILL_S = 5.0
"""How much longer than the settings allow a stop may take."""
WORD_S = 5.0
"""How often a worker says that it runs. `/healthz` does not tell: the others answer for one that hangs."""
SILENT_S = 60.0
"""A worker that has said nothing for so long hangs."""

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Worker:
    """The place of one process, which is taken by one after the other."""

    number: int
    process: BaseProcess | None = None
    line: Connection | None = None
    """Says that the process is ready, and from then on that it runs."""
    is_ready: bool = False
    heard_at: float = 0.0
    announces: bool = False
    """It says where the hub is, and how the first user logs in."""
    began_at: float = 0.0
    pause_s: float = 0.0
    """Before the last start; longer before the next one, unless the process has proved sound."""
    start_at: float | None = None
    """When it is to be started again."""
    is_told: bool = False
    """It was told to end, and begins anew then, unless all end."""
    kill_at: float | None = None
    """Until when it may take to end."""

    @property
    def is_silent_at(self) -> float | None:
        """When it is taken to hang, unless it says something; None where nothing is expected of it."""
        return self.heard_at + SILENT_S if self.is_ready and not self.is_told else None

    @property
    def lives(self) -> bool:
        """Whether there is a process."""
        return self.process is not None and self.process.is_alive()


class Supervisor:
    """The first process of a hub with several.

    Args:
        flags: of the command line; each worker makes its settings of them and of the environment.
        settings: the same, as this process has read them.
        listener: that all workers accept connections from.
    """

    def __init__(self, flags: Mapping[str, Any], settings: Settings, listener: socket.socket) -> None:
        self._flags = dict(flags)
        self._listener = listener
        self._workers = [Worker(number, announces=number == 0) for number in range(settings.workers)]
        self._drain_s = settings.drain_s
        self._end_s = settings.stop_s + KILL_S
        self._context = multiprocessing.get_context("spawn")
        self._stops = 0
        """How often it was told to stop."""
        self._rolling: deque[Worker] = deque()
        """Those that are to be replaced, in this order."""
        self._replaced: Worker | None = None
        """The one that is being replaced."""
        self._folder = ""
        self._bell, self._ring = socket.socketpair()

    def run(self) -> None:
        """Run until told to stop.

        Raises:
            typer.Exit: a worker could not begin; it has said why.
        """
        with self._signals(), tempfile.TemporaryDirectory(prefix="ofh-metrics-") as folder:
            self._folder = os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
            try:
                self._begin(self._workers[:1])
                self._begin(self._workers[1:])
                while not self._stops:
                    self._wait()
                    self._mend()
                    self._roll()
            finally:
                self._end()

    @contextmanager
    def _signals(self) -> Iterator[None]:
        def stop(*_: object) -> None:
            self._stops += 1

        def roll(*_: object) -> None:
            if not self._rolling and self._replaced is None:
                self._rolling.extend(self._workers)
                log.info("the hub processes are replaced, one after the other")

        self._ring.setblocking(False)
        self._bell.setblocking(False)
        before = signal.set_wakeup_fd(self._ring.fileno(), warn_on_full_buffer=False)
        handlers = {
            number: signal.signal(number, handler)
            for number, handler in ((signal.SIGTERM, stop), (signal.SIGINT, stop), (signal.SIGHUP, roll))
        }
        try:
            yield
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
            signal.set_wakeup_fd(before)

    def _begin(self, workers: list[Worker]) -> None:
        """The first start of these: all of them become ready, or none is to be."""
        for worker in workers:
            self._start(worker)
        while not self._stops and not all(worker.is_ready for worker in workers):
            self._wait()
            for worker in workers:
                code = None if worker.process is None else worker.process.exitcode
                if code is not None and code >= 0:  # else somebody has killed it
                    raise typer.Exit(self._reap(worker) or 1)
            self._mend()

    def _start(self, worker: Worker) -> None:
        worker.line, theirs = self._context.Pipe(duplex=False)
        worker.process = self._context.Process(
            target=_work,
            args=(self._flags, self._listener, worker.number, worker.announces, theirs),
            name=f"hub {worker.number}",
        )
        worker.process.start()
        theirs.close()
        worker.is_ready, worker.began_at = False, time.monotonic()
        worker.is_told, worker.start_at, worker.kill_at = False, None, None

    def _reap(self, worker: Worker) -> int | None:
        """Its exit code, once it has ended; the place is free then."""
        from prometheus_client.multiprocess import mark_process_dead

        assert worker.process is not None
        worker.process.join()
        mark_process_dead(worker.process.pid, self._folder)  # type: ignore[no-untyped-call]
        code = worker.process.exitcode
        if worker.line is not None:
            worker.line.close()
        worker.process = worker.line = worker.kill_at = None
        worker.is_ready = False
        return code

    def _wait(self) -> None:
        """Until something has happened: a signal, a process that ended or became ready, or the time for something."""
        dates = [(worker.start_at, worker.kill_at, worker.is_silent_at) for worker in self._workers]
        times = [at for some in dates for at in some if at is not None]
        watched: list[Any] = [self._bell]
        for worker in self._workers:
            if worker.process is not None:
                watched.append(worker.process.sentinel)
            if worker.line is not None:
                watched.append(worker.line)
        self._watch(watched, max(0.0, min(times) - time.monotonic()) if times else None)
        now = time.monotonic()
        if times and now - min(times) > WORD_S:  # this process itself was held, and so may have been the others
            for worker in self._workers:
                worker.heard_at = now
        for worker in self._workers:
            self._listen(worker, now)
            if worker.process is None:
                continue
            if worker.kill_at is not None and worker.kill_at <= now:
                log.error("a hub process did not end in time and is killed", instance=worker.number)
                worker.process.kill()
                worker.kill_at = None
            elif (silent_at := worker.is_silent_at) is not None and silent_at <= now:
                log.error("a hub process hangs and is killed", instance=worker.number)
                worker.process.kill()
                worker.heard_at = now

    def _listen(self, worker: Worker, now: float) -> None:
        """To what it says."""
        try:
            while worker.line is not None and worker.line.poll():
                worker.line.recv()
                worker.is_ready, worker.announces, worker.heard_at = True, False, now
        except EOFError:  # it has ended
            if worker.line is not None:
                worker.line.close()
            worker.line = None

    def _watch(self, watched: list[Any], timeout_s: float | None) -> None:
        wait(watched, timeout_s)
        with suppress(BlockingIOError):
            self._bell.recv(4096)

    def _mend(self) -> None:
        """Start again what ended unasked, after a pause that grows while it does not last."""
        now = time.monotonic()
        for worker in self._workers:
            if worker.process is not None and not worker.lives:
                was_ready, code = worker.is_ready, self._reap(worker)
                if worker.is_told:
                    self._start(worker)
                    continue
                if not was_ready and self._replaced is worker:
                    log.error("a new hub process does not begin, the others are not replaced", instance=worker.number)
                    self._rolling.clear()
                    self._replaced = None
                is_sound = now - worker.began_at >= SOUND_S
                worker.pause_s = PAUSE_S[0] if is_sound else min(max(PAUSE_S[0], 2 * worker.pause_s), PAUSE_S[1])
                worker.start_at = now + worker.pause_s
                log.error(
                    "a hub process ended and is started again",
                    instance=worker.number,
                    exit_code=code,
                    in_s=worker.pause_s,
                )
            elif worker.start_at is not None and worker.start_at <= now:
                self._start(worker)

    def _roll(self) -> None:
        """Replace the next one, once the one before it is there."""
        if self._replaced is not None and self._replaced.is_ready and not self._replaced.is_told:
            self._replaced = None
            if not self._rolling:
                log.info("all hub processes are replaced")
        if self._replaced is None and self._rolling:
            self._replaced = self._rolling.popleft()
            self._tell_to_end([self._replaced])

    def _tell_to_end(self, workers: list[Worker]) -> None:
        for worker in workers:
            if worker.process is not None and worker.lives:
                worker.process.terminate()
                worker.is_told = True
                worker.kill_at = time.monotonic() + self._end_s

    def _end(self) -> None:
        """End all: say so first, as long as the settings want it, then all but the first worker, then that one."""
        until, stops = time.monotonic() + self._drain_s, self._stops
        ready = [worker for worker in self._workers if worker.is_ready and worker.lives]
        for worker in ready:
            os.kill(worker.process.pid, signal.SIGUSR1)  # type: ignore[union-attr, arg-type]
        if self._drain_s and stops and ready:
            log.info("the hub serves on for a while, but is not ready any more", seconds=self._drain_s)
            while self._stops == stops and (left_s := until - time.monotonic()) > 0:
                self._watch([self._bell], left_s)
        for worker in self._workers:
            worker.start_at = None
        for some in (self._workers[1:], self._workers[:1]):
            self._tell_to_end(some)
            while any(worker.process is not None for worker in some):
                for worker in some:
                    if worker.process is not None and not worker.lives:
                        self._reap(worker)
                if any(worker.process is not None for worker in some):
                    self._wait()


def _work(flags: Mapping[str, Any], listener: socket.socket, number: int, announces: bool, line: Connection) -> None:
    """One of the workers. The terminal's signals are for the first process alone."""
    from .serve import announce, run_process

    for ignored in (signal.SIGINT, signal.SIGHUP, signal.SIGUSR1):
        signal.signal(ignored, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()

    ready = asyncio.Event()

    async def begin(hub: Any, url: str) -> None:
        if announces:
            await announce(hub, url)
        ready.set()

    async def say_so(_hub: Any, _url: str, stopping: asyncio.Event) -> None:
        await ready.wait()
        while not stopping.is_set():
            with suppress(BrokenPipeError):  # nobody listens any more: then this process is about to be told to end
                line.send(True)
            with suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), WORD_S)

    try:
        settings = settings_of(**flags)
        logs.configure(settings.log_level, settings.log_format)
        run_process(settings, listener, number, begin, beside=say_so, is_supervised=True)
    except typer.Exit as ended:
        sys.exit(ended.exit_code)


def _end_with_parent() -> None:
    """Where the first process is killed, the others would serve on and hold its port."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)
