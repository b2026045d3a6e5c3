"""One client's connection: packets in order, answers in order, and every reason not to read on.

A connection is fed bytes by a TCP or TLS transport, or by any listener through `Server.attach`. It ends once, in `end`
or by `connection_lost`, and then leaves its session to the server. A bad packet costs this client its connection and
nobody else anything.
"""

import asyncio
import logging
import secrets
from collections import deque
from typing import TYPE_CHECKING, Final

from .codec import Parser, encode
from .links import Link
from .login import RETURN_CODES, agree, check
from .packets import (
    V3,
    V5,
    ConnAck,
    Connect,
    Disconnect,
    Packet,
    PingReq,
    PingResp,
    PubAck,
    PubComp,
    Publish,
    PubRec,
    PubRel,
    SubAck,
    Subscribe,
    UnsubAck,
    Unsubscribe,
)
from .policy import Publication, SessionEventKind
from .properties import NO_PROPERTIES, PropertyValue, ProtocolError, Reason
from .sessions import NEVER, Outgoing, Receipt, Session
from .topics import is_topic

if TYPE_CHECKING:
    from .server import MqttServer

log = logging.getLogger(__name__)

# Why a client is not read; several may hold at once.
_LOGIN: Final = 1
_HANDLER: Final = 2
"""An in-process subscriber has not finished with the last packet."""
_UNACKNOWLEDGED: Final = 4
_WRITE: Final = 8
"""The client does not take what we send."""
_TURN: Final = 16
"""Others first."""

_READ_AHEAD_BYTES: Final = 64 * 1024


