"""What Prometheus reads. Every drop has a reason."""

import os
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.process_collector import ProcessCollector


class Metrics:
    """The counters of one hub; fulfils `services.counters.Counters`."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._gauges: list[tuple[Gauge, Callable[[], float]]] = []
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

    def gauge(self, name: str, description: str, read: Callable[[], float]) -> None:
        """Show a number that somebody else keeps; of several processes, their sum."""
        self._gauges.append((Gauge(name, description, registry=self.registry, multiprocess_mode="livesum"), read))

    def refresh(self) -> None:
        """Look at those numbers again. With several processes, the others show what was seen last."""
        for gauge, read in self._gauges:
            gauge.set(read())

    def text(self) -> bytes:
        """The exposition format; with several processes, the counts of all of them."""
        self.refresh()
        if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
            return generate_latest(self.registry)
        registry = CollectorRegistry()
        MultiProcessCollector(registry)
        return generate_latest(registry)
