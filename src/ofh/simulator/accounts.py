"""What a simulated controller logs in with."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A connection and what it logs in with at the broker."""

    connection_id: str
    secret: str = field(repr=False)
    mqtt_username: str | None = None
    """None: the connection's id."""
    mqtt_password: str | None = field(default=None, repr=False)
    """None: the connection's secret."""

    @property
    def username(self) -> str:
        """For the broker."""
        return self.mqtt_username or self.connection_id

    @property
    def password(self) -> str:
        """For the broker."""
        return self.mqtt_password or self.secret
