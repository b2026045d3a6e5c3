"""What Prometheus reads. Every drop has a reason."""

import os
from collections.abc import Callable, Mapping
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.process_collector import ProcessCollector


class Metrics:
    """The counters of one hub; fulfils `services.counters.Counters`."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._gauges: list[tuple[Gauge, Callable[[], float]]] = []
        self._counts: list[_Counts] = []
        ProcessCollector(registry=self.registry)
        self._received = Counter(
            "ofh_messages_received", "MQTT messages from devices.", ["kind"], registry=self.registry
        )
        self._stored = Counter("ofh_reports_stored", "Reports in the database.", registry=self.registry)
        self._dropped = Counter(
            "ofh_dropped", "What was refused, shed or lost, by reason.", ["reason"], registry=self.registry
        )
        self._retried = Counter(
            "ofh_backend_retries", "Attempts at a backend that was away.", ["backend"], registry=self.registry
        )

    def received(self, kind: str) -> None:
        """See `Counters`."""
        self._received.labels(kind).inc()

    def stored(self, number: int) -> None:
        """See `Counters`."""
        self._stored.inc(number)

    def dropped(self, reason: str, number: int = 1) -> None:
        """See `Counters`."""
        self._dropped.labels(reason).inc(number)

    def retried(self, backend: str) -> None:
        """See `Counters`."""
        self._retried.labels(backend).inc()

    def gauge(self, name: str, description: str, read: Callable[[], float], *, is_shared: bool = False) -> None:
        """Show a number that somebody else keeps.

        Args:
            is_shared: every process sees the same thing; else the number of several processes is their sum.
        """
        mode: Literal["livemax", "livesum"] = "livemax" if is_shared else "livesum"
        self._gauges.append((Gauge(name, description, registry=self.registry, multiprocess_mode=mode), read))

    def counts(self, name: str, description: str, label: str, read: Callable[[], Mapping[str, float]]) -> None:
        """Show counts that somebody else keeps, by the value of one label; they only ever grow."""
        self._counts.append(_Counts(Counter(name, description, [label], registry=self.registry), read))

    def refresh(self) -> None:
        """Look at those numbers again. With several processes, the others show what was seen last."""
        for gauge, read in self._gauges:
            gauge.set(read())
        for counts in self._counts:
            counts.refresh()

    def text(self) -> bytes:
        """The exposition format; with several processes, the counts of all of them."""
        self.refresh()
        if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
            return generate_latest(self.registry)
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)


class _Counts:
    """Follows foreign counts with a counter of Prometheus, which alone is added up over processes."""

    def __init__(self, counter: Counter, read: Callable[[], Mapping[str, float]]) -> None:
        self._counter = counter
        self._read = read
        self._seen: dict[str, float] = {}

    def refresh(self) -> None:
        for key, count in self._read().items():
            self._counter.labels(key).inc(max(0.0, count - self._seen.get(key, 0.0)))
            self._seen[key] = count
