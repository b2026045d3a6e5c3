"""What keeps a simulation from running, in sentences that say what to do."""


class SimulatorError(Exception):
    """The simulation cannot begin or go on; the message names the remedy."""


def refused(connection_id: str, by: str) -> SimulatorError:
    """Connection id and secret do not fit."""
    return SimulatorError(
        f"The {by} refuses connection {connection_id}: the id or the secret is wrong, or the connection was deleted or "
        "given a new secret. `ofh connection create WORKSPACE_ID NAME --json` makes a new one and prints both."
    )


class UploadFailed(Exception):
    """A step of an upload came to nothing; Pilot begins again with `fast-upload`."""


class GrantRefused(UploadFailed):
    """The storage does not take the credentials, or not for this: new ones may help."""


class SignedOut(Exception):
    """The hub does not take the controller's token any more; the pilot has to open the page again."""
