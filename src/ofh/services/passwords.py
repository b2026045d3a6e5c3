"""Passwords: what a new one must be, and hashing that takes time and memory without holding up anything else.

Hashes are argon2id in PHC form, so each carries the parameters it was made with. Hashing runs in threads, as many as
there are cores; who would wait too long is sent away instead (security.md, P1 to P3 and section 7).
"""

import asyncio
import base64
import os
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib import resources
from typing import TypeVar

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from ofh.domain.errors import bad_input
from ofh.domain.reasons import Reason

from .gates import busy
from .names import check_text

MIN_BYTES = 8
MAX_BYTES = 72
"""The documented contract; nothing is ever cut to it."""
SALT_BYTES = 16
TAG_BYTES = 32

T = TypeVar("T")


class Passwords:
    """Hashes and checks passwords.

    Args:
        memory_kib, passes, lanes: argon2id's m, t and p.
        at_once: hashes computed at the same time; the number of cores if left out.
        waiting: callers that may wait for their turn.
        patience_s: the longest wait for a turn.
    """

    def __init__(
        self,
        *,
        memory_kib: int = 47_104,
        passes: int = 1,
        lanes: int = 1,
        at_once: int | None = None,
        waiting: int = 100,
        patience_s: float = 5.0,
    ) -> None:
        self._hasher = PasswordHasher(
            time_cost=passes,
            memory_cost=memory_kib,
            parallelism=lanes,
            hash_len=TAG_BYTES,
            salt_len=SALT_BYTES,
            type=Type.ID,
        )
        # A hash that no password has, with the parameters in force: computing on it takes as long as on a real one.
        self._dummy = f"$argon2id$v=19$m={memory_kib},t={passes},p={lanes}${_b64(SALT_BYTES)}${_b64(TAG_BYTES)}"
        at_once = at_once or os.cpu_count() or 1
        self._threads = ThreadPoolExecutor(at_once, thread_name_prefix="passwords")
        self._turns = asyncio.Semaphore(at_once)
        self._waiting = 0
        self._max_waiting = waiting
        self._patience_s = patience_s

    def close(self) -> None:
        """Let go of the threads; what is being computed is finished in the background."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def check_new(self, password: str, *, email: str, field: str = "new_password") -> str:
        """A password that somebody chose, unchanged.

        Raises:
            HubError: BAD_INPUT: not 8 to 72 bytes of UTF-8, a common password, or the account's own e-mail.
        """
        check_text(password, field=field)
        if not MIN_BYTES <= len(password.encode()) <= MAX_BYTES:
            raise bad_input(field, Reason.PASSWORD_LENGTH, least=MIN_BYTES, most=MAX_BYTES)
        if password.lower() in common_passwords():
            raise bad_input(field, Reason.PASSWORD_COMMON)
        if password.lower() == email.lower():
            raise bad_input(field, Reason.PASSWORD_IS_ADDRESS)
        return password

    def check_given(self, password: str, *, field: str = "password") -> str:
        """A password that somebody entered to be compared, unchanged.

        Raises:
            HubError: BAD_INPUT: no text, or longer than any password can be.
        """
        check_text(password, field=field)
        if len(password.encode()) > MAX_BYTES:
            raise bad_input(field, Reason.PASSWORD_TOO_LONG, most=MAX_BYTES)
        return password

    async def hash(self, password: str) -> str:
        """The stored form of a password.

        Raises:
            HubError: UNAVAILABLE, too many wait already.
        """
        return await self._in_turn(lambda: self._hasher.hash(password))

    async def verify(self, stored: str | None, password: str) -> bool:
        """Whether this is the password. Without a stored one it takes as long and says no.

        Raises:
            HubError: UNAVAILABLE, too many wait already.
        """
        return await self._in_turn(lambda: self._verify(stored, password))

    def is_outdated(self, stored: str) -> bool:
        """Whether a hash was made with other parameters than those in force."""
        return self._hasher.check_needs_rehash(stored)

    def _verify(self, stored: str | None, password: str) -> bool:
        try:
            return self._hasher.verify(stored or self._dummy, password) and stored is not None
        except (VerificationError, InvalidHashError):
            return False

    async def _in_turn(self, work: Callable[[], T]) -> T:
        if self._waiting >= self._max_waiting:
            raise busy()
        self._waiting += 1
        try:
            async with asyncio.timeout(self._patience_s):
                await self._turns.acquire()
        except TimeoutError:
            raise busy() from None
        finally:
            self._waiting -= 1
        running = asyncio.get_running_loop().run_in_executor(self._threads, work)
        # A caller may go away, a thread cannot: the turn ends when the work does.
        running.add_done_callback(lambda done: self._turns.release())
        return await asyncio.shield(running)


def _b64(count: int) -> str:
    return base64.b64encode(secrets.token_bytes(count)).decode().rstrip("=")


@cache
def common_passwords() -> frozenset[str]:
    """Passwords that everybody tries first, in lower case."""
    text = resources.files("ofh.services").joinpath("data", "common_passwords.txt").read_text("utf-8")
    return frozenset(line for line in text.splitlines() if line and not line.startswith("#"))
