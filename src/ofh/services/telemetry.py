"""Takes decoded reports in: whose they are, when they were, and whether there are too many of them."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from ofh.domain.devices import Property, Report, Value
from ofh.domain.rates import Allowance

from .bindings import Bindings, Bound
from .counters import Counters
from .recorder import Incoming, Recorder

MAX_ALLOWANCES = 100_000
"""Connections whose rate is remembered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TelemetryRules:
    """The numbers of design.md and security.md section 8; each is a setting."""

    clock_tolerance: timedelta = timedelta(minutes=5)
    """How far a device's clock may be from ours and still be believed."""
    messages_per_s: float = 100
    """Reports of one connection that are kept in the long run."""
    burst: int = 500
    """Reports of one connection that are kept at once."""


class Telemetry:
    """The way of a report from its decoder to the recorder."""

    def __init__(
        self,
        bindings: Bindings,
        recorder: Recorder,
        counters: Counters,
        monotonic: Callable[[], float],
        rules: TelemetryRules | None = None,
    ) -> None:
        self._bindings = bindings
        self._recorder = recorder
        self._counters = counters
        self._monotonic = monotonic
        self._rules = rules or TelemetryRules()
        self._allowances: dict[str, Allowance] = {}
        self._shed: dict[tuple[str, str, bool], Incoming] = {}
        self._shedding = asyncio.Event()

    @property
    def clock_tolerance(self) -> timedelta:
        """How far a device's clock may be from ours and still be believed."""
        return self._rules.clock_tolerance

    async def find(self, serial: str, gateway: str | None, account: str | None) -> Bound | None:
        """The right under which a message may be believed; None: it is nobody's, or not the account's."""
        return await self._bindings.find(serial, gateway, account)

    def known(self, serial: str, gateway: str | None, account: str | None) -> Bound | None:
        """As `find`, from memory alone."""
        return self._bindings.known(serial, gateway, account)

    def take_now(
        self,
        bound: Bound,
        values: Mapping[Property, Value],
        *,
        sent_at: datetime | None,
        received_at: datetime,
        digest: int,
        ack: Callable[[], None],
    ) -> Incoming | None:
        """Take the report of one message; `ack` is called once it is stored, or shed.

        Args:
            sent_at: what the device's clock says, None where it says nothing.
        Returns:
            The report, where too many wait already: hand it to `wait`. None: it is taken.
        """
        incoming = Incoming(
            bound=bound,
            report=Report(at=moment(sent_at, received_at, self._rules.clock_tolerance), values=values),
            received_at=received_at,
            device_clock=sent_at,
            digest=digest,
            ack=ack,
        )
        if not self.allows(bound.account):
            self._keep_newest(incoming)
            return None
        return None if self._recorder.add_now(incoming) else incoming

    async def wait(self, incoming: Incoming) -> None:
        """Take a report when there is room: meanwhile its sender is not read."""
        await self._recorder.add(incoming)

    def allows(self, account: str) -> bool:
        """Count one more message of a connection; False where it sends too many."""
        allowance = self._allowances.get(account)
        if allowance is None:
            if len(self._allowances) >= MAX_ALLOWANCES:
                self._allowances.clear()  # who is over the limit is so again within the burst
            allowance = Allowance(per_s=self._rules.messages_per_s, burst=self._rules.burst)
            self._allowances[account] = allowance
        return allowance.take(self._monotonic())

    def _keep_newest(self, incoming: Incoming) -> None:
        """Over the limit: of each device the newest position stays, and the newest of what else it says.

        All others are acknowledged and counted as shed.
        """
        bound = incoming.bound
        key = (bound.serial_number, bound.gateway_serial, Property.FIX in incoming.report.values)
        held = self._shed.get(key)
        if held is not None and held.report.at > incoming.report.at:
            held, incoming = incoming, held
        self._shed[key] = incoming
        if held is not None:
            self._counters.dropped("shed")
            held.ack()
        self._shedding.set()

    async def run(self) -> None:
        """Hand on what was kept of connections over their limit, until cancelled."""
        while True:
            await self._shedding.wait()
            await asyncio.sleep(0.5)
            kept, self._shed = list(self._shed.values()), {}
            self._shedding.clear()
            for incoming in kept:
                await self._recorder.add(incoming)


def moment(sent_at: datetime | None, received_at: datetime, tolerance: timedelta) -> datetime:
    """The time of a report: the device's clock where it is within tolerance of ours, else ours."""
    if sent_at is not None and abs(sent_at - received_at) <= tolerance:
        return sent_at
    return received_at
