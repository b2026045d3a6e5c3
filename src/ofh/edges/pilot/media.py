"""The endpoints by which Pilot uploads photos and videos (dji-pilot-2.md, chapter 3).

Each works on its own, in any order and repeatedly. With status 200 a `code` other than 0 is an answer that Pilot goes
on by: 'not here' of `fast-upload` is what makes it upload. So 0 is never said of a file that is not here.
"""

from collections.abc import Callable
from dataclasses import replace

from starlette.routing import BaseRoute

from ofh.dji.errors import DecodeError
from ofh.dji.media import (
    decode_file_named,
    decode_group_uploaded,
    decode_tiny_fingerprints,
    decode_uploaded,
)
from ofh.domain.errors import Code, HubError
from ofh.domain.link_steps import LinkProblem, LinkStepName
from ofh.edges.grants import shown
from ofh.services.grantees import Grantees
from ofh.services.media_intake import Outcome
from ofh.services.pilot_media import ACKNOWLEDGED, PilotMedia

from .endpoint import Answer, Ask, PilotEndpoints

Note = Callable[[int, LinkStepName, LinkProblem | None, str], None]
"""Connection, step, what is wrong with it (None: it went well), what was seen."""

TINY_BODY = 2 * 1_048_576
"""A whole card has thousands of files."""
FAILED = -1

_MESSAGES = {
    Outcome.FOREIGN_KEY: "object_key outside the workspace",
    Outcome.MISSING: "there is no such object",
}
_PROBLEMS = {
    Outcome.FOREIGN_KEY: LinkProblem.FOREIGN_KEY,
    Outcome.MISSING: LinkProblem.OBJECT_MISSING,
    Outcome.FAILED: LinkProblem.UPLOAD_FAILED,
}


def routes(endpoints: PilotEndpoints, media: PilotMedia, grantees: Grantees, note: Note) -> list[BaseRoute]:
    """The routes of the five endpoints.

    Args:
        note: tells the connection doctor how a step went.
    """
    handlers = _Handlers(media, grantees, note)
    base = "/media/api/v1/workspaces/{workspace_uuid}"
    return [
        endpoints.route(f"{base}/fast-upload", handlers.fast_upload),
        endpoints.route(
            f"{base}/files/tiny-fingerprints",
            {"POST": handlers.tiny_fingerprints, "GET": handlers.tiny_fingerprints_of_2022},
            body="object or list",
            max_body=TINY_BODY,
        ),
        endpoints.route(
            "/storage/api/v1/workspaces/{workspace_uuid}/sts", {"POST": handlers.sts, "GET": handlers.sts}, body="none"
        ),
        endpoints.route(f"{base}/upload-callback", handlers.upload_callback),
        endpoints.route(f"{base}/group-upload-callback", handlers.group_upload_callback),
    ]


class _Handlers:
    """What each endpoint does with what it was asked."""

    def __init__(self, media: PilotMedia, grantees: Grantees, note: Note) -> None:
        self._media = media
        self._grantees = grantees
        self._note = note

    async def fast_upload(self, ask: Ask) -> Answer:
        """Is this very file here?"""
        try:
            file = decode_file_named(ask.body)
        except DecodeError as error:
            raise _malformed(error) from None
        is_here = await self._media.fast_upload(ask.pilot, file)
        return Answer() if is_here else Answer(code=FAILED, message="not found")

    async def tiny_fingerprints(self, ask: Ask) -> Answer:
        """Which of these are here?"""
        try:
            wanted = decode_tiny_fingerprints(ask.body)
        except DecodeError as error:
            raise _malformed(error) from None
        return Answer(data={"tiny_fingerprints": await self._media.tiny_fingerprints(ask.pilot, wanted)})

    async def tiny_fingerprints_of_2022(self, ask: Ask) -> Answer:
        """The same, asked in the query string."""
        listed = [value for name, value in ask.query if name in ("tiny_fingerprint", "tiny_fingerprints")]
        return await self.tiny_fingerprints(replace(ask, body=listed))

    async def sts(self, ask: Ask) -> Answer:
        """Credentials for uploads. Older Pilots ask by GET."""
        pilot = ask.pilot
        try:
            grant = await self._grantees.grant(pilot.connection_id)
        except HubError as error:
            if error.code is not Code.UNAVAILABLE:
                raise
            self._note(pilot.connection_id, LinkStepName.STORAGE_CREDENTIALS, LinkProblem.STORAGE_AWAY, error.message)
            return Answer(code=FAILED, message=error.message)
        self._note(pilot.connection_id, LinkStepName.STORAGE_CREDENTIALS, None, "")
        return Answer(data=shown(grant))

    async def upload_callback(self, ask: Ask) -> Answer:
        """A file is up, or is not."""
        try:
            told = decode_uploaded(ask.body)
        except DecodeError as error:
            raise _malformed(error) from None
        outcome = await self._media.register(ask.pilot, told, ask.address)
        if outcome is not Outcome.WAITING:
            self._note(ask.pilot.connection_id, LinkStepName.FIRST_OBJECT, _PROBLEMS.get(outcome), "")
        data = {} if told.object_key is None else {"object_key": told.object_key}
        if outcome in ACKNOWLEDGED:
            return Answer(data=data)
        return Answer(code=FAILED, message=_MESSAGES[outcome])

    async def group_upload_callback(self, ask: Ask) -> Answer:
        """How far the files of a task are."""
        try:
            told = decode_group_uploaded(ask.body)
        except DecodeError as error:
            raise _malformed(error) from None
        await self._media.group_uploaded(ask.pilot, told)
        return Answer()


def _malformed(error: DecodeError) -> HubError:
    return HubError(Code.BAD_INPUT, f"The body is malformed: {error.detail}.")
