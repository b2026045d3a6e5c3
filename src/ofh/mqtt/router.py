"""From one publication to everyone who gets it, and who may ask for what.

Asks the policy, finds the receivers, calls in-process subscribers, hands messages to clients' sessions, keeps the
retained ones. Knows connections only to hand them messages.
"""

import asyncio
import logging
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial

from .codec import encode
from .packets import V5, Publish, Subscribe, Unsubscribe
from .policy import Counters, Delivery, Handler, Limits, Policy, Publication
from .properties import NO_PROPERTIES, ProtocolError, Reason
from .sessions import Outgoing, Receipt, Session, SharedGroup, Subscription, Target, merge
from .topics import SubscriptionTree, is_filter, matches, split_share

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Local:
    """An in-process subscriber."""

    handler: Handler


@dataclass(frozen=True, slots=True, kw_only=True)
class _Receivers:
    """Who gets one topic."""

    locals: tuple[_Local, ...]
    targets: tuple[Target, ...]
    groups: tuple[SharedGroup, ...]


def _receivers(found: list[_Local | Subscription | SharedGroup]) -> _Receivers:
    own: dict[Session, list[Subscription]] = {}
    for item in found:
        if isinstance(item, Subscription):
            own.setdefault(item.session, []).append(item)
    return _Receivers(
        locals=tuple(item for item in found if isinstance(item, _Local)),
        targets=tuple(merge(session, subscriptions) for session, subscriptions in own.items()),
        groups=tuple(item for item in found if isinstance(item, SharedGroup)),
    )


def _start(work: Awaitable[None]) -> "asyncio.Future[None]":
    """Run it; from Python 3.12 on, what need not wait for anything is done on return."""
    if sys.version_info >= (3, 12) and asyncio.iscoroutine(work):
        return asyncio.Task(work, loop=asyncio.get_running_loop(), eager_start=True)
    return asyncio.ensure_future(work)


