"""Who speaks for which serial number, in memory, with the database behind it.

A report is believed only from the connection that its serial number is bound to (security.md, M2 to M4). The table
in memory answers the broker's questions without a query; what is not in it is looked for in the database once,
because another process may have bound it a moment ago.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from ofh.store.models import Binding, Connection


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
    """All bindings of the hub."""

    def __init__(self) -> None:
        self._by_serial: dict[str, dict[str, Bound]] = {}
        self._serials: dict[str, frozenset[str]] = {}

    async def load(self) -> None:
        """Read the whole table."""
        rows = await Binding.all().select_related("connection")
        self._by_serial = {}
        for row in rows:
            self._by_serial.setdefault(row.serial_number, {})[row.gateway_serial] = _bound(row)
        self._count()

    async def refresh(self, serials: Iterable[str]) -> None:
        """Read these serial numbers anew."""
        wanted = list(serials)
        rows = await Binding.filter(serial_number__in=wanted).select_related("connection")
        for serial in wanted:
            self._by_serial.pop(serial, None)
        for row in rows:
            self._by_serial.setdefault(row.serial_number, {})[row.gateway_serial] = _bound(row)
        self._count()

    async def forget_connection(self, connection_id: int) -> None:
        """Drop what a deleted connection spoke for."""
        for serial, bound in list(self._by_serial.items()):
            kept = {gateway: item for gateway, item in bound.items() if item.connection_id != connection_id}
            if kept:
                self._by_serial[serial] = kept
            else:
                del self._by_serial[serial]
        self._count()

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
        if found is None:
            await self.refresh([serial])
            found = self.known(serial, gateway, account)
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

    def _count(self) -> None:
        serials: dict[str, set[str]] = defaultdict(set)
        for serial, bound in self._by_serial.items():
            for item in bound.values():
                serials[item.account].add(serial)
        self._serials = {account: frozenset(names) for account, names in serials.items()}


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
