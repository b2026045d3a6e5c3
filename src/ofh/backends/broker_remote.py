"""The MQTT side with Mosquitto as the broker: `Broker` over one MQTT 5 connection per hub process.

Each process has a session of its own, which stays while it is away, and takes its part of what devices publish by a
shared subscription. A message is acknowledged when its `ack` is called, not on arrival; what was not is delivered again
after a reconnect. Control answers, log lines and the processes' notices to each other come by ordinary subscriptions
with QoS 0, which the window of unacknowledged messages cannot hold back.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TypeVar

import structlog
from paho.mqtt.client import MQTTMessage

from ofh.backends.mosquitto_dynsec import RESPONSE_TOPIC, DynamicSecurity, DynamicSecurityError
from ofh.backends.mosquitto_log import NOTICE_TOPIC, SUBSCRIBE_TOPIC
from ofh.backends.mqtt_intake import QUEUE_LIMIT, Intake
from ofh.backends.mqtt_link import Endpoint, Link, LinkError
from ofh.backends.mqtt_publishers import Publishers, notice
from ofh.backends.mqtt_unacknowledged import Unacknowledged
from ofh.backends.pauses import Pauses
from ofh.backends.ports import BrokerAccount, Handler, Message, Session, SessionChange, SessionHandler
from ofh.domain.errors import Code, HubError

BINDINGS_TOPIC = "ofh/bindings"
"""Where a process tells the others which serial numbers an account has; closed to everybody but the hub."""
PAYLOAD_LIMIT = 262_144
"""Bytes that the broker takes (security.md, M7)."""
RETRY_S = (0.2, 2.0)
"""First and longest pause between attempts to connect."""

Result = TypeVar("Result")

log = structlog.get_logger(__name__)


def _away() -> HubError:
    return HubError(Code.UNAVAILABLE, "The MQTT broker is away. Try again in a moment.", retry_after_s=5)


class RemoteBroker:
    """`Broker` with Mosquitto.

    Args:
        url: `mqtt://` or `mqtts://`, with the hub's account: the listener for the hub, not the one for controllers.
        client_id: of this process; the same after its restart, never shared with another process, secret.
        filters: what devices publish, without `$share`.
        group: of the shared subscription; the same in all processes of one hub.
        window: QoS 1 messages that may be unacknowledged.
        session_expiry_s: how long the broker keeps messages for this process while it is away.
        ca_file: an authority besides the system's, for `mqtts://`.
        on_up: awaited after each (re)connect, to call `reconcile` with what the database holds.
        timeout_s: for connecting and for an answer of the broker.
        connected_window_s: an account that left this long ago may still have published what arrives now.
        evidence_s: how long a status message of an unbound serial number waits for evidence of its publisher.
    """

    def __init__(
        self,
        url: str,
        *,
        client_id: str,
        filters: Sequence[str],
        group: str = "ofh",
        window: int = 1000,
        session_expiry_s: int = 3600,
        ca_file: str | None = None,
        on_up: Callable[[], Awaitable[None]] | None = None,
        timeout_s: float = 10.0,
        connected_window_s: float = 2.0,
        evidence_s: float = 1.0,
    ) -> None:
        self._endpoint = Endpoint.parse(
            url,
            ca_file=ca_file,
            client_id=client_id,
            session_expiry_s=session_expiry_s,
            window=window,
            queue=QUEUE_LIMIT,
            timeout_s=timeout_s,
        )
        self._shared = [f"$share/{group}/{name}" for name in filters]
        self._on_up = on_up
        self._timeout_s = timeout_s
        self._publishers = Publishers(window_s=connected_window_s, evidence_s=evidence_s)
        self._security = DynamicSecurity(self._send_control, username=self._endpoint.username, timeout_s=timeout_s)
        self._link: Link | None = None
        self._up = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self.intake = Intake(self._publishers)
        self._unacknowledged = Unacknowledged()
        self._is_full = False
        """Nothing more is taken; what comes stays unacknowledged."""
        self._ends_session = False
        """Nothing waits at the broker for this process's return."""
        self._on_session: SessionHandler = _nothing
        self.locked_out: frozenset[str] = frozenset()
        """Accounts that the broker does not have or has with an older secret, as of the last `reconcile`."""
        self.away_reason = "not connected yet"
        """Why the broker is away, in words for the operator; empty while it is there."""
        self.inherited = 0
        """Processes that are gone and whose messages this one has taken over."""
        self.refused_logins = 0
        """Attempts to connect with wrong credentials; Mosquitto does not say whose."""

    async def start(self, handler: Handler, on_session: SessionHandler) -> None:
        """See `Broker.start`. Waits for the broker for `timeout_s` at most and goes on without it."""
        self._on_session = on_session
        self._tasks = [
            asyncio.create_task(self._supervise(), name="mqtt link"),
            asyncio.create_task(self.intake.run(handler), name="mqtt dispatch"),
        ]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._timeout_s):
                await self._up.wait()

    async def leave(self, *, for_good: bool, within_s: float) -> bool:
        """Take no more of what devices publish, and finish what this process has taken. To be followed by `stop`.

        Args:
            for_good: other processes carry on: the broker gives what comes from now on to them, and what it holds for
                this process is taken, too. Where nobody carries on it would be lost: then this has to be False, and
                what comes waits in this process's session for its return.
            within_s: how long it may take; what is not finished stays unacknowledged.
        Returns:
            Whether the broker holds nothing any more for this process; it forgets its session then.
        """
        link = self._link
        if link is None or not self._up.is_set():
            return False
        try:
            async with asyncio.timeout(within_s):
                if for_good:
                    await self._hand_over(link)
                    self._ends_session = True
                else:
                    self._is_full = True
                    await self._unacknowledged.settled(link)
        except (LinkError, TimeoutError) as error:
            log.warning("mqtt messages are left unacknowledged", reason=str(error) or "it took too long")
        return self._ends_session

    async def inherit(self, client_id: str, *, within_s: float) -> bool:
        """Take what the broker holds for another process, which is gone for good, and end its session.

        Should that process come back meanwhile, its session is its own again.

        Returns:
            Whether nothing is left for it.
        """
        # Its ordinary subscriptions bring what this process has from its own.
        link = Link(
            replace(self._endpoint, client_id=client_id),
            lambda link, message: self._on_message(link, message) if message.qos else None,
        )
        is_empty = False
        try:
            async with asyncio.timeout(within_s):
                if await link.open():
                    await self._hand_over(link)
                    self.inherited += 1
            is_empty = True
        except (OSError, LinkError, TimeoutError) as error:
            log.warning("mqtt messages of a process that is gone wait on", reason=str(error) or "it took too long")
        finally:
            link.close(ends_session=is_empty)
            self._unacknowledged.forget(link)
        return is_empty

    async def _hand_over(self, link: Link) -> None:
        """Leave the shared subscription and see what was taken acknowledged, until the broker holds nothing more.

        It sends what waits behind the window as acknowledgements make room, ahead of its answer to whatever comes
        after them: so once nothing came between an empty hand and such an answer, nothing waits.
        """
        await link.unsubscribe(self._shared)
        while self._unacknowledged.holds(link):
            await self._unacknowledged.settled(link)
            await link.unsubscribe(self._shared)

    async def stop(self, *, unsubscribe: bool = False) -> None:
        """See `Broker.stop`.

        Args:
            unsubscribe: with `leave` for good before (within `timeout_s`).
        """
        if unsubscribe:
            await self.leave(for_good=True, within_s=self._timeout_s)
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.intake.stop()

    async def publish(self, topic: str, payload: bytes, *, qos: int = 1) -> None:
        """See `Broker.publish`."""
        if len(payload) > PAYLOAD_LIMIT:
            raise HubError(Code.TOO_LARGE, "The message is longer than the MQTT broker takes.")
        link = self._link
        if link is None or not self._up.is_set():
            raise _away()
        try:
            async with asyncio.timeout(self._timeout_s):
                await link.publish(topic, payload, qos)
        except (LinkError, TimeoutError) as error:
            raise _away() from error

    async def put_account(self, account: BrokerAccount) -> None:
        """See `Broker.put_account`.

        Raises:
            HubError: UNAVAILABLE, the broker is away or refuses; `reconcile` mends it, with the secret if it was given.
        """
        await self._administer(self._security.put(account))
        self._publishers.bind(account.name, account.serials)
        await self._tell_others(account.name, account.serials)

    async def delete_account(self, name: str) -> None:
        """See `Broker.delete_account`. Its serial numbers can be claimed again after the next `reconcile`.

        Raises:
            HubError: UNAVAILABLE, as for `put_account`.
        """
        await self._administer(self._security.delete(name))
        self._publishers.forget(name)
        await self._tell_others(name, frozenset())

    async def end_sessions(self, name: str) -> None:
        """See `Broker.end_sessions`.

        Raises:
            HubError: UNAVAILABLE, as for `put_account`.
        """
        await self._administer(self._security.end_sessions(name))

    async def reconcile(self, accounts: list[BrokerAccount]) -> None:
        """See `Broker.reconcile`. What needs a secret that is not at hand stands in `locked_out` afterwards.

        To be called by `on_up` and then at intervals. An account which was changed since the last time (or since the
        connect) and differs from these is left for the next time: these may have been read before that change.

        Raises:
            HubError: UNAVAILABLE, as for `put_account`.
        """
        repairs = await self._administer(self._security.reconcile(accounts))
        self._publishers.replace(accounts, spared=repairs.spared)
        if repairs.changed:
            log.info("mqtt accounts mended", changed=len(repairs.changed), first=repairs.changed[:10])
        if repairs.spared:
            log.info("mqtt accounts changed meanwhile are left for the next comparison", accounts=len(repairs.spared))
        if repairs.locked_out - self.locked_out:
            log.warning("mqtt accounts need their secret again", accounts=sorted(repairs.locked_out)[:10])
        self.locked_out = repairs.locked_out

    async def check(self) -> None:
        """See `Broker.check`."""
        if not self._up.is_set():
            raise _away()

    def counts(self) -> Mapping[str, int]:
        """See `Broker.counts`."""
        return {
            "dropped": self.intake.dropped,
            "unattributed": self.intake.unattributed,
            "failed": self.intake.failed,
            "refused_logins": self.refused_logins,
            "inherited": self.inherited,
        }

    async def _administer(self, work: Coroutine[Any, Any, Result]) -> Result:
        try:
            return await work
        except DynamicSecurityError as error:
            log.error("mqtt administration failed", error=str(error))
            raise HubError(Code.UNAVAILABLE, "The MQTT broker refused a change of its accounts.") from error

    async def _send_control(self, topic: str, payload: bytes) -> None:
        """Not `publish`: the link is being made ready when the first commands are sent."""
        link = self._link
        if link is None:
            raise _away()
        try:
            await link.publish(topic, payload, 1)
        except LinkError as error:
            raise _away() from error

    async def _tell_others(self, name: str, serials: frozenset[str]) -> None:
        with contextlib.suppress(HubError):
            await self.publish(BINDINGS_TOPIC, notice(name, serials))

    async def _supervise(self) -> None:
        """Keep one connection up for as long as the broker runs."""
        pauses = Pauses(*RETRY_S)
        while True:
            link = self._link = Link(self._endpoint, self._on_message)
            ready: asyncio.Task[None] | None = None
            try:
                resumed = await link.open()
                await link.subscribe([RESPONSE_TOPIC, NOTICE_TOPIC, SUBSCRIBE_TOPIC, BINDINGS_TOPIC], 0)
                await self._prepare()
                if self._shared:  # none at the command line, which only administers
                    await link.subscribe(self._shared, 1)
                log.info("mqtt link up", resumed=resumed)
                self._up.set()
                self.away_reason = ""
                pauses.succeeded()
                ready = asyncio.create_task(self._ready(), name="mqtt reconcile")
                await link.lost.wait()
                self.away_reason = link.reason
                log.warning("mqtt link lost", reason=link.reason)
            except (OSError, LinkError, HubError, DynamicSecurityError) as error:
                self.away_reason = str(error) or type(error).__name__
                log.warning("mqtt broker is away", error=self.away_reason)
            except Exception as error:
                self.away_reason = type(error).__name__
                log.exception("mqtt link failed")
            finally:
                self._up.clear()
                self._link = None
                link.close(ends_session=self._ends_session)
                self._publishers.interrupted()
                self._unacknowledged.forget(link)
                if ready is not None:
                    ready.cancel()
                    await asyncio.gather(ready, return_exceptions=True)
            await pauses.wait()

    async def _prepare(self) -> None:
        try:
            await self._security.prepare()
        except HubError as error:
            raise LinkError(
                "no answer from the broker's dynamic-security plugin: is it loaded, and may this account administer it?"
            ) from error

    async def _ready(self) -> None:
        if self._on_up is None:
            return
        try:
            await self._on_up()
        except HubError as error:
            log.warning("mqtt accounts were not compared", error=error.message)
        except Exception:
            log.exception("mqtt accounts were not compared")

    def _on_message(self, link: Link, message: MQTTMessage) -> None:
        """Sort what arrives; the hub's own topics are taken in at once, those of devices wait for the handler."""
        topic, payload = message.topic, bytes(message.payload)
        if topic == RESPONSE_TOPIC:
            self._security.on_response(payload)
        elif topic in {NOTICE_TOPIC, SUBSCRIBE_TOPIC}:
            self._on_log(topic, payload)
        elif topic == BINDINGS_TOPIC:
            self._publishers.noticed(payload)
        elif self.intake.has_room(message.qos) and not self._is_full:
            self.intake.put(
                Message(
                    topic=topic,
                    payload=payload,
                    qos=message.qos,
                    received_at=datetime.now(UTC),
                    account=None,
                    ack=self._unacknowledged.take(link, message.mid) if message.qos else _nothing,
                )
            )

    def _on_log(self, topic: str, payload: bytes) -> None:
        event = self._publishers.logged(topic, payload)
        if event is None:
            return
        if event.change is SessionChange.REFUSED:
            self.refused_logins += 1
            return
        if event.account != self._endpoint.username:
            self._on_session(
                Session(account=event.account, change=event.change, at=datetime.now(UTC), address=event.address)
            )


def _nothing(*_: Any) -> None:
    """With QoS 0 there is nothing to acknowledge; before the start nobody to tell of sessions."""
