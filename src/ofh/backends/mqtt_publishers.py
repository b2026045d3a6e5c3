"""Who published a message: what MQTT does not say (`mosquitto_log.py` has the evidence for what is not bound yet)."""

import asyncio
import contextlib
import json
import time
from collections.abc import Iterable, Mapping

import structlog

from ofh.backends.mosquitto_log import LogEvent, LogWatch
from ofh.backends.ports import BrokerAccount

log = structlog.get_logger(__name__)


class Publishers:
    """Serial numbers and the accounts that speak for them.

    Args:
        window_s: an account that left this long ago may still have published what arrives now.
        evidence_s: how long evidence is waited for of who speaks for an unbound serial number.
    """

    def __init__(self, *, window_s: float, evidence_s: float) -> None:
        self._evidence_s = evidence_s
        self._watch = LogWatch(window_s=window_s)
        self._changed = asyncio.Event()
        self._bound: dict[str, frozenset[str]] = {}
        self._accounts: dict[str, str | None] = {}
        """By serial number; None where several speak for an aircraft: which of them did, the broker does not say."""

    def __contains__(self, serial: str) -> bool:
        """Whether any account is bound to this serial number."""
        return serial in self._accounts

    def of(self, serial: str) -> str | None:
        """The one account that is bound to this serial number; None where there is none or are several."""
        return self._accounts.get(serial)

    def bind(self, account: str, serials: frozenset[str]) -> None:
        """These are an account's serial numbers now."""
        self._bound[account] = serials
        self._index()

    def forget(self, account: str) -> None:
        """There is no such account any more."""
        self.bind(account, frozenset())
        self._watch.forget(account)

    def replace(self, accounts: Iterable[BrokerAccount], *, spared: Iterable[str]) -> None:
        """These are all accounts that there are.

        Args:
            spared: those of which this may be older news than what is known.
        """
        given = {account.name: account.serials for account in accounts}
        left = {name: self._bound[name] for name in spared if name in self._bound}
        self._bound = given | left
        self._watch.expect(given)
        self._index()

    def noticed(self, payload: bytes) -> None:
        """Another process has bound an account's serial numbers (`notice`)."""
        try:
            told = json.loads(payload)
            self.bind(told["account"], frozenset(told["serials"]))
        except (ValueError, KeyError, TypeError):
            log.warning("mqtt notice of bindings is not readable")

    def logged(self, topic: str, payload: bytes) -> LogEvent | None:
        """A line of the broker's log; what it says of a session."""
        event = self._watch.line(topic, payload.decode(errors="replace"), time.monotonic())
        self._changed.set()
        return event

    def interrupted(self) -> None:
        """Lines may have been missed."""
        self._watch.interrupted()

    async def evidence(self, serial: str) -> str | None:
        """Wait for evidence of who speaks for a serial number; None where there is none in time."""
        deadline = time.monotonic() + self._evidence_s
        while True:
            account = self._accounts.get(serial) or self._watch.publisher(serial, time.monotonic())
            left_s = deadline - time.monotonic()
            if account is not None or left_s <= 0:
                return account
            self._changed.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left_s):
                    await self._changed.wait()

    def _index(self) -> None:
        self._accounts = {}
        for name, serials in self._bound.items():
            for serial in serials:
                self._accounts[serial] = None if serial in self._accounts else name
        self._changed.set()


def notice(account: str, serials: frozenset[str]) -> bytes:
    """What other processes are told of an account's serial numbers."""
    told: Mapping[str, object] = {"account": account, "serials": sorted(serials)}
    return json.dumps(told).encode()
