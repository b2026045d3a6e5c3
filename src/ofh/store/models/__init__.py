"""Every table, for the ORM; this module alone lists them.

Tortoise writes the first line of a model's docstring into the table as its comment and splits statements at semicolons:
no semicolon in that line.
"""

from .accounts import AccessToken, AuditEntry, OneTimeToken, User, UserSession
from .alerts import Alert, AlertRule
from .coverage import Coverage, CoveredTile
from .fleet import Binding, Drone, RemoteController
from .flights import Flight, StoredEvent
from .jobs import Job
from .media import DiscardedObject, File, Fingerprint, Media, MediaGroup, PendingUpload
from .pilot import LinkStep, LinkToken, MapElement, MapGroup, Stream
from .workspaces import Connection, Membership, Workspace

__all__ = [
    "AccessToken",
    "Alert",
    "AlertRule",
    "AuditEntry",
    "Binding",
    "Connection",
    "Coverage",
    "CoveredTile",
    "DiscardedObject",
    "Drone",
    "File",
    "Fingerprint",
    "Flight",
    "Job",
    "LinkStep",
    "LinkToken",
    "MapElement",
    "MapGroup",
    "Media",
    "MediaGroup",
    "Membership",
    "OneTimeToken",
    "PendingUpload",
    "RemoteController",
    "StoredEvent",
    "Stream",
    "User",
    "UserSession",
    "Workspace",
]
