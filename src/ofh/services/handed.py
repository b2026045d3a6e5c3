"""What the settings hand to controllers, and what controllers will trip over in it: nobody has to come first.

Every address has to be one that a controller in the field reaches (dji-pilot-2.md, 1.9), never `localhost` and never
the name of a container.
"""

from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from ofh.domain.link_steps import Finding, LinkProblem, LinkStepName

EVERY_NETWORK = frozenset({"", "0.0.0.0", "::"})  # noqa: S104 - what to tell apart
"""To listen on these is to listen to all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Handed:
    """What controllers are handed, and what they need of the hub's settings."""

    public_url: str
    public_url_setting: str = "OFH_PUBLIC_URL"
    """What it is, for people; so with the others."""
    mqtt_url: str
    """Where controllers reach the broker."""
    mqtt_url_setting: str
    mqtt_listens: str | None = None
    """The address that the broker inside the hub listens on."""
    storage_url: str | None = None
    """The endpoint that uploads go to; None where it is below the public URL."""
    storage_url_setting: str = ""
    has_licence: bool


def findings_of(handed: Handed) -> list[Finding]:
    """What a controller will trip over in the settings; needs no controller to be seen."""
    step = LinkStepName
    found = findings_of_url(
        handed.public_url_setting,
        handed.public_url,
        (step.PAGE_FETCHED, None),
        (step.WEBSOCKET, step.PAGE_FETCHED),
        (step.STORAGE_CREDENTIALS, step.PAGE_FETCHED),
    )
    if not handed.has_licence:
        found.append(Finding(step=step.LICENCE, problem=LinkProblem.NO_LICENCE, detail=""))
    found += findings_of_url(handed.mqtt_url_setting, handed.mqtt_url, (step.MQTT_LOGIN, None))
    listens = handed.mqtt_listens
    here_only = LinkProblem.THIS_MACHINE_ONLY
    if listens is not None and listens not in EVERY_NETWORK and reach_of_host(listens) is here_only:
        # Something on this machine may stand before it, so this explains rather than accuses.
        found.append(
            Finding(
                step=step.MQTT_LOGIN,
                problem=LinkProblem.BROKER_LISTENS_HERE_ONLY,
                detail=f"OFH_MQTT_HOST = {listens}",
                is_certain=False,
            )
        )
    if handed.storage_url is not None:
        found += findings_of_url(handed.storage_url_setting, handed.storage_url, (step.FIRST_OBJECT, None))
    if handed.public_url.startswith("http://"):
        found += [
            Finding(step=name, problem=LinkProblem.PLAIN_HTTP, detail="", is_certain=False)
            for name in (step.WEBSOCKET, step.FIRST_OBJECT)
        ]
    return found


def reach_of(url: str) -> LinkProblem | None:
    """What keeps a controller from reaching this address; None where nothing is seen."""
    try:
        return reach_of_host(urlsplit(url).hostname or "")
    except ValueError:
        return LinkProblem.INTERNAL_NAME


def reach_of_host(host: str) -> LinkProblem | None:
    """As `reach_of`, of a name or an address alone."""
    host = host.rstrip(".")
    if host == "localhost" or host.endswith(".localhost"):
        return LinkProblem.THIS_MACHINE_ONLY
    try:
        address = ip_address(host)
    except ValueError:
        is_internal = "." not in host or host.endswith((".internal", ".local", ".localdomain"))
        return LinkProblem.INTERNAL_NAME if is_internal else None
    if address.is_loopback or address.is_unspecified or address.is_link_local:
        return LinkProblem.THIS_MACHINE_ONLY
    return LinkProblem.PRIVATE_ADDRESS if address.is_private else None


def findings_of_url(setting: str, url: str, *steps: tuple[LinkStepName, LinkStepName | None]) -> list[Finding]:
    """What a controller will trip over that is handed this address.

    Args:
        setting: whose value it is, for the detail; with the value itself, less a user name or a password.
        steps: the steps that need it, each with the one after which it is told for them, if any.
    """
    problem = reach_of(url)
    if problem is None:
        return []
    shown = shown_url(url)
    return [
        Finding(
            step=step,
            problem=problem,
            detail=f"{setting} = {shown}",
            # Controllers of one site are in its network, mostly.
            is_certain=problem is not LinkProblem.PRIVATE_ADDRESS,
            after=after,
        )
        for step, after in steps
    ]


def shown_url(url: str) -> str:
    """An address without user name, password, query and fragment."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "no address"
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()
