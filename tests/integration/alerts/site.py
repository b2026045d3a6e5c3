"""A workspace with drones over a real database, judged as the recorder does it, with a clock that tests set."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import uuid4

from ofh.backends.bus_memory import MemoryBus
from ofh.domain.actors import Actor, Role
from ofh.domain.alerts import Subject
from ofh.domain.devices import Battery, DeviceState, Fix, Property, Report
from ofh.domain.events import AlertChanged, Event, EventKind
from ofh.domain.flights import Phase
from ofh.services.access import Access
from ofh.services.alert_rules import AlertRules
from ofh.services.alerts import Alerts
from ofh.services.audit import Audit
from ofh.services.control import Control
from ofh.store import bulk, journal
from ofh.store.database import Database
from ofh.store.models import Alert, Drone, Membership, User, Workspace
from tests.support.fleet import START, Counts, seconds

HOME = Fix(longitude_deg=9.95, latitude_deg=50.49, height_m=400.0)


class Site:
    """The services of one process; `another` makes those of a second one over the same database."""

    def __init__(self, database: Database, bus: MemoryBus | None = None) -> None:
        self.now = START
        self.monotonic = 0.0
        self.database = database
        self.bus = bus or MemoryBus()
        self.control = Control(None)
        self.audit = Audit(clock=lambda: self.now)
        access = Access(self.audit)
        self.alerts = Alerts(
            database,
            self.bus,
            access,
            self.control,
            Counts(),
            clock=lambda: self.now,
            monotonic=lambda: self.monotonic,
        )
        self.rules = AlertRules(database, self.bus, access, self.audit, self.control, Counts(), clock=lambda: self.now)

    def another(self) -> "Site":
        """Another process: it hears of nothing but what stands in the database."""
        return Site(self.database, self.bus)

    async def workspace(self) -> int:
        row = await Workspace.create(uuid=uuid4(), name="W", created_at=START)
        found: int = row.id
        return found

    async def person(self, workspace_id: int, role: Role) -> Actor:
        user = await User.create(email=f"{uuid4()}@example.org", name=role.value, created_at=START)
        await Membership.create(workspace_id=workspace_id, user_id=user.id, role=role.value, since=START)
        return Actor(user_id=user.id, credential="session", credential_id=1)

    async def drone(self, workspace_id: int, serial: str = "SN1", **values: Any) -> int:
        row = await Drone.create(workspace_id=workspace_id, serial_number=serial, type=67, created_at=START, **values)
        found: int = row.id
        return found

    async def park(self, drone_id: int, subject: Subject) -> None:
        """Store a drone as the recorder would have: it is found as a neighbour, and not judged."""
        values: dict[Property, Any] = {Property.FIX: subject.fix} if subject.fix else {}
        if subject.battery:
            values[Property.BATTERY] = subject.battery
        state = DeviceState().merge(Report(at=subject.at, values=values))
        await Drone.filter(id=drone_id).update(
            phase=str(subject.phase),
            state=state.to_json(),
            longitude=subject.fix.longitude_deg if subject.fix else None,
            latitude=subject.fix.latitude_deg if subject.fix else None,
        )

    async def judge(self, *subjects: Subject) -> list[AlertChanged]:
        """As the recorder does it: the drones are locked, judged, and what happened is journalled."""
        async with self.database.transaction() as client:
            ids = sorted({subject.drone_id for subject in subjects})
            await bulk.lock_devices(self.database, client, "drones", ids)
            found = await self.alerts.judge(client, subjects)
            events: dict[int, list[Event]] = defaultdict(list)
            for event in found:
                events[event.workspace_id].append(event)
            await journal.append(self.database, client, events, max(subject.at for subject in subjects))
        return found

    async def story(self, subjects: Sequence[Subject]) -> str:
        """One after the other: `!` where an alert was raised, `_` where one was cleared, `.` where nothing was."""
        told = ""
        for subject in subjects:
            told += "".join(mark(event) for event in await self.judge(subject)) or "."
        return told


def mark(event: AlertChanged) -> str:
    return "!" if event.kind is EventKind.ALERT_RAISED else "_"


def subject(drone_id: int, workspace_id: int, second: float = 0, **values: Any) -> Subject:
    """An airborne drone with a fix, so many seconds after the start."""
    at = START + seconds(second)
    battery = values.pop("battery", None)
    fix = values.pop("fix", HOME)
    found = Subject(
        drone_id=drone_id,
        workspace_id=workspace_id,
        name=f"Falcon {drone_id}",
        at=at,
        fix=fix,
        fix_at=at if fix else None,
        elevation_m=None,
        battery=None if battery is None else Battery(capacity_percent=battery),
        phase=Phase.AIRBORNE,
        flight_id=None,
    )
    return replace(found, **values)


def up(metres: float, fix: Fix = HOME) -> Fix:
    """So far above a fix."""
    return replace(fix, height_m=fix.height_m + metres)


async def alerts_of(workspace_id: int) -> list[Alert]:
    return await Alert.filter(workspace_id=workspace_id).order_by("id")


async def standing(workspace_id: int) -> list[str]:
    rows = await Alert.filter(workspace_id=workspace_id, cleared_at__isnull=True).order_by("id")
    return [row.kind for row in rows]


def after(second: float) -> datetime:
    return START + seconds(second)
