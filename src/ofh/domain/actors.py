"""Who acts, and what a role may do: the table of design.md, once."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal


class Role(StrEnum):
    """What a member may do in a workspace; each role may do all that the ones below it may."""

    OWNER = "OWNER"
    ADMIN = "ADMIN"
    MEMBER = "MEMBER"
    VIEWER = "VIEWER"


class Action(StrEnum):
    """An act within a workspace that a permission is asked for."""

    VIEW = "view"
    LEAVE = "leave"
    EDIT_FILES = "edit files"
    NAME_DRONES = "name drones"
    DRAW = "draw on the map"
    ACKNOWLEDGE_ALERTS = "acknowledge alerts"
    CONTROL_STREAMS = "control streams"
    MANAGE_CONNECTIONS = "manage connections"
    MANAGE_MEMBERS = "manage members"
    MANAGE_WORKSPACE = "manage the workspace"
    MANAGE_OWNERS = "manage owners"
    READ_AUDIT = "read the audit record"
    DELETE_WORKSPACE = "delete the workspace"


_VIEWER = frozenset({Action.VIEW, Action.LEAVE})
_MEMBER = _VIEWER | {
    Action.EDIT_FILES,
    Action.NAME_DRONES,
    Action.DRAW,
    Action.ACKNOWLEDGE_ALERTS,
    Action.CONTROL_STREAMS,
}
_ADMIN = _MEMBER | {Action.MANAGE_CONNECTIONS, Action.MANAGE_MEMBERS, Action.MANAGE_WORKSPACE}
_OWNER = _ADMIN | {Action.MANAGE_OWNERS, Action.READ_AUDIT, Action.DELETE_WORKSPACE}

PERMISSIONS: dict[Role, frozenset[Action]] = {
    Role.VIEWER: _VIEWER,
    Role.MEMBER: _MEMBER,
    Role.ADMIN: _ADMIN,
    Role.OWNER: _OWNER,
}


def allows(role: Role, action: Action) -> bool:
    """Whether the role may do this."""
    return action in PERMISSIONS[role]


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """A person who has shown who they are, and by what."""

    user_id: int
    credential: Literal["session", "token", "cli"]
    """A browser session, a personal access token, or the command line of the operator."""
    credential_id: int
    """The row of the session or token; 0 on the command line."""
    address: str = ""
    """Where the request came from, for the audit record."""

    @property
    def session(self) -> str:
        """Names the session or token: what comes by the same one is counted together."""
        return f"{self.credential}:{self.credential_id}"
