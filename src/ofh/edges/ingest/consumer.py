"""The broker's side of the house: bytes in, replies out.

A message is decoded once, given to one service, and answered where DJI asks for an answer. Nothing that a device
sends stops the loop: what does not decode is acknowledged, counted, and shown in the log at most once a minute for
each sender (security.md, M7).
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Coroutine
from datetime import datetime
from typing import Any

import structlog

from ofh.backends.ports import Broker, Message, Session, SessionChange
from ofh.dji import envelope as envelopes
from ofh.dji.envelope import Envelope
from ofh.dji.errors import DecodeError
from ofh.dji.events import decode_event
from ofh.dji.properties import decode_aircraft, decode_controller
from ofh.dji.requests import RequestKind, decode_request
from ofh.dji.topics import Topic, TopicKind, parse, reply_topic
from ofh.dji.topology import UPDATE_TOPO, decode_topology
from ofh.domain.errors import Code, HubError
from ofh.domain.link_steps import LinkProblem, LinkStepName
from ofh.domain.rates import Allowance
from ofh.edges.grants import shown
from ofh.services.audit import Audit
from ofh.services.bindings import Bound
from ofh.services.commands import Commands
from ofh.services.counters import Counters
from ofh.services.doctor import Doctor
from ofh.services.grantees import Grantees
from ofh.services.presence import Presence
from ofh.services.recorder import Incoming
from ofh.services.telemetry import Telemetry, moment
from ofh.services.topologies import Topologies

log = structlog.get_logger(__name__)

LOG_EVERY_S = 60
"""A sender's bad messages are shown at most once in this time."""
RETRY_S = (0.2, 5.0)
"""First and longest pause between attempts while a backend is away."""
GRANT_S = 20.0
"""How long a store that issues credentials itself may take for it; a controller asks again."""
GRANTS = 16
"""Credentials that are being issued at a time, of each controller one."""


