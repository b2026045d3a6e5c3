"""What the supervisor expects of a worker; what it does about it is tried with real ones."""

from ofh.cli.supervisor import SILENT_S, Worker


def test_a_worker_that_is_ready_has_to_say_something_now_and_then() -> None:
    worker = Worker(0)
    assert worker.is_silent_at is None, "it may take long to begin"
    worker.is_ready, worker.heard_at = True, 100.0
    assert worker.is_silent_at == 100.0 + SILENT_S
    worker.is_told = True
    assert worker.is_silent_at is None, "it may take long to end, and that has its own limit"
