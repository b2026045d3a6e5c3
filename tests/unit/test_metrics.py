"""What Prometheus reads: counts with their reasons, gauges, and the sum of several processes."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ofh.metrics import Metrics


@pytest.fixture(autouse=True)
def one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PROMETHEUS_MULTIPROC_DIR", raising=False)


def samples(text: bytes) -> dict[str, float]:
    """Name and labels of each of our samples, with its value."""
    found = re.findall(r"^(ofh_\S+) (\S+)$", text.decode(), re.MULTILINE)
    return {name: float(value) for name, value in found if not name.split("{")[0].endswith("_created")}


def test_every_drop_has_its_reason() -> None:
    metrics = Metrics()
    metrics.dropped("malformed")
    metrics.dropped("shed", 12)
    metrics.dropped("malformed")
    assert samples(metrics.text()) == {
        'ofh_dropped_total{reason="malformed"}': 2,
        'ofh_dropped_total{reason="shed"}': 12,
        "ofh_reports_stored_total": 0,
    }


def test_messages_reports_and_retries_are_counted() -> None:
    metrics = Metrics()
    metrics.received("osd")
    metrics.received("osd")
    metrics.received("state")
    metrics.stored(40)
    metrics.stored(2)
    metrics.retried("database")
    assert samples(metrics.text()) == {
        'ofh_messages_received_total{kind="osd"}': 2,
        'ofh_messages_received_total{kind="state"}': 1,
        "ofh_reports_stored_total": 42,
        'ofh_backend_retries_total{backend="database"}': 1,
    }


def test_a_gauge_is_read_when_it_is_asked_for() -> None:
    metrics, held = Metrics(), [0, 0]
    metrics.gauge("ofh_sockets", "Open GraphQL websockets.", lambda: len(held))
    assert samples(metrics.text())["ofh_sockets"] == 2
    held.clear()
    assert samples(metrics.text())["ofh_sockets"] == 0


def test_counts_of_others_are_followed() -> None:
    metrics, held = Metrics(), {"late": 0, "lost": 2}
    metrics.counts("ofh_broker_events", "What the broker counted.", "event", lambda: held)
    expected = {'ofh_broker_events_total{event="late"}': 0, 'ofh_broker_events_total{event="lost"}': 2}
    assert expected.items() <= samples(metrics.text()).items()
    assert expected.items() <= samples(metrics.text()).items()
    held.update(late=5, lost=3)
    expected = {'ofh_broker_events_total{event="late"}': 5, 'ofh_broker_events_total{event="lost"}': 3}
    assert expected.items() <= samples(metrics.text()).items()


def test_hubs_in_one_process_do_not_count_for_each_other() -> None:
    one, other = Metrics(), Metrics()
    one.dropped("shed")
    assert 'ofh_dropped_total{reason="shed"}' not in samples(other.text())


def test_every_metric_says_what_it_is() -> None:
    metrics = Metrics()
    metrics.gauge("ofh_sockets", "Open GraphQL websockets.", lambda: 1)
    helped = dict(re.findall(r"^# HELP (ofh_\S+) (.+)$", metrics.text().decode(), re.MULTILINE))
    assert {name for name in helped if not name.endswith("_created")} == {
        *("ofh_messages_received_total", "ofh_reports_stored_total", "ofh_dropped_total"),
        *("ofh_backend_retries_total", "ofh_sockets"),
    }
    assert all(text.endswith(".") for text in helped.values())


def test_a_reason_cannot_break_the_format() -> None:
    metrics = Metrics()
    metrics.dropped('a"\nofh_dropped_total 7')
    assert "\nofh_dropped_total 7" not in metrics.text().decode()


PROCESS = """
import sys
from ofh.metrics import Metrics
metrics = Metrics()
metrics.gauge("ofh_sockets", "Open.", lambda: int(sys.argv[1]))
metrics.gauge("ofh_locked_out", "Seen by all.", lambda: int(sys.argv[1]), is_shared=True)
metrics.counts("ofh_events", "Counted elsewhere.", "event", lambda: {"lost": int(sys.argv[1])})
metrics.dropped("shed", int(sys.argv[1]))
metrics.stored(int(sys.argv[1]))
if sys.argv[2] == "wait":
    metrics.refresh()
    print("counted", flush=True)
    sys.stdin.readline()
    sys.exit()
sys.stdout.buffer.write(metrics.text())
"""


def test_of_several_processes_any_one_shows_the_sum(tmp_path: Path) -> None:
    environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    command = [sys.executable, "-c", PROCESS]
    with subprocess.Popen(
        [*command, "3", "wait"], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdin is not None
        assert other.stdout.readline() == "counted\n"
        answer = subprocess.run([*command, "4", "tell"], env=environment, capture_output=True, check=True, timeout=60)
        other.stdin.close()
        assert other.wait(60) == 0
    assert samples(answer.stdout) == {
        'ofh_dropped_total{reason="shed"}': 7,
        "ofh_reports_stored_total": 7,
        "ofh_sockets": 7,
        "ofh_locked_out": 4,
        'ofh_events_total{event="lost"}': 7,
    }
