"""Credentials for uploads of a connection, and whether whoever was given them may still use them.

The credentials hold by themselves, for hours and in every process. So it is looked up that their connection is there
and has the secret that it had then: they end with either, as the rest of a controller's rights does. An answer serves
for seconds, and word of a change ends it at once; while the database is away the last one goes on serving, since no
connection can be deleted meanwhile.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ofh.domain.errors import Code, HubError
from ofh.store.models import Connection

from .grants import Bearer, Grants, UploadGrant
from .upload_refusals import Reason, UploadRefused

FRESH_S = 5.0
"""How long an answer serves unasked: a change of which no word came, as of one by the command line, counts then."""
REMEMBERED = 10_000
"""Connections whose answers are kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    workspace_id: int
    """0: there is no such connection."""
    mark: str
    looked_s: float


class Grantees:
    """Gives grants to connections, and looks after those that have one.

    Args:
        monotonic: seconds that only ever grow.
    """

    def __init__(self, grants: Grants, monotonic: Callable[[], float]) -> None:
        self._grants = grants
        self._monotonic = monotonic
        self._answers: OrderedDict[int, _Answer] = OrderedDict()
        self._changes = 0
        """Words of changes so far: what was read before one is no answer after it."""

    async def grant(self, connection_id: int) -> UploadGrant:
        """Credentials that can write below a new prefix of the connection's workspace.

        Raises:
            HubError: UNAUTHENTICATED, there is no such connection any more; UNAVAILABLE, the database is away, or the
                store that issues the credentials itself.
        """
        row = await Connection.get_or_none(id=connection_id).select_related("workspace")
        if row is None:
            raise HubError(Code.UNAUTHENTICATED, "This connection has been deleted.")
        return await self._grants.grant(str(row.workspace.uuid), row.workspace_id, row.id, _mark(row))

    async def require(self, bearer: Bearer) -> None:
        """Refuse a bearer whose connection, or its secret, is not what it was.

        Raises:
            UploadRefused: TOKEN_EXPIRED.
            HubError: UNAVAILABLE, the database is away and the connection was not looked up before.
        """
        if not bearer.connection_id:
            return
        found = self._answers.get(bearer.connection_id)
        if found is None or self._monotonic() >= found.looked_s + FRESH_S:
            try:
                found = await self._look(bearer.connection_id)
            except HubError as error:
                if found is None or error.code is not Code.UNAVAILABLE:
                    raise
        if (found.workspace_id, found.mark) != (bearer.workspace_id, bearer.mark):
            raise UploadRefused(
                Reason.TOKEN_EXPIRED, "The credentials have ended with the connection that they were given to."
            )

    def told(self, message: Mapping[str, Any]) -> None:
        """Word of this or another process: what may have changed is looked up anew."""
        match message["kind"]:
            case "connection":
                gone = [message["connection_id"]]
            case "workspace":
                id = message["workspace_id"]
                gone = [known for known, answer in self._answers.items() if answer.workspace_id == id]
            case "interrupted":
                gone = list(self._answers)
            case _:
                return
        self._changes += 1
        for known in gone:
            self._answers.pop(known, None)

    async def _look(self, connection_id: int) -> _Answer:
        changes, looked_s = self._changes, self._monotonic()
        row = await Connection.get_or_none(id=connection_id)
        answer = _Answer(
            workspace_id=0 if row is None else row.workspace_id,
            mark="" if row is None else _mark(row),
            looked_s=looked_s,
        )
        if changes == self._changes:
            self._answers[connection_id] = answer
            self._answers.move_to_end(connection_id)
            while len(self._answers) > REMEMBERED:
                self._answers.popitem(last=False)
        return answer


def _mark(row: Connection) -> str:
    """What stands for a connection's present secret in its grants."""
    return hashlib.sha256(row.secret_digest.encode()).hexdigest()[:16]
