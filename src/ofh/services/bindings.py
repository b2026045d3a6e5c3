"""Who speaks for which serial number, in memory, with the database behind it.

A report is believed only from the connection that its serial number is bound to (security.md, M2 to M4). The table
in memory answers the broker's questions without a query; what is not in it is looked for in the database, because
another process may have bound it a moment ago.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

from ofh.store.models import Binding, Connection

UNKNOWN_S = 1.0
"""A serial number that nobody bound is looked for again after this time at the earliest."""
MAX_UNKNOWN = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """A serial number's right to be reported by a connection."""

    serial_number: str
    gateway_serial: str
    """The serial number itself for a controller."""
    account: str
    """The connection's public id."""
    connection_id: int
    workspace_id: int
    device_id: int

    @property
    def is_gateway(self) -> bool:
        """Whether it is a controller."""
        return self.serial_number == self.gateway_serial


class Bindings:
    """All bindings of the hub.

    Args:
        monotonic: seconds that only ever grow.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._by_serial: dict[str, dict[str, Bound]] = {}
        self._serials: dict[str, frozenset[str]] = {}
        self._unknown: dict[str, float] = {}
        self._reading = asyncio.Lock()
        """One reader at a time: an older answer must not undo a newer one."""

    async def load(self) -> None:
        """Read the whole table."""
        async with self._reading:
            rows = await Binding.all().select_related("connection")
            self._by_serial = {}
            self._serials = {}
            self._unknown = {}
            self._put(rows)

    async def refresh(self, serials: Iterable[str]) -> None:
        """Read these serial numbers anew."""
        wanted = list(serials)
        async with self._reading:
            rows = await Binding.filter(serial_number__in=wanted).select_related("connection")
            for serial in wanted:
                self._drop(serial)
            self._put(rows)

    def serials(self, account: str) -> frozenset[str]:
        """The serial numbers that an account speaks for."""
        return self._serials.get(account, frozenset())

    async def find(self, serial: str, gateway: str | None, account: str | None) -> Bound | None:
        """The binding that a message falls under.

        Args:
            serial: of the topic.
            gateway: what the message says it came through, if it says so.
            account: who published it; None where the broker's own rights are the proof.
        Returns:
            None where nobody bound it, or not this account, or not through this gateway.
        """
        found = self.known(serial, gateway, account)
        if found is None and self._monotonic() >= self._unknown.get(serial, 0.0):
            await self.refresh([serial])
            found = self.known(serial, gateway, account)
            if found is None:
                if len(self._unknown) >= MAX_UNKNOWN:
                    self._unknown.clear()
                self._unknown[serial] = self._monotonic() + UNKNOWN_S
        return found

    def known(self, serial: str, gateway: str | None, account: str | None) -> Bound | None:
        """As `find`, from memory alone."""
        bound = self._by_serial.get(serial, {})
        if gateway is not None:
            item = bound.get(gateway)
            return item if item is not None and account in (None, item.account) else None
        for item in bound.values():
            if account in (None, item.account):
                return item
        return None

    def _put(self, rows: Collection[Binding]) -> None:
        touched = set()
        for row in rows:
            bound = _bound(row)
            self._by_serial.setdefault(row.serial_number, {})[row.gateway_serial] = bound
            self._unknown.pop(row.serial_number, None)
            touched.add(bound.account)
        for account in touched:
            serials = {row.serial_number for row in rows if row.connection.public_id == account}
            self._serials[account] = self._serials.get(account, frozenset()) | serials

    def _drop(self, serial: str) -> None:
        for bound in self._by_serial.pop(serial, {}).values():
            self._serials[bound.account] = self._serials.get(bound.account, frozenset()) - {serial}


def _bound(row: Binding) -> Bound:
    connection: Connection = row.connection
    return Bound(
        serial_number=row.serial_number,
        gateway_serial=row.gateway_serial,
        account=connection.public_id,
        connection_id=connection.id,
        workspace_id=connection.workspace_id,
        device_id=row.device_id,
    )