class Consumer:
    """Consumes what devices publish."""

    def __init__(
        self,
        broker: Broker,
        topologies: Topologies,
        telemetry: Telemetry,
        presence: Presence,
        audit: Audit,
        doctor: Doctor,
        commands: Commands,
        grantees: Grantees,
        counters: Counters,
        clock: Callable[[], datetime],
        monotonic: Callable[[], float],
    ) -> None:
        self._broker = broker
        self._topologies = topologies
        self._telemetry = telemetry
        self._presence = presence
        self._audit = audit
        self._doctor = doctor
        self._commands = commands
        self._grantees = grantees
        self._counters = counters
        self._clock = clock
        self._monotonic = monotonic
        self._shown: dict[str, float] = {}
        # A stranger who tries without end must not fill the audit record.
        self._recorded_failures = Allowance(per_s=0.1, burst=100)
        self._background: set[asyncio.Task[None]] = set()
        self._granting: set[str] = set()
        """The accounts for which credentials are being issued."""

    async def start(self) -> None:
        """Begin to consume."""
        await self._broker.start(self.handle, self._session_changed)

    async def stop(self) -> None:
        """Stop consuming; what is not stored stays unacknowledged."""
        await self._broker.stop()
        await self._topologies.stop()
        for task in self._background:
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)

    def handle(self, message: Message) -> Awaitable[None] | None:
        """Take one message; never raises but for cancellation.

        An ordinary report is done when this returns. Whatever has to wait is returned, to be awaited before the next
        message of the same client.
        """
        try:
            topic = parse(message.topic)
            self._counters.received(topic.kind.value)
            envelope = envelopes.decode(message.payload)
            if topic.kind not in (TopicKind.OSD, TopicKind.STATE):
                return self._guarded(message, lambda: self._handle(message, topic, envelope))
            bound = self._telemetry.known(topic.serial, envelope.gateway, message.account)
            if bound is None:
                return self._guarded(message, lambda: self._report(message, topic, envelope))
            waiting = self._take(message, bound, envelope)
            return None if waiting is None else self._telemetry.wait(waiting)
        except DecodeError as error:
            self._refuse(message, error.reason.value, error.detail)
        except Exception:  # noqa: BLE001 - logged there; the loop goes on
            self._fault(message)
        return None

    async def _guarded(self, message: Message, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Do it, again and again while a backend is away: what is not stored is not acknowledged."""
        delay_s = RETRY_S[0]
        while True:
            try:
                await work()
                return
            except DecodeError as error:
                self._refuse(message, error.reason.value, error.detail)
                return
            except HubError as error:
                if error.code is not Code.UNAVAILABLE:
                    self._refuse(message, "refused", error.message)
                    return
                self._counters.retried("database")
            except Exception:  # noqa: BLE001 - logged there; the loop goes on
                self._fault(message)
                return
            await asyncio.sleep(delay_s)
            delay_s = min(delay_s * 2, RETRY_S[1])

    def _fault(self, message: Message) -> None:
        log.exception("message could not be handled", topic=message.topic[:200])
        self._counters.dropped("fault")
        message.ack()

    async def _handle(self, message: Message, topic: Topic, envelope: Envelope) -> None:
        match topic.kind:
            case TopicKind.STATUS:
                await self._topology(message, topic, envelope)
            case TopicKind.EVENTS:
                await self._event(message, topic, envelope)
            case TopicKind.REQUESTS:
                await self._request(message, topic, envelope)
            case TopicKind.SERVICES_REPLY:
                await self._answer(message, topic, envelope)
            case _:
                message.ack()

    async def _topology(self, message: Message, topic: Topic, envelope: Envelope) -> None:
        if envelope.method not in (None, UPDATE_TOPO) or message.account is None:
            self._refuse(message, "nobody's" if message.account is None else "unknown_method", envelope.method or "")
            return
        if not self._telemetry.allows(message.account):
            self._counters.dropped("shed")
            message.ack()
            return
        try:
            topology = decode_topology(envelope.data)
        except DecodeError as error:
            self._doctor.note(message.account, LinkStepName.TOPOLOGY, LinkProblem.UNREADABLE, error.detail)
            raise
        at = moment(envelope.sent_at, message.received_at, self._telemetry.clock_tolerance)
        accepted = await self._topologies.announce(
            message.account, topic.serial, topology, at=at, received_at=message.received_at
        )
        if accepted:
            if not await self._reply(topic, envelopes.status_reply(envelope, self._clock())):
                self._doctor.note(message.account, LinkStepName.TOPOLOGY, LinkProblem.REPLY_NOT_SENT)
        else:
            self._counters.dropped("refused")
        message.ack()

    async def _report(self, message: Message, topic: Topic, envelope: Envelope) -> None:
        """A report whose right is not in memory: another process may have bound it a moment ago."""
        bound = await self._bound(message, topic, envelope)
        if bound is not None and (waiting := self._take(message, bound, envelope)) is not None:
            await self._telemetry.wait(waiting)

    def _take(self, message: Message, bound: Bound, envelope: Envelope) -> Incoming | None:
        values = decode_controller(envelope.data) if bound.is_gateway else decode_aircraft(envelope.data)
        self._doctor.reported(bound.account, sent_at=envelope.sent_at, received_at=message.received_at)
        return self._telemetry.take_now(
            bound,
            values,
            sent_at=envelope.sent_at,
            received_at=message.received_at,
            digest=int.from_bytes(hashlib.blake2b(message.payload, digest_size=8).digest(), signed=True),
            ack=message.ack,
        )

    async def _event(self, message: Message, topic: Topic, envelope: Envelope) -> None:
        bound = await self._bound(message, topic, envelope)
        if bound is None:
            return
        if decode_event(envelope).wants_reply:
            await self._reply(topic, envelopes.events_reply(envelope, self._clock()))
        await self._sign_of_life(message, bound, envelope)

    async def _request(self, message: Message, topic: Topic, envelope: Envelope) -> None:
        bound = await self._bound(message, topic, envelope)
        if bound is None:
            return
        asked = decode_request(envelope)
        if asked.kind is RequestKind.STORAGE_CONFIG and self._may_be_granted(bound):
            # Not waited for: a store that hangs is not to hold up what other devices report.
            self._granting.add(bound.account)
            self._soon(self._grant(topic, envelope, bound, otherwise=asked.result))
        else:
            await self._reply(topic, envelopes.requests_reply(envelope, self._clock(), result=asked.result))
        await self._sign_of_life(message, bound, envelope)

    def _may_be_granted(self, bound: Bound) -> bool:
        """Whether it is not too much that is asked."""
        is_free = bound.account not in self._granting and len(self._granting) < GRANTS
        if is_free and self._telemetry.allows(bound.account):
            return True
        self._counters.dropped("shed")
        return False

    async def _grant(self, topic: Topic, envelope: Envelope, bound: Bound, *, otherwise: int) -> None:
        """Answer with credentials for uploads, or with a result that says that there are none to be had."""
        try:
            output = await self._storage_config(bound)
            result = otherwise if output is None else 0
            await self._reply(topic, envelopes.requests_reply(envelope, self._clock(), result=result, output=output))
        except Exception:
            log.exception("a request could not be answered", topic=topic.text[:200])
            self._counters.dropped("fault")
        finally:
            self._granting.discard(bound.account)

    async def _storage_config(self, bound: Bound) -> dict[str, Any] | None:
        """Credentials for uploads; None where there are none to be had."""
        try:
            async with asyncio.timeout(GRANT_S):
                grant = await self._grantees.grant(bound.connection_id)
        except (HubError, TimeoutError) as error:
            why = error.message if isinstance(error, HubError) else "The object store takes too long."
            self._doctor.note(bound.account, LinkStepName.STORAGE_CREDENTIALS, LinkProblem.STORAGE_AWAY, why)
            return None
        self._doctor.note(bound.account, LinkStepName.STORAGE_CREDENTIALS, None, "")
        return shown(grant)

    async def _answer(self, message: Message, topic: Topic, envelope: Envelope) -> None:
        """What came of a command. It may be another process's, which costs a message on the bus: so with a limit."""
        if message.account is not None and not self._telemetry.allows(message.account):
            self._counters.dropped("shed")
            message.ack()
            return
        bound = await self._bound(message, topic, envelope)
        if bound is None:
            return
        await self._commands.answered(topic.serial, envelope)
        await self._sign_of_life(message, bound, envelope)

    async def _sign_of_life(self, message: Message, bound: Bound, envelope: Envelope) -> None:
        """An event tells no property, but that its sender is there (dji-pilot-2.md, 6.2)."""
        waiting = self._telemetry.take_now(
            bound,
            {},
            sent_at=envelope.sent_at,
            received_at=message.received_at,
            digest=0,
            ack=message.ack,
        )
        if waiting is not None:
            await self._telemetry.wait(waiting)

    async def _bound(self, message: Message, topic: Topic, envelope: Envelope) -> Bound | None:
        """The right to this report; refuses it where there is none."""
        bound = await self._telemetry.find(topic.serial, envelope.gateway, message.account)
        if bound is None:
            self._refuse(message, "not_bound", f"{topic.serial} through {envelope.gateway}")
            if message.account is not None:
                self._doctor.not_announced(message.account, topic.serial)
        return bound

    async def _reply(self, topic: Topic, payload: bytes) -> bool:
        """Whether the answer has left."""
        try:
            await self._broker.publish(reply_topic(topic), payload, qos=1)
        except HubError:
            self._counters.dropped("reply_not_sent")
            return False
        return True

    def _refuse(self, message: Message, reason: str, detail: str) -> None:
        """Acknowledge, count, and show it now and then."""
        self._counters.dropped(reason)
        sender = message.account or message.topic[:80]
        now = self._monotonic()
        if now - self._shown.get(sender, float("-inf")) >= LOG_EVERY_S:
            if len(self._shown) > 10_000:
                self._shown.clear()
            self._shown[sender] = now
            log.info("message refused", reason=reason, detail=detail[:200], topic=message.topic[:200], account=sender)
        message.ack()

    def _session_changed(self, session: Session) -> None:
        self._presence.session_changed(session)
        if session.change is SessionChange.CONNECTED:
            self._doctor.connected(session.account)
        elif session.change is SessionChange.REFUSED:
            self._doctor.refused(session.account)
        if session.change is SessionChange.REFUSED and self._recorded_failures.take(self._monotonic()):
            self._soon(
                self._audit.record(
                    "mqtt authentication",
                    outcome="failed",
                    address=session.address,
                    object=f"connection:{session.account}"[:255],
                )
            )

    def _soon(self, work: Coroutine[Any, Any, None]) -> None:
        """Do it without anybody's waiting for it."""
        task = asyncio.get_running_loop().create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)
