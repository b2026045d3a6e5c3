"""A connection that is watched, and the doctor that is asked about it."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ofh.backends.ports import Session, SessionChange
from ofh.domain.link_steps import Diagnosis, LinkProblem, LinkStep, LinkStepName, LinkStepState
from ofh.services.access import OPERATOR
from ofh.services.doctor import Doctor
from ofh.services.handed import Handed
from ofh.store.models import Connection
from tests.support.fleet import FleetBench, seconds

GATEWAY, AIRCRAFT = "RC1", "AC1"


@dataclass
class Patient:
    """One connection and everything that its controller can do."""

    bench: FleetBench
    connection: Connection

    @property
    def doctor(self) -> Doctor:
        """Who is asked."""
        return self.bench.doctor

    @property
    def account(self) -> str:
        """What the controller logs in with."""
        return self.connection.public_id

    def handed(self, handed: Handed) -> None:
        """Let the hub have other settings."""
        bench = self.bench
        doctor = Doctor(
            bench.database,
            bench.bus,
            bench.doctor._access,
            bench.feed,
            bench.counts,
            handed,
            clock=lambda: bench.now,
            monotonic=lambda: bench.ticks,
        )
        bench.doctor = doctor
        bench.topologies._doctor = bench.consumer._doctor = doctor

    def wait(self, number: float) -> None:
        """Let time pass."""
        self.bench.now += seconds(number)
        self.bench.ticks += number

    # What a controller does; a second goes by with each

    def opens_the_page(self) -> None:
        """The page is fetched and logged in on, as `services/link.py` says it."""
        for step in (LinkStepName.PAGE_FETCHED, LinkStepName.CREDENTIALS):
            self.doctor.note(self.account, step)
        self.wait(1)

    def gets_its_settings(self) -> None:
        """The page asks for its settings, as `services/link.py` says it."""
        self.doctor.note(self.account, LinkStepName.LICENCE)
        self.wait(1)

    def session(self, change: SessionChange, account: str | None = None) -> None:
        """What the broker says of a link."""
        self.bench.consumer._session_changed(
            Session(account=account or self.account, change=change, at=self.bench.now, address="192.0.2.7")
        )
        self.wait(1)

    def logs_in(self) -> None:
        """It comes to the broker."""
        self.session(SessionChange.CONNECTED)

    async def announces(self, *aircraft: str, gateway: str = GATEWAY, account: str | None = None) -> bool:
        """A topology through the consumer; whether it was answered."""
        answers = len(self.bench.broker.published)
        subs = [{"sn": sn, "domain": 0, "type": 67, "sub_type": 1, "index": "A"} for sn in aircraft]
        body = {"domain": 2, "type": 119, "sub_type": 0, "device_secret": "", "sub_devices": subs}
        await self.says(f"sys/product/{gateway}/status", body, method="update_topo", account=account)
        self.wait(1)
        return len(self.bench.broker.published) > answers

    async def reports(self, serial: str = AIRCRAFT, *, clock: datetime | None = None) -> None:
        """A position of an aircraft, by the device's clock."""
        body = {"latitude": 50.0, "longitude": 9.0, "height": 300.0}
        await self.says(f"thing/product/{serial}/osd", body, clock=clock)
        self.wait(1)

    async def says(
        self,
        topic: str,
        data: Any,
        *,
        method: str | None = None,
        clock: datetime | None = None,
        account: str | None = None,
    ) -> None:
        """Any message."""
        sent = clock or self.bench.now
        envelope = {
            "tid": "t",
            "bid": "b",
            "timestamp": round(sent.timestamp() * 1000),
            "gateway": GATEWAY if account is None else None,
            "data": data,
            **({"method": method} if method else {}),
        }
        payload = json.dumps({key: value for key, value in envelope.items() if value is not None}).encode()
        await self.bench.message(topic, payload, account or self.account)

    async def comes_in(self, last: LinkStepName = LinkStepName.FIRST_REPORT) -> None:
        """Everything goes well, up to this step."""
        names = list(LinkStepName)

        def goes_on(step: LinkStepName) -> bool:
            return names.index(step) <= names.index(last)

        self.opens_the_page()
        if goes_on(LinkStepName.LICENCE):
            self.gets_its_settings()
        if goes_on(LinkStepName.MQTT_LOGIN):
            self.logs_in()
        if goes_on(LinkStepName.TOPOLOGY):
            assert await self.announces(AIRCRAFT)
        if goes_on(LinkStepName.FIRST_REPORT):
            await self.reports()
        for step in (LinkStepName.WEBSOCKET, LinkStepName.STORAGE_CREDENTIALS, LinkStepName.FIRST_OBJECT):
            if goes_on(step):
                self.doctor.note(self.connection.id, step)
                self.wait(1)

    # What the doctor says

    async def diagnosis(self) -> Diagnosis:
        """All that is known by now."""
        await self.doctor.write()
        return await self.doctor.examine_connection(OPERATOR, self.connection.id)

    async def step(self, name: LinkStepName) -> LinkStep:
        """One step."""
        return next(step for step in (await self.diagnosis()).steps if step.name is name)

    async def is_stuck_at(
        self,
        name: LinkStepName,
        problem: LinkProblem,
        *,
        state: LinkStepState = LinkStepState.FAILED,
    ) -> LinkStep:
        """The step, where it is the first that is not well, with this problem."""
        steps = (await self.diagnosis()).steps
        found = next(step for step in steps if step.name is name)
        assert [step for step in steps[: steps.index(found)] if step.state is not LinkStepState.OK] == []
        assert (found.state, found.problem) == (state, problem)
        assert found.hint
        return found