class Connection:
    """The broker's side of one client."""

    def __init__(self, server: "MqttServer", link: Link, address: str) -> None:
        self.address = address
        self.version = V3
        self.client_id = ""
        self.session: Session | None = None
        """From the login on, and still after the end."""
        self.will: Publication | None = None
        self.will_delay_s = 0
        self.max_packet_bytes = NEVER
        """What the client accepts."""
        self._server, self._link, self._limits = server, link, server.limits
        self._parser = Parser(max_packet_bytes=self._limits.max_connect_packet_bytes)
        self._holds = 0
        self._paused = False
        self._pumping = False
        self._closed = False
        self._lost = False
        """The transport is gone, but received packets are still to be handled."""
        self._since = self._heard = server.clock()
        """Of the opening or, once closed, of the end; and of the last bytes received."""
        self._login: asyncio.Task[None] | None = None
        self._silence_s = 0.0
        self._window = 0
        self._out: list[bytes] = []
        self._out_bytes = 0
        self._receipts: deque[Receipt] = deque()
        self._held_bytes = 0
        self._handlers = 0
        self._resend: deque[int] = deque()
        self._waiters: list[asyncio.Future[None]] = []

    # What the listener calls.

    def data_received(self, data: bytes) -> None:
        if self._closed:
            return
        self._heard = self._server.clock()
        self._parser.feed(data)
        if not self._holds:
            self._pump()
        elif self._parser.unread_bytes > self._limits.max_unread_bytes:
            self._refuse(ProtocolError(Reason.QUOTA_EXCEEDED, "sent on while it was not read"))
        else:
            self._pause()

    def connection_lost(self, exc: BaseException | None = None) -> None:
        """The transport is gone. What was received before is still handled; idempotent."""
        if self._closed or self._lost:
            self._server.forget(self)
            return
        if self.session is not None and self._holds & (_HANDLER | _TURN):
            # Its DISCONNECT may lie among the unread packets: without it the client would count as lost.
            self._lost = True
            self._wake()
        else:
            self.end(None)
            self._server.forget(self)

    def writing_paused(self, paused: bool) -> None:
        if paused:
            self._hold(_WRITE)
        else:
            self._release(_WRITE)
            self.pump_out()

    async def ready(self) -> None:
        """Returns when the client may be read: for listeners that pull, before each receive."""
        while self._holds and not self._closed and not self._lost:
            self._waiters.append(asyncio.get_running_loop().create_future())
            await self._waiters[-1]

    # What the server calls.

    def send(self, data: bytes) -> None:
        """Goes out together with everything else of this turn of the event loop."""
        if self._closed or self._lost:
            return
        self._out.append(data)
        self._out_bytes += len(data)
        if len(self._out) == 1:
            self._server.flush_later(self)

    def flush(self) -> None:
        if self._out and not self._closed and not self._lost:
            data = self._out[0] if len(self._out) == 1 else b"".join(self._out)
            self._out.clear()
            self._out_bytes = 0
            self._link.write(data)

    @property
    def is_slow(self) -> bool:
        return self._out_bytes + self._link.buffered_bytes() > self._limits.max_write_buffer_bytes

    def end(self, reason: Reason | None, *, clean: bool = False, taken_over: bool = False, will: bool = True) -> None:
        """Close, and hand the session back; MQTT 5 clients are told the reason. Idempotent."""
        if self._closed:
            return
        if reason is not None and self.session is not None and self.version == V5:
            self.send(encode(Disconnect(reason=reason), V5))
        self.flush()
        self._closed = True
        self._since = self._server.clock()
        if self._login is not None:
            self._login.cancel()
        if self._lost:
            self._server.forget(self)
        else:
            self._link.close()
        self._wake()
        self._server.detach(self, clean=clean, taken_over=taken_over, will=will)

    def abort(self) -> None:
        """Tear down what `end` could not close in time."""
        self._link.abort()
        self.connection_lost()

    def sweep(self, now: float) -> None:
        """Look at every timeout."""
        if self._closed:
            if now - self._since > self._limits.close_timeout_s:
                self.abort()
        elif self._lost:
            pass
        elif self.session is None:
            if now - self._since > self._limits.connect_timeout_s:
                self._server.counters.connect_timeouts += 1
                self.end(None)
        # A client that we do not read cannot be heard. One that does not read us can help it.
        elif not self._holds & ~_WRITE and now - self._heard > self._silence_s:
            self._server.counters.keep_alive_timeouts += 1
            self.end(Reason.KEEP_ALIVE_TIMEOUT)
        elif self._link.buffered_bytes() > 4 * self._limits.max_write_buffer_bytes:
            self._server.counters.slow_clients_closed += 1
            self.end(None)
        else:
            self.pump_out()  # for links that do not say when they are empty again

    def pump_out(self) -> None:
        """Send QoS 1 messages while the client's window and the write buffer have room."""
        session = self.session
        if session is None or self._closed or self._lost:
            return
        while self._resend and len(session.in_flight) - len(self._resend) < self._window and not self.is_slow:
            packet_id = self._resend.popleft()
            if packet_id in session.in_flight:
                self._send_in_flight(session, packet_id, duplicate=True)
        if self._resend:
            return
        while len(session.in_flight) < self._window and not self.is_slow:
            message = session.take()
            if message is None:
                return
            self._send_in_flight(session, session.sent(message), duplicate=False)

    def send_message(self, message: Outgoing, *, packet_id: int | None = None, duplicate: bool = False) -> bool:
        """False: it has expired, or is larger than the client accepts; nothing was sent."""
        publication, properties = message.publication, message.publication.properties or NO_PROPERTIES
        if self.version == V5 and (message.identifiers or message.expires_at is not None):
            own: dict[str, PropertyValue] = dict(properties)
            if message.expires_at is not None:
                left_s = message.expires_at - self._server.clock()
                if left_s <= 0:
                    self._server.counters.expired += 1
                    return False
                own["message_expiry_interval"] = int(left_s) + 1
            if message.identifiers:
                own["subscription_identifier"] = message.identifiers
            properties = own
        elif message.expires_at is not None and message.expires_at <= self._server.clock():
            self._server.counters.expired += 1
            return False
        data = encode(
            Publish(
                topic=publication.topic,
                payload=publication.payload,
                qos=0 if packet_id is None else 1,
                retain=message.retain,
                duplicate=duplicate,
                packet_id=packet_id,
                properties=properties,
            ),
            self.version,
        )
        if len(data) > self.max_packet_bytes:
            self._server.counters.too_large_skipped += 1
            return False
        self._server.counters.sent += 1
        self.send(data)
        return True

    def _send_in_flight(self, session: Session, packet_id: int, *, duplicate: bool) -> None:
        message = session.in_flight[packet_id]
        if not self._server.router.may_read(session, message.publication.topic) or not self.send_message(
            message, packet_id=packet_id, duplicate=duplicate
        ):
            session.acknowledged(packet_id)

    def settle(self) -> None:
        """Answer the messages that are safe, in the order in which they came (MQTT 5, 4.6)."""
        receipts = self._receipts
        while receipts and receipts[0].settled:
            receipt = receipts.popleft()
            self._held_bytes -= receipt.size
            if not receipt.failed:
                answer = (
                    PubAck(packet_id=receipt.packet_id) if receipt.qos == 1 else PubRec(packet_id=receipt.packet_id)
                )
                self.send(encode(answer, self.version))
            elif self.session is not None and self.session.incoming.get(receipt.packet_id) is receipt:
                del self.session.incoming[receipt.packet_id]
        if self._holds & _UNACKNOWLEDGED and not self._holds_too_much:
            self._release(_UNACKNOWLEDGED)

    # Reading.

    @property
    def _holds_too_much(self) -> bool:
        limits = self._limits
        return len(self._receipts) >= limits.max_unacknowledged or self._held_bytes >= limits.max_unacknowledged_bytes

    def _hold(self, why: int) -> None:
        self._holds |= why
        # Most handlers are done before more bytes come: for those the transport is left alone.
        if why & (_UNACKNOWLEDGED | _WRITE) or self._parser.unread_bytes > _READ_AHEAD_BYTES:
            self._pause()

    def _pause(self) -> None:
        if not self._paused and not self._closed and not self._lost:
            self._paused = True
            self._link.pause()

    def _release(self, why: int) -> None:
        if not self._holds & why:
            return
        self._holds &= ~why
        if self._lost and not self._holds & (_HANDLER | _TURN):
            self._pump()
        if self._holds or self._closed or self._lost:
            return
        self._heard = self._server.clock()
        if self._paused:
            self._paused = False
            self._link.resume()
        self._wake()
        self._pump()

    def _wake(self) -> None:
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    def _pump(self) -> None:
        """Handle what was received, up to the first reason to stop."""
        if self._pumping:
            return
        self._pumping = True
        left = self._limits.max_packets_per_turn
        try:
            while not self._holds and not self._closed and (packet := self._parser.next()) is not None:
                self._handle(packet)
                left -= 1
                if not left:
                    self._hold(_TURN)
                    asyncio.get_running_loop().call_soon(self._release, _TURN)
        except ProtocolError as error:
            self._refuse(error)
        except Exception:
            log.exception("mqtt: handling a packet of client %r at %s failed", self.client_id, self.address)
            self._server.counters.internal_errors += 1
            self.end(Reason.UNSPECIFIED)
        finally:
            self._pumping = False
        if self._lost and not self._holds & (_HANDLER | _TURN):
            self.end(None)

    def _refuse(self, error: ProtocolError) -> None:
        self._server.counters.protocol_errors += 1
        log.log(
            logging.DEBUG if self.session is None else logging.INFO,
            "mqtt: client %r at %s broke the protocol: %s", self.client_id, self.address, error,
        )  # fmt: skip
        if self.session is None:
            self._refuse_login(error.reason)
        else:
            self.end(error.reason)

    def _refuse_login(self, reason: Reason) -> None:
        if self._parser.version == V5:
            self.send(encode(ConnAck(session_present=False, reason=reason), V5))
        elif self._parser.version == V3 and reason in RETURN_CODES:
            self.send(encode(ConnAck(session_present=False, reason=RETURN_CODES[reason]), V3))
        self.end(None)

    def _handle(self, packet: Packet) -> None:
        session = self.session
        if session is None:
            if not isinstance(packet, Connect):
                raise ProtocolError(Reason.PROTOCOL_ERROR, "the login is not finished")
            self._connect(packet)
            return
        match packet:
            case Publish():
                self._publish(session, packet)
            case PubAck():
                session.acknowledged(packet.packet_id)
                self.pump_out()
            case PingReq():
                self.send(encode(PingResp(), self.version))
            case PubRel():
                known = session.incoming.pop(packet.packet_id, None) is not None
                reason = Reason.SUCCESS if known else Reason.PACKET_ID_NOT_FOUND
                self.send(encode(PubComp(packet_id=packet.packet_id, reason=reason), self.version))
            case PubRec() | PubComp():  # never an answer to us: we send QoS 0 and 1
                if isinstance(packet, PubRec) and packet.reason < Reason.UNSPECIFIED:
                    refusal = PubRel(packet_id=packet.packet_id, reason=Reason.PACKET_ID_NOT_FOUND)
                    self.send(encode(refusal, self.version))
            case Subscribe():
                reasons, retained = self._server.router.subscribe_client(session, packet)
                self.send(encode(SubAck(packet_id=packet.packet_id, reasons=reasons), self.version))
                for message in retained:
                    self._server.router.hand_over(session, message)
            case Unsubscribe():
                reasons = self._server.router.unsubscribe_client(session, packet)
                self.send(encode(UnsubAck(packet_id=packet.packet_id, reasons=reasons), self.version))
            case Disconnect():
                self._disconnect(session, packet)
            case _:
                raise ProtocolError(Reason.PROTOCOL_ERROR, f"{type(packet).__name__} has no place here")

    def _publish(self, session: Session, packet: Publish) -> None:
        if "topic_alias" in packet.properties:
            raise ProtocolError(Reason.BAD_TOPIC_ALIAS, "topic aliases were not offered")
        if not is_topic(packet.topic, max_levels=0x10000):
            raise ProtocolError(Reason.BAD_TOPIC, "the topic name is empty or has wildcards")
        if "subscription_identifier" in packet.properties:
            raise ProtocolError(Reason.PROTOCOL_ERROR, "a client publishes no subscription identifier")
        receipt = None
        if packet.packet_id is not None:
            if packet.qos == 2 and self._is_duplicate(session, packet.packet_id):
                return
            receipt = Receipt(self, packet.packet_id, packet.qos, len(packet.payload))
            if packet.qos == 2:
                if len(session.incoming) >= self._limits.max_unreleased:
                    raise ProtocolError(Reason.RECEIVE_MAXIMUM_EXCEEDED, "too many unreleased QoS 2 messages")
                session.incoming[packet.packet_id] = receipt
            self._receipts.append(receipt)
            self._held_bytes += receipt.size
        for handler in self._server.router.accept(session, packet, receipt):
            self._handlers += 1
            self._hold(_HANDLER)
            handler.add_done_callback(self._handler_done)
        if receipt is not None:
            if receipt.settled:
                self.settle()
            if self._holds_too_much:
                self._server.counters.paused += 1
                self._hold(_UNACKNOWLEDGED)

    def _is_duplicate(self, session: Session, packet_id: int) -> bool:
        known = session.incoming.get(packet_id)
        if known is None or known.failed:
            return False
        self._server.counters.duplicates += 1
        if known.settled:
            self.send(encode(PubRec(packet_id=packet_id), self.version))
        elif known.connection is not self:
            known.connection = self
            self._receipts.append(known)
            self._held_bytes += known.size
        return True

    def _handler_done(self, _: "asyncio.Future[None]") -> None:
        self._handlers -= 1
        if not self._handlers:
            self._release(_HANDLER)

    def _disconnect(self, session: Session, packet: Disconnect) -> None:
        expiry_s = packet.properties.get("session_expiry_interval")
        if isinstance(expiry_s, int):
            if expiry_s and not session.expiry_s:
                raise ProtocolError(Reason.PROTOCOL_ERROR, "a session that was to end now cannot be kept")
            session.expiry_s = min(expiry_s, self._limits.session_expiry_max_s)
        self.end(None, clean=True, will=packet.reason == Reason.DISCONNECT_WITH_WILL)

    # The login.

    def _connect(self, packet: Connect) -> None:
        self.version = packet.version
        check(packet, self._limits)
        self.client_id = packet.client_id or f"auto-{secrets.token_hex(12)}"
        self._hold(_LOGIN)
        self._login = self._server.spawn(self._log_in(packet))

    async def _log_in(self, packet: Connect) -> None:
        try:
            account = await self._server.authenticate(self, packet)
        except Exception:
            log.exception("mqtt: the login of client %r at %s could not be checked", self.client_id, self.address)
            self._server.counters.auth_errors += 1
            self._refuse_login(Reason.SERVER_UNAVAILABLE)
            return
        if self._closed:
            return
        if account is None:
            complete = packet.username is not None and packet.password is not None
            self._server.counters.auth_failed += 1
            self._refuse_login(Reason.BAD_CREDENTIALS if complete else Reason.NOT_AUTHORISED)
            self._server.emit(SessionEventKind.AUTH_FAILED, self, username=packet.username)
            return
        self._login = None
        try:
            self._begin(account, packet)
        except Exception:
            log.exception("mqtt: the login of client %r at %s failed", self.client_id, self.address)
            self._server.counters.internal_errors += 1
            self.end(Reason.UNSPECIFIED)

    def _begin(self, account: str, packet: Connect) -> None:
        terms = agree(packet, account=account, client_id=self.client_id, limits=self._limits)
        opened = self._server.open_session(
            account, self.client_id, clean_start=packet.clean_start, expiry_s=terms.expiry_s, connection=self
        )
        if opened is None:
            self._refuse_login(Reason.QUOTA_EXCEEDED)
            return
        self.session, present = opened
        self.will, self.will_delay_s = terms.will, terms.will_delay_s
        self.max_packet_bytes = terms.max_packet_bytes
        self._silence_s = terms.keep_alive_s * self._limits.keep_alive_factor
        self._window = terms.window
        self._parser.max_packet_bytes = self._limits.max_packet_bytes
        answer = ConnAck(session_present=present, reason=Reason.SUCCESS, properties=terms.answer)
        self.send(encode(answer, packet.version))
        self._server.emit(SessionEventKind.CONNECTED, self, account=account)
        self._resend.extend(self.session.in_flight)
        self.pump_out()
        self._release(_LOGIN)
