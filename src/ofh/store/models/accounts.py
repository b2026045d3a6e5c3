"""People and what proves who they are. Of every secret only a digest stands here."""

from tortoise import fields
from tortoise.indexes import Index
from tortoise.models import Model


class User(Model):
    """A person."""

    id = fields.BigIntField(primary_key=True)
    email = fields.CharField(max_length=255, unique=True)
    """As entered but in lower case: the name to log in with."""
    pending_email = fields.CharField(max_length=255, null=True)
    """A new address that has not been confirmed yet."""
    name = fields.CharField(max_length=255)
    locale = fields.CharField(max_length=35, null=True)
    """BCP 47."""
    password_hash = fields.CharField(max_length=255, null=True)
    """argon2id in PHC form; null until a first password is set."""
    created_at = fields.DatetimeField()

    class Meta:
        table = "users"


class UserSession(Model):
    """A browser's log-in."""

    id = fields.BigIntField(primary_key=True)
    user: fields.ForeignKeyRelation["User"] = fields.ForeignKeyField(
        "ofh.User", related_name="sessions", on_delete=fields.CASCADE
    )
    user_id: int
    digest = fields.CharField(max_length=64, unique=True)
    """SHA-256 of the cookie's token, in hexadecimal."""
    created_at = fields.DatetimeField()
    last_used_at = fields.DatetimeField()

    class Meta:
        table = "user_sessions"
        indexes = (Index(fields=["user_id"], name="idx_user_sessions_user"),)


class AccessToken(Model):
    """A personal access token, for programs."""

    id = fields.BigIntField(primary_key=True)
    user: fields.ForeignKeyRelation["User"] = fields.ForeignKeyField(
        "ofh.User", related_name="access_tokens", on_delete=fields.CASCADE
    )
    user_id: int
    name = fields.CharField(max_length=255)
    digest = fields.CharField(max_length=64, unique=True)
    """SHA-256 of the token, in hexadecimal."""
    created_at = fields.DatetimeField()
    expires_at = fields.DatetimeField(null=True)
    last_used_at = fields.DatetimeField(null=True)

    class Meta:
        table = "access_tokens"
        indexes = (Index(fields=["user_id"], name="idx_access_tokens_user"),)


class OneTimeToken(Model):
    """A code that works once: a login link, a password reset, an invitation, the confirmation of an address."""

    id = fields.BigIntField(primary_key=True)
    user: fields.ForeignKeyRelation["User"] = fields.ForeignKeyField(
        "ofh.User", related_name="one_time_tokens", on_delete=fields.CASCADE
    )
    user_id: int
    purpose = fields.CharField(max_length=16)
    """`login`, `reset`, `invitation` or `email`."""
    digest = fields.CharField(max_length=64, unique=True)
    """SHA-256 of the code, in hexadecimal."""
    expires_at = fields.DatetimeField()

    class Meta:
        table = "one_time_tokens"
        indexes = (Index(fields=["user_id", "purpose"], name="idx_one_time_tokens_user"),)


class AuditEntry(Model):
    """Who did what, when, from where: append-only."""

    id = fields.BigIntField(primary_key=True)
    at = fields.DatetimeField()
    action = fields.CharField(max_length=64)
    outcome = fields.CharField(max_length=16)
    """`ok`, `failed` or `denied`."""
    user_id = fields.BigIntField(null=True)
    workspace_id = fields.BigIntField(null=True)
    address = fields.CharField(max_length=64, default="")
    object = fields.CharField(max_length=255, default="")
    """What it was done to, as `kind:id`."""

    class Meta:
        table = "audit_entries"
        indexes = (
            Index(fields=["workspace_id", "id"], name="idx_audit_entries_workspace"),
            Index(fields=["at"], name="idx_audit_entries_at"),
        )