class Router:
    """Subscriptions and retained messages of one server."""

    def __init__(
        self,
        policy: Policy,
        limits: Limits,
        counters: Counters,
        *,
        clock: Callable[[], float],
        overflowed: Callable[[Session], None],
    ) -> None:
        """`overflowed` ends a session that has too much waiting."""
        self._policy, self._limits, self._counters = policy, limits, counters
        self._clock, self._overflowed = clock, overflowed
        self._tree: SubscriptionTree[_Local | Subscription | SharedGroup, _Receivers]
        self._tree = SubscriptionTree(_receivers, max_cached=limits.max_cached_topics)
        self._groups: dict[str, SharedGroup] = {}
        self._retained: dict[str, Outgoing] = {}
        self._retained_bytes = 0
        self.unfinished: set[asyncio.Future[None]] = set()
        """Work of in-process subscribers that goes on; whoever stops the server awaits it."""

    def add_local(self, topic_filter: str, handler: Handler) -> Callable[[], None]:
        local = _Local(handler=handler)
        self._tree.add(topic_filter, local)
        return lambda: self._tree.remove(topic_filter, local)

    def subscribe_client(self, session: Session, packet: Subscribe) -> tuple[tuple[int, ...], list[Outgoing]]:
        """A reason per filter, and the retained messages to send after them."""
        found = packet.properties.get("subscription_identifier")
        identifier = found[0] if isinstance(found, tuple) and isinstance(found[0], int) else None
        reasons: list[int] = []
        retained: list[Outgoing] = []
        v5 = session.connection is not None and session.connection.version == V5
        for number, request in enumerate(packet.requests):
            # One packet can name the same filter ten thousand times, and each costs a search for retained messages.
            too_many = number >= self._limits.max_filters_per_packet
            reason = Reason.QUOTA_EXCEEDED if too_many else self._refusal(session, request.topic_filter)
            if reason is not None:
                self._counters.subscribe_refused += 1
                reasons.append(reason if v5 else Reason.UNSPECIFIED)
                continue
            group_name, topic_filter = split_share(request.topic_filter)
            if group_name is not None and request.no_local:
                raise ProtocolError(Reason.PROTOCOL_ERROR, "a shared subscription cannot be no-local")
            is_new = request.topic_filter not in session.subscriptions
            self.unsubscribe(session, request.topic_filter)
            subscription = Subscription(
                session=session,
                qos=min(request.qos, 1),
                no_local=request.no_local,
                retain_as_published=request.retain_as_published,
                identifier=identifier,
            )
            reasons.append(subscription.qos)
            if group_name is None:
                self._tree.add(topic_filter, subscription)
                session.subscriptions[request.topic_filter] = subscription
                if request.retain_handling == 0 or (request.retain_handling == 1 and is_new):
                    retained += self._retained_for(topic_filter, subscription)
                continue
            group = self._groups.get(request.topic_filter)
            if group is None:
                group = self._groups[request.topic_filter] = SharedGroup(request.topic_filter)
                self._tree.add(topic_filter, group)
            group.members[session] = subscription
            session.subscriptions[request.topic_filter] = group
        return tuple(reasons), retained

    def unsubscribe_client(self, session: Session, packet: Unsubscribe) -> tuple[int, ...]:
        return tuple(
            Reason.SUCCESS if self.unsubscribe(session, topic_filter) else Reason.NO_SUBSCRIPTION_EXISTED
            for topic_filter in packet.topic_filters
        )

    def accept(self, session: Session, packet: Publish, receipt: Receipt | None) -> list["asyncio.Future[None]"]:
        """A client's message, if it may be published; the in-process subscribers' unfinished work with it."""
        self._counters.received += 1
        retain = packet.retain
        if not self._may(self._policy.may_publish, session.account, packet.topic):
            self._counters.publish_refused += 1
            return []
        if retain and not self._may(self._policy.may_retain, session.account, packet.topic):
            self._counters.retain_refused += 1
            retain = False
        publication = Publication(
            topic=packet.topic,
            payload=packet.payload,
            qos=packet.qos,
            retain=retain,
            account=session.account,
            client_id=session.client_id,
            properties=packet.properties or None,
        )
        return self.route(publication, origin=session, receipt=receipt)

    def may_read(self, session: Session, topic: str) -> bool:
        if self._may(self._policy.may_read, session.account, topic):
            return True
        self._counters.read_refused += 1
        return False

    def hand_over(self, session: Session, message: Outgoing) -> None:
        """Send it to the session's client, or queue it; the policy was asked already for QoS 0."""
        connection = session.connection
        if message.qos == 0:
            if connection is None:
                return
            if connection.is_slow:
                self._counters.qos0_skipped += 1
            else:
                connection.send_message(message)
            return
        if not session.offer(message, self._limits):
            self._counters.sessions_overflowed += 1
            log.warning("mqtt: client %r of %r has too much waiting: dropped", session.client_id, session.account)
            self._overflowed(session)
        elif connection is not None:
            connection.pump_out()

    def _may(self, ask: Callable[[str, str], bool], account: str, subject: str) -> bool:
        if subject.count("/") >= self._limits.max_topic_levels:
            return False
        try:
            return ask(account, subject)
        except Exception:
            log.exception("mqtt: the policy failed, which counts as a refusal")
            return False

    def _refusal(self, session: Session, topic_filter: str) -> Reason | None:
        if not is_filter(topic_filter, max_levels=self._limits.max_topic_levels):
            return Reason.BAD_FILTER
        if not self._may(self._policy.may_subscribe, session.account, split_share(topic_filter)[1]):
            return Reason.NOT_AUTHORISED
        known = session.subscriptions
        if topic_filter not in known and len(known) >= self._limits.max_subscriptions:
            return Reason.QUOTA_EXCEEDED
        return None

    def unsubscribe(self, session: Session, topic_filter: str) -> bool:
        subscription = session.subscriptions.pop(topic_filter, None)
        if subscription is None:
            return False
        inner = split_share(topic_filter)[1]
        if isinstance(subscription, SharedGroup):
            del subscription.members[session]
            if not subscription.members:
                del self._groups[topic_filter]
                self._tree.remove(inner, subscription)
        else:
            self._tree.remove(inner, subscription)
        return True

    def publish_will(self, account: str, will: Publication) -> None:
        if not self._may(self._policy.may_publish, account, will.topic):
            self._counters.publish_refused += 1
            return
        if will.retain and not self._may(self._policy.may_retain, account, will.topic):
            self._counters.retain_refused += 1
            will = replace(will, retain=False)
        self.route(will)

    def route(
        self, publication: Publication, *, origin: Session | None = None, receipt: Receipt | None = None
    ) -> list["asyncio.Future[None]"]:
        receivers = self._tree.match(publication.topic)
        if receipt is not None:
            receipt.outstanding = len(receivers.locals)
        expires_at = self._expiry(publication)
        if publication.retain:
            self._retain(publication, expires_at)
        if receivers.targets or receivers.groups:
            self._send(publication, receivers, origin, expires_at)
        unfinished = []
        for local in receivers.locals:
            work = self._call(local.handler, publication, receipt)
            if work is not None:
                unfinished.append(work)
        return unfinished

    def _expiry(self, publication: Publication) -> float | None:
        if publication.properties is None:
            return None
        expiry_s = publication.properties.get("message_expiry_interval")
        return self._clock() + expiry_s if isinstance(expiry_s, int) else None

    def _send(
        self, publication: Publication, receivers: _Receivers, origin: Session | None, expires_at: float | None
    ) -> None:
        targets = list(receivers.targets)
        for group in receivers.groups:
            target = group.pick(publication.qos, lambda session: self.may_read(session, publication.topic))
            if target is not None:
                targets.append(target)
        shared_bytes: dict[tuple[int, bool], bytes] = {}
        for target in targets:
            session = target.session
            if (target.no_local and session is origin) or not self.may_read(session, publication.topic):
                continue
            retain = publication.retain and target.retain_as_published
            qos = min(publication.qos, target.qos)
            connection = session.connection
            if qos or target.identifiers or expires_at is not None or connection is None:
                message = Outgoing(
                    publication=publication,
                    qos=qos,
                    retain=retain,
                    identifiers=target.identifiers,
                    expires_at=expires_at,
                )
                self.hand_over(session, message)
                continue
            # One encoded packet for all receivers alike, which is most of them.
            if connection.is_slow:
                self._counters.qos0_skipped += 1
                continue
            key = (connection.version, retain)
            data = shared_bytes.get(key)
            if data is None:
                packet = Publish(
                    topic=publication.topic,
                    payload=publication.payload,
                    retain=retain,
                    properties=publication.properties or NO_PROPERTIES,
                )
                data = shared_bytes[key] = encode(packet, connection.version)
            if len(data) > connection.max_packet_bytes:
                self._counters.too_large_skipped += 1
                continue
            self._counters.sent += 1
            connection.send(data)

    def _call(
        self, handler: Handler, publication: Publication, receipt: Receipt | None
    ) -> "asyncio.Future[None] | None":
        delivery = Delivery(publication, None if receipt is None else receipt.acknowledge)
        try:
            work: Awaitable[None] | None = handler(delivery)
        except Exception as error:  # noqa: BLE001  (logged there)
            self._failed(receipt, publication, error)
            return None
        if work is None:
            return None
        future = _start(work)
        if future.done():
            self._called(publication, receipt, future)
            return None
        self.unfinished.add(future)
        future.add_done_callback(partial(self._called, publication, receipt))
        return future

    def _called(self, publication: Publication, receipt: Receipt | None, future: "asyncio.Future[None]") -> None:
        self.unfinished.discard(future)
        if future.cancelled():
            if receipt is not None:
                receipt.fail()
        elif future.exception() is not None:
            self._failed(receipt, publication, future.exception())

    def _failed(self, receipt: Receipt | None, publication: Publication, error: BaseException | None = None) -> None:
        self._counters.handler_failures += 1
        log.error("mqtt: a subscriber to %r failed", publication.topic, exc_info=error)
        if receipt is not None:
            receipt.fail()

    def _retain(self, publication: Publication, expires_at: float | None) -> None:
        old = self._retained.pop(publication.topic, None)
        if old is not None:
            self._retained_bytes -= len(old.publication.payload) + len(publication.topic)
        if not publication.payload:
            return
        size = len(publication.payload) + len(publication.topic)
        if (
            len(self._retained) >= self._limits.max_retained_messages
            or self._retained_bytes + size > self._limits.max_retained_bytes
        ):
            self._counters.retain_overflow += 1
            return
        self._retained_bytes += size
        self._retained[publication.topic] = Outgoing(
            publication=publication, qos=publication.qos, retain=True, expires_at=expires_at
        )

    def _retained_for(self, topic_filter: str, subscription: Subscription) -> list[Outgoing]:
        identifiers = () if subscription.identifier is None else (subscription.identifier,)
        if "+" in topic_filter or "#" in topic_filter:
            found = [kept for topic, kept in self._retained.items() if matches(topic_filter, topic)]
        else:
            found = [self._retained[topic_filter]] if topic_filter in self._retained else []
        return [
            replace(kept, qos=min(kept.qos, subscription.qos), identifiers=identifiers)
            for kept in found
            if self.may_read(subscription.session, kept.publication.topic)
        ]
