"""Letters to people. A request only puts a letter into the queue; a task of the post office writes and sends it.

What is queued is a function that writes the letter when its turn comes. So a request about an unknown account takes
exactly as long as one about a known account: the looking up happens afterwards (security.md, P5).

Links carry their token behind `#`: that part of an address is never sent to a server, so it stands in no access log.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from pathlib import Path
from typing import Literal, Protocol

import structlog

QUEUE_CAPACITY = 1_000
OUTBOX_CAPACITY = 200
"""Letters that stay in the outbox's folder; the oldest go first."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A letter in plain text."""

    to: str
    """One address."""
    subject: str
    body: str


Writer = Callable[[], Awaitable[Letter | None]]
"""Writes a letter when its turn comes; None where there turns out to be nobody to write to."""


class Mail(Protocol):
    """The post office."""

    is_configured: bool
    """Whether letters reach people; else a new address cannot be confirmed and holds at once."""
    dropped: int
    """Letters that the full queue had no room for."""

    async def start(self) -> None:
        """Begin to send; after the database has been opened."""

    async def stop(self) -> None:
        """Stop sending. What still waits is lost and was never promised."""

    def post(self, write: Writer) -> None:
        """Queue a letter. Never waits, never fails: what the queue has no room for is counted and left out."""


class PostOffice:
    """The queue and the task that serves it; what delivers is up to a descendant."""

    is_configured = True

    def __init__(self, *, capacity: int = QUEUE_CAPACITY) -> None:
        self._queue: asyncio.Queue[Writer] = asyncio.Queue(capacity)
        self._task: asyncio.Task[None] | None = None
        self.dropped = 0
        """Letters that the full queue had no room for."""

    async def start(self) -> None:
        """See `Mail.start`."""
        self._task = asyncio.create_task(self._serve(), name="mail")

    async def stop(self) -> None:
        """See `Mail.stop`."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    def post(self, write: Writer) -> None:
        """See `Mail.post`."""
        try:
            self._queue.put_nowait(write)
        except asyncio.QueueFull:
            self.dropped += 1
            log.warning("letter left out, the queue is full", dropped=self.dropped)

    async def settle(self) -> None:
        """Wait until every letter posted so far has been dealt with."""
        await self._queue.join()

    async def _serve(self) -> None:
        while True:
            write = await self._queue.get()
            try:
                if letter := await write():
                    await self.deliver(letter)
            except Exception as error:  # noqa: BLE001 - one letter's trouble must not keep the others
                # The kind of error only: its text may repeat what stands in the letter.
                log.error("letter not sent", error=type(error).__name__)
            finally:
                self._queue.task_done()

    async def deliver(self, letter: Letter) -> None:
        """Send one letter."""
        raise NotImplementedError


class SmtpMail(PostOffice):
    """Sends by a mail server.

    Args:
        host, port: the server.
        sender: the address that letters come from.
        username, password: where the server asks for them.
        security: `tls` from the first byte, `starttls`, or `none` for a server on the same machine.
        attempts: how often a letter is tried, with a pause that doubles.
    """

    def __init__(
        self,
        *,
        host: str,
        port: int,
        sender: str,
        username: str | None = None,
        password: str | None = None,
        security: Literal["tls", "starttls", "none"] = "starttls",
        timeout_s: float = 20.0,
        attempts: int = 3,
        pause_s: float = 5.0,
        capacity: int = QUEUE_CAPACITY,
    ) -> None:
        super().__init__(capacity=capacity)
        self._host = host
        self._port = port
        self._sender = sender
        self._username = username
        self._password = password
        self._security = security
        self._timeout_s = timeout_s
        self._attempts = attempts
        self._pause_s = pause_s

    async def deliver(self, letter: Letter) -> None:
        """Hand the letter to the server."""
        import aiosmtplib

        message = to_message(letter, self._sender)
        for attempt in range(self._attempts):
            try:
                await aiosmtplib.send(
                    message,
                    hostname=self._host,
                    port=self._port,
                    username=self._username,
                    password=self._password,
                    use_tls=self._security == "tls",
                    start_tls=self._security == "starttls",
                    timeout=self._timeout_s,
                )
                return
            except (aiosmtplib.SMTPRecipientsRefused, aiosmtplib.SMTPAuthenticationError):
                raise
            except (aiosmtplib.SMTPException, OSError):
                if attempt + 1 == self._attempts:
                    raise
                await asyncio.sleep(self._pause_s * 2**attempt)


class LogMail(PostOffice):
    """For a hub without a mail server: the operator's log says that there is a letter, and a folder has it.

    The log never has the text: codes do not belong there (security.md, L1).

    Args:
        outbox: the folder, made where it is missing and readable by its owner only; None: letters are not kept.
    """

    is_configured = False

    def __init__(self, outbox: Path | None = None, *, capacity: int = QUEUE_CAPACITY) -> None:
        super().__init__(capacity=capacity)
        self._outbox = outbox

    async def deliver(self, letter: Letter) -> None:
        """Lay the letter into the folder."""
        if self._outbox is None:
            log.warning("no mail server is configured, letter not sent", subject=letter.subject)
            return
        name = await asyncio.to_thread(self._keep, self._outbox, letter)
        log.warning("no mail server is configured, letter kept in the outbox", subject=letter.subject, file=name)

    @staticmethod
    def _keep(outbox: Path, letter: Letter) -> str:
        outbox.mkdir(mode=0o700, parents=True, exist_ok=True)
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%f")
        path = outbox / f"{stamp}-{re.sub(r'[^a-z0-9]+', '-', letter.subject.lower()).strip('-')[:40]}.eml"
        path.touch(mode=0o600)
        path.write_bytes(bytes(to_message(letter, "openflighthub@localhost")))
        for old in sorted(outbox.glob("*.eml"))[:-OUTBOX_CAPACITY]:
            old.unlink(missing_ok=True)
        return path.name


def to_message(letter: Letter, sender: str) -> EmailMessage:
    """The letter as it travels. A line break in a header is an error, never a second header."""
    message = EmailMessage()
    message["From"] = sender
    message["To"] = letter.to
    message["Subject"] = letter.subject
    message["Date"] = format_datetime(datetime.now(UTC))
    message["Message-ID"] = make_msgid(domain=sender.rpartition("@")[2] or None)
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(letter.body)
    return message


class Letters:
    """The texts.

    Args:
        public_url: where people reach the hub; links are made of it and never of a request.
    """

    def __init__(self, public_url: str) -> None:
        self._public_url = public_url.rstrip("/")

    def login_link(self, token: str) -> str:
        """The address that logs in whoever opens it, once."""
        return f"{self._public_url}/#login={token}"

    def reset_link(self, code: str) -> str:
        """The address at which a new password can be set, once."""
        return f"{self._public_url}/#reset={code}"

    def confirm_link(self, code: str) -> str:
        """The address that confirms an e-mail address, once."""
        return f"{self._public_url}/#confirm={code}"

    def invitation(self, to: str, workspace: str, token: str) -> Letter:
        """To somebody who has no password yet."""
        return Letter(
            to=to,
            subject="You are invited to OpenFlightHub",
            body=(
                f"You have been invited to the workspace “{workspace}”.\n\n"
                f"Open this link to begin and to choose a password; it works once, within 7 days:\n"
                f"{self.login_link(token)}\n"
            ),
        )

    def welcome(self, to: str, token: str) -> Letter:
        """To somebody who has just registered."""
        return Letter(
            to=to,
            subject="Your account at OpenFlightHub",
            body=(
                "Somebody, you we hope, registered with this address. Open this link to begin and to choose a "
                f"password; it works once, within 10 minutes:\n{self.login_link(token)}\n\nAfterwards, ask for a new "
                f"password to get in:\n{self._public_url}/\n\nIf it was not you, do nothing.\n"
            ),
        )

    def known(self, to: str) -> Letter:
        """To somebody whose address was registered once more."""
        return Letter(
            to=to,
            subject="You have an account at OpenFlightHub already",
            body=(
                "Somebody, you we hope, wanted to register with this address, which has an account. Log in, or ask for "
                f"a new password:\n{self._public_url}/\n\nIf it was not you, do nothing.\n"
            ),
        )

    def added(self, to: str, workspace: str) -> Letter:
        """To somebody who has an account already."""
        return Letter(
            to=to,
            subject="You are a member of a workspace now",
            body=f"You have been added to the workspace “{workspace}”.\n\n{self._public_url}/\n",
        )

    def reset(self, to: str, code: str) -> Letter:
        """To somebody who asked for a new password."""
        return Letter(
            to=to,
            subject="A new password for OpenFlightHub",
            body=(
                "Somebody, you we hope, asked for a new password. Open this link to set one; it works once, within 30 "
                f"minutes:\n{self.reset_link(code)}\n\nIf it was not you, do nothing: your password stays as it is.\n"
            ),
        )

    def password_changed(self, to: str) -> Letter:
        """After a password was changed."""
        return Letter(
            to=to,
            subject="Your password was changed",
            body=(
                "The password of your account was changed, and other sessions were ended. If it was not you, ask for a "
                f"new password at once:\n{self._public_url}/\n"
            ),
        )

    def confirm(self, to: str, code: str) -> Letter:
        """To a new address, to prove it."""
        return Letter(
            to=to,
            subject="Confirm your e-mail address",
            body=f"Open this link to confirm this address; it works once, within a day:\n{self.confirm_link(code)}\n",
        )

    def address_changing(self, to: str) -> Letter:
        """To the old address, when another one is asked for or has come into force."""
        return Letter(
            to=to,
            subject="The e-mail address of your account changes",
            body=(
                "Another e-mail address was entered for your account. If it was not you, ask for a new password at "
                f"once:\n{self._public_url}/\n"
            ),
        )
