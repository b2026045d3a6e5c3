"""Who is connected and who claims which serial number, read from the lines that Mosquitto writes to its log topics.

MQTT does not say who published a message. For a serial number that is bound, the access rights prove it
(`mosquitto_dynsec.py`); for the first status message of an unbound one this is the evidence. Lines as Mosquitto 2.0.11
writes them, those of later 2.x too, where they carry the address behind the client's name. A controller's client id is
its account (`use_username_as_clientid`), so no client can make a line speak of another account.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from ofh.backends.ports import SessionChange

NOTICE_TOPIC = "$SYS/broker/log/N"
SUBSCRIBE_TOPIC = "$SYS/broker/log/M/subscribe"

CLAIMS_LIMIT = 256
"""Serial numbers that one account may claim by subscriptions; a newer claim then ends the oldest."""

_CONNECTED = re.compile(r"New client connected from (.+):\d+ as (.+) \(p\d+, c\d, k\d+, u'(.*)'\)\.")
_CLIENT = r"Client (.+?)(?: \[[^\]]*\])? "
_LEFT = re.compile(_CLIENT + r"disconnected\.")
_LOST = re.compile(
    _CLIENT + r"(?:closed its connection\.|has exceeded timeout, disconnecting\.|"
    r"been disconnected by administrative action\.|disconnected(?: due to|:) .*)"
)
_REFUSED = re.compile(r"Client .* disconnected, not authorised\.")
_SUBSCRIBED = re.compile(r"(\S+) [012] (?:sys|thing)/product/([^/+#]+)/\S+")


@dataclass(frozen=True, slots=True)
class LogEvent:
    """What one line says of an account's session."""

    account: str
    """Empty for REFUSED: Mosquitto does not say whom it refused."""
    change: SessionChange
    address: str = ""


class LogWatch:
    """Keeps what the lines have said.

    Args:
        window_s: an account that was connected this long ago may still have published what arrives now.
    """

    def __init__(self, *, window_s: float) -> None:
        self._window_s = window_s
        self._connected: set[str] = set()
        self._away: set[str] = set()
        self._unknown: set[str] = set()
        self._gone_at: dict[str, float] = {}
        self._claims: dict[str, dict[str, None]] = {}
        """Account → serial numbers, the oldest claim first."""

    def expect(self, accounts: Iterable[str]) -> None:
        """All accounts that exist: one of which no line has told yet may be connected."""
        existing = set(accounts)
        self._unknown = existing - self._connected - self._away
        self._away &= existing

    def forget(self, account: str) -> None:
        """The account exists no more."""
        for known in (self._unknown, self._connected, self._away):
            known.discard(account)
        self._gone_at.pop(account, None)
        self._claims.pop(account, None)

    def interrupted(self) -> None:
        """Lines may have been missed: what was known is unknown again. Claims stay, they are checked by the rights."""
        self._unknown |= self._connected | self._away
        self._connected.clear()
        self._away.clear()
        self._gone_at.clear()

    def line(self, topic: str, text: str, now_s: float) -> LogEvent | None:
        """Take in one line; tells what it says of a session. `now_s` is monotonic."""
        _, _, said = text.partition(": ")
        if topic == SUBSCRIBE_TOPIC:
            if match := _SUBSCRIBED.fullmatch(said):
                claims = self._claims.setdefault(match[1], {})
                claims.pop(match[2], None)
                claims[match[2]] = None
                if len(claims) > CLAIMS_LIMIT:
                    del claims[next(iter(claims))]
            return None
        if match := _CONNECTED.fullmatch(said):
            address, client, account = match.groups()
            if client != account:
                return None  # not on the controllers' listener
            self._unknown.discard(account)
            self._away.discard(account)
            self._gone_at.pop(account, None)
            self._connected.add(account)
            return LogEvent(account, SessionChange.CONNECTED, address)
        if _REFUSED.fullmatch(said):
            return LogEvent("", SessionChange.REFUSED)
        if match := _LEFT.fullmatch(said):
            return self._gone(match[1], SessionChange.LEFT, now_s)
        if match := _LOST.fullmatch(said):
            return self._gone(match[1], SessionChange.LOST, now_s)
        return None

    def publisher(self, serial: str, now_s: float) -> str | None:
        """The one account that must have published for this unbound serial number; None where it is not proven."""
        self._gone_at = {account: at for account, at in self._gone_at.items() if now_s - at <= self._window_s}
        possible = self._connected | self._gone_at.keys()
        possible |= self._unknown
        claimants = {account for account in possible if serial in self._claims.get(account, ())}
        if claimants:
            possible = claimants
        return next(iter(possible)) if len(possible) == 1 else None

    def _gone(self, account: str, change: SessionChange, now_s: float) -> LogEvent | None:
        if account not in self._connected and account not in self._unknown:
            return None
        self._connected.discard(account)
        self._unknown.discard(account)
        self._away.add(account)
        self._gone_at[account] = now_s
        return LogEvent(account, change)
