"""Every table, for the ORM; this module alone lists them.

Tortoise writes the first line of a model's docstring into the table as its comment and splits statements at semicolons:
no semicolon in that line.
"""

from .accounts import AccessToken, AuditEntry, OneTimeToken, User, UserSession
from .fleet import Binding, Drone, RemoteController, TelemetryRow
from .workspaces import Connection, Membership, Workspace

__all__ = [
    "AccessToken",
    "AuditEntry",
    "Binding",
    "Connection",
    "Drone",
    "Membership",
    "OneTimeToken",
    "RemoteController",
    "TelemetryRow",
    "User",
    "UserSession",
    "Workspace",
]
