"""A controller's way into the hub, step by step: how far a connection has come, where it is stuck, and what to do.

What was seen of a step is a `Record`: when it last went well and what last went wrong. `diagnose` turns the records
of a connection, what is wrong with the hub's own settings, and the time into what people read. A step that went well
proves those that it cannot do without, so an old failure of theirs no longer counts; one that should have followed
another long ago is told as missing, since a controller that cannot reach the hub cannot say so.

Hints are for somebody in the field with a controller in their hands: what is wrong, what to do.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum


class LinkStepName(StrEnum):
    """The steps, in the order in which a controller takes them."""

    PAGE_FETCHED = "PAGE_FETCHED"
    CREDENTIALS = "CREDENTIALS"
    LICENCE = "LICENCE"
    MQTT_LOGIN = "MQTT_LOGIN"
    TOPOLOGY = "TOPOLOGY"
    FIRST_REPORT = "FIRST_REPORT"
    WEBSOCKET = "WEBSOCKET"
    STORAGE_CREDENTIALS = "STORAGE_CREDENTIALS"
    FIRST_OBJECT = "FIRST_OBJECT"


class LinkStepState(StrEnum):
    """How a step stands."""

    WAITING = "WAITING"
    """Not seen yet."""
    OK = "OK"
    WARNING = "WARNING"
    """It works, and something about it is not as it should be."""
    FAILED = "FAILED"
    STALE = "STALE"
    """It went well once, and not since it should have been taken again."""
    SKIPPED = "SKIPPED"
    """Not seen, and not needed: what comes after it went well."""


class LinkProblem(StrEnum):
    """What may be wrong with a step."""

    UNKNOWN_ID = "UNKNOWN_ID"
    WRONG_SECRET = "WRONG_SECRET"  # noqa: S105 - a label
    TOO_MANY_ATTEMPTS = "TOO_MANY_ATTEMPTS"
    SETTINGS_NOT_FETCHED = "SETTINGS_NOT_FETCHED"
    NO_LICENCE = "NO_LICENCE"
    LICENCE_REFUSED = "LICENCE_REFUSED"
    THIS_MACHINE_ONLY = "THIS_MACHINE_ONLY"
    INTERNAL_NAME = "INTERNAL_NAME"
    PRIVATE_ADDRESS = "PRIVATE_ADDRESS"
    BROKER_LISTENS_HERE_ONLY = "BROKER_LISTENS_HERE_ONLY"
    PLAIN_HTTP = "PLAIN_HTTP"
    NO_MQTT_LOGIN = "NO_MQTT_LOGIN"
    ACCOUNT_MISSING = "ACCOUNT_MISSING"
    NO_TOPOLOGY = "NO_TOPOLOGY"
    NOT_ANNOUNCED = "NOT_ANNOUNCED"
    UNREADABLE = "UNREADABLE"
    CONTROLLER_ELSEWHERE = "CONTROLLER_ELSEWHERE"
    AIRCRAFT_ELSEWHERE = "AIRCRAFT_ELSEWHERE"
    TOO_MANY_SERIALS = "TOO_MANY_SERIALS"
    REPLY_NOT_SENT = "REPLY_NOT_SENT"
    REPLY_NOT_HEARD = "REPLY_NOT_HEARD"
    NO_REPORT = "NO_REPORT"
    CLOCK_OFF = "CLOCK_OFF"
    HUB_CLOCK_OFF = "HUB_CLOCK_OFF"
    NO_WEBSOCKET = "NO_WEBSOCKET"
    DEAD_TOKEN = "DEAD_TOKEN"  # noqa: S105 - a label
    OTHER_WORKSPACE = "OTHER_WORKSPACE"
    STORAGE_AWAY = "STORAGE_AWAY"
    BAD_SIGNATURE = "BAD_SIGNATURE"
    OUTSIDE_GRANT = "OUTSIDE_GRANT"
    GRANT_EXPIRED = "GRANT_EXPIRED"
    CLOCK_REFUSED = "CLOCK_REFUSED"
    FOREIGN_KEY = "FOREIGN_KEY"
    OBJECT_MISSING = "OBJECT_MISSING"
    UPLOAD_FAILED = "UPLOAD_FAILED"
    NO_OBJECT = "NO_OBJECT"


HINTS: Mapping[LinkProblem, str] = {
    LinkProblem.UNKNOWN_ID: "Somebody tried to log in with a connection id that is almost this one. Type it again, "
    "letter by letter: capitals count.",
    LinkProblem.WRONG_SECRET: "The connection id is right, the secret is not. Type it again; if it is lost or was "
    "renewed, an administrator makes a new one.",
    LinkProblem.TOO_MANY_ATTEMPTS: "There were too many failed log-ins. Wait a quarter of an hour, then try once more "
    "with the right secret.",
    LinkProblem.SETTINGS_NOT_FETCHED: "The page logged in and stopped there. Close it and open it again; on an old "
    "controller update DJI Pilot 2 first.",
    LinkProblem.NO_LICENCE: "The hub has no DJI licence, without which Pilot 2 refuses everything. Register a Cloud "
    "API app at developer.dji.com and give the hub its id, key and licence.",
    LinkProblem.LICENCE_REFUSED: "Pilot 2 does not accept the hub's DJI licence. Compare app id, key and licence with "
    "developer.dji.com, and give the controller internet access for the first time.",
    LinkProblem.THIS_MACHINE_ONLY: "A controller that is given this address looks for the hub in itself. Set it to a "
    "name or an address at which controllers reach the hub.",
    LinkProblem.INTERNAL_NAME: "This name is known only within the hub's own network, as that of a container. Set it "
    "to a name or an address at which controllers reach the hub.",
    LinkProblem.PRIVATE_ADDRESS: "This address can be reached only from the hub's own network. Bring the controller "
    "into that network, or use a public name.",
    LinkProblem.BROKER_LISTENS_HERE_ONLY: "The MQTT broker listens to its own machine alone. Let it listen to the "
    "network as well, by OFH_MQTT_HOST.",
    LinkProblem.PLAIN_HTTP: "The hub is reached by plain http, which DJI Pilot 2 before version 6.1 does not use for "
    "this. Update Pilot 2, or serve the hub by https.",
    LinkProblem.NO_MQTT_LOGIN: "The page has its settings, but the controller has not come to the MQTT broker. See "
    "on the page whether Pilot 2 took the licence; then whether the broker's port is open to the controller.",
    LinkProblem.ACCOUNT_MISSING: "The MQTT broker has lost this connection's account. Log in on the controller's page "
    "again, which makes it anew.",
    LinkProblem.NO_TOPOLOGY: "The controller is at the MQTT broker and has not told which devices it has. Leave the "
    "cloud service in Pilot 2 and enter it again.",
    LinkProblem.NOT_ANNOUNCED: "Reports come from a device that no topology of this controller has named, so they "
    "are dropped. Leave the cloud service in Pilot 2 and enter it again.",
    LinkProblem.UNREADABLE: "The controller says something that the hub cannot read. Update DJI Pilot 2 and the hub; "
    "if that does not help, report it with the hub's log.",
    LinkProblem.CONTROLLER_ELSEWHERE: "This controller is online in another workspace. Leave the cloud service there "
    "first, then wait a minute.",
    LinkProblem.AIRCRAFT_ELSEWHERE: "The aircraft is online in another workspace, by another controller. Switch it "
    "off there, then wait a minute.",
    LinkProblem.TOO_MANY_SERIALS: "This connection has announced more devices than one controller can have. Make a "
    "connection for each controller.",
    LinkProblem.REPLY_NOT_SENT: "The hub could not answer the controller, because the MQTT broker is away. See "
    "`ofh doctor` on the hub.",
    LinkProblem.REPLY_NOT_HEARD: "The controller repeats itself as if it did not hear the hub's answer. Let the MQTT "
    "broker allow it to read sys/product/…/status_reply, and no other hub answer in its place.",
    LinkProblem.NO_REPORT: "The controller has announced its devices and reports nothing. Leave the cloud service in "
    "Pilot 2 and enter it again; keep Pilot 2 in the foreground.",
    LinkProblem.CLOCK_OFF: "The device's clock is wrong, so the hub goes by its own. Set the controller's date and "
    "time; if every controller shows this, the hub's clock is the wrong one.",
    LinkProblem.HUB_CLOCK_OFF: "The hub's own clock is wrong. Let its machine take the time from the network.",
    LinkProblem.NO_WEBSOCKET: "The controller has not opened its websocket, so it does not see others' aircraft. A "
    "proxy before the hub has to pass websockets on; then reload the page on the controller.",
    LinkProblem.DEAD_TOKEN: "The controller came with a token that has ended. Open the page on it again, which gives "
    "it a new one.",
    LinkProblem.OTHER_WORKSPACE: "The controller asks for another workspace, or by an id that was reset. Open the "
    "page on it again.",
    LinkProblem.STORAGE_AWAY: "The hub's object storage does not answer, so nothing can be uploaded. See `ofh doctor` "
    "on the hub; the controller tries again by itself.",
    LinkProblem.BAD_SIGNATURE: "The signature of an upload is wrong. Mostly a proxy changes the host name or the path "
    "on the way to the storage: let it pass both on as they are.",
    LinkProblem.OUTSIDE_GRANT: "An upload was meant for a place that the controller has no right to. Open the page on "
    "it again; if the workspace's id was reset, it still used the old one.",
    LinkProblem.GRANT_EXPIRED: "An upload came with credentials that have ended. The controller asks for new ones; if "
    "it does not, open the page on it again, and look at its clock.",
    LinkProblem.CLOCK_REFUSED: "The controller's clock is off by more than a quarter of an hour, so its uploads are "
    "refused. Set its date and time.",
    LinkProblem.FOREIGN_KEY: "The controller reported a file outside of its own workspace's place, so it was not "
    "taken. Open the page on it again.",
    LinkProblem.OBJECT_MISSING: "The controller reported a file that is not in the storage. Let it upload the file "
    "again; with an outside storage compare the bucket's name.",
    LinkProblem.UPLOAD_FAILED: "The controller says that an upload failed. Look at its network; it tries again by "
    "itself.",
    LinkProblem.NO_OBJECT: "The controller has its upload credentials, and no file has come. It cannot reach the "
    "storage's address, or a proxy changes host name or path on the way.",
}

NEXT: Mapping[LinkStepName, str] = {
    LinkStepName.PAGE_FETCHED: "Open the hub's page on the controller: Pilot 2, Cloud Service, Open Platforms.",
    LinkStepName.CREDENTIALS: "Log in on the page with the connection id and its secret.",
    LinkStepName.LICENCE: "The page fetches its settings after the log-in.",
    LinkStepName.MQTT_LOGIN: "The controller logs in to the MQTT broker when the page has its settings.",
    LinkStepName.TOPOLOGY: "The controller tells which devices it has when it has come to the MQTT broker.",
    LinkStepName.FIRST_REPORT: "The controller's first report follows within seconds.",
    LinkStepName.WEBSOCKET: "The page opens the websocket after the MQTT log-in.",
    LinkStepName.STORAGE_CREDENTIALS: "The controller asks for them when it has a photo to upload.",
    LinkStepName.FIRST_OBJECT: "Take a photo; Pilot 2 uploads it by itself if the page told it to.",
}
"""What a step waits for."""

TITLES: Mapping[LinkStepName, str] = {
    LinkStepName.PAGE_FETCHED: "Page opened",
    LinkStepName.CREDENTIALS: "Logged in on the page",
    LinkStepName.LICENCE: "Licence and settings",
    LinkStepName.MQTT_LOGIN: "Logged in to MQTT",
    LinkStepName.TOPOLOGY: "Devices announced",
    LinkStepName.FIRST_REPORT: "First report",
    LinkStepName.WEBSOCKET: "Websocket",
    LinkStepName.STORAGE_CREDENTIALS: "Upload credentials",
    LinkStepName.FIRST_OBJECT: "First file",
}

TOLERABLE = frozenset(
    {
        LinkProblem.CLOCK_OFF,
        LinkProblem.AIRCRAFT_ELSEWHERE,
        LinkProblem.NOT_ANNOUNCED,
        LinkProblem.NO_LICENCE,
        LinkProblem.REPLY_NOT_HEARD,
    }
)
"""With these a step may work all the same; and that later ones go well proves nothing against them."""
INCLUDES_SUCCESS = frozenset({LinkProblem.CLOCK_OFF, LinkProblem.AIRCRAFT_ELSEWHERE})
"""Seen in a step that was taken."""

_PROVES: Mapping[LinkStepName, tuple[LinkStepName, ...]] = {
    LinkStepName.CREDENTIALS: (LinkStepName.PAGE_FETCHED,),
    LinkStepName.LICENCE: (LinkStepName.PAGE_FETCHED, LinkStepName.CREDENTIALS),
    LinkStepName.MQTT_LOGIN: (LinkStepName.CREDENTIALS,),
    LinkStepName.TOPOLOGY: (LinkStepName.CREDENTIALS, LinkStepName.MQTT_LOGIN),
    # Not the topology: a controller may report for itself as soon as its page has told its serial number.
    LinkStepName.FIRST_REPORT: (LinkStepName.CREDENTIALS, LinkStepName.MQTT_LOGIN),
    LinkStepName.FIRST_OBJECT: (LinkStepName.STORAGE_CREDENTIALS,),
}
"""What could not have been without which: a client that is no Pilot needs neither page nor licence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Expectation:
    """That a step follows another."""

    after: LinkStepName
    within: timedelta
    problem: LinkProblem
    """Where it does not."""
    each_time: bool
    """Whether it follows every time, or need have gone well only once."""


_EXPECTED: Mapping[LinkStepName, _Expectation] = {
    LinkStepName.LICENCE: _Expectation(
        after=LinkStepName.CREDENTIALS,
        within=timedelta(seconds=60),
        problem=LinkProblem.SETTINGS_NOT_FETCHED,
        each_time=True,
    ),
    LinkStepName.MQTT_LOGIN: _Expectation(
        after=LinkStepName.LICENCE, within=timedelta(seconds=60), problem=LinkProblem.NO_MQTT_LOGIN, each_time=True
    ),
    LinkStepName.TOPOLOGY: _Expectation(
        after=LinkStepName.MQTT_LOGIN, within=timedelta(seconds=30), problem=LinkProblem.NO_TOPOLOGY, each_time=True
    ),
    LinkStepName.FIRST_REPORT: _Expectation(
        after=LinkStepName.TOPOLOGY, within=timedelta(seconds=60), problem=LinkProblem.NO_REPORT, each_time=True
    ),
    # A page that is opened again finds its websocket open, and credentials are asked for long before an upload.
    LinkStepName.WEBSOCKET: _Expectation(
        after=LinkStepName.MQTT_LOGIN, within=timedelta(seconds=60), problem=LinkProblem.NO_WEBSOCKET, each_time=False
    ),
    LinkStepName.FIRST_OBJECT: _Expectation(
        after=LinkStepName.STORAGE_CREDENTIALS,
        within=timedelta(seconds=120),
        problem=LinkProblem.NO_OBJECT,
        each_time=False,
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What was seen of one step of one connection."""

    done_at: datetime | None = None
    """When it last went well."""
    failed_at: datetime | None = None
    """When it last did not."""
    problem: LinkProblem | None = None
    """As long as it has not gone well since."""
    detail: str = ""
    """What was seen, without secrets."""

    def then(self, news: "Record") -> "Record":
        """This record with what was seen after it; the times decide where several processes see the same step."""
        done_at, failed_at = _latest(self.done_at, news.done_at), _latest(self.failed_at, news.failed_at)
        if news.problem is not None and _is_by(self.done_at, news.failed_at) and failed_at == news.failed_at:
            return replace(news, done_at=done_at, failed_at=failed_at)
        if self.problem is not None and news.done_at is not None and _is_by(self.failed_at, news.done_at):
            return Record(done_at=done_at, failed_at=failed_at)
        return replace(self, done_at=done_at, failed_at=failed_at)


def went_well(at: datetime) -> Record:
    """A step that was taken."""
    return Record(done_at=at)


def went_wrong(at: datetime, problem: LinkProblem, detail: str = "") -> Record:
    """A step that was not, or not as it should be."""
    done_at = at if problem in INCLUDES_SUCCESS else None
    return Record(done_at=done_at, failed_at=at, problem=problem, detail=detail)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something about the hub's own settings that a controller will trip over."""

    step: LinkStepName
    problem: LinkProblem
    detail: str
    is_certain: bool = True
    """False: it explains a step that is missing, and is no reason to miss one."""
    after: LinkStepName | None = None
    """Only where this step went well: the same setting was named for an earlier one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkStep:
    """How one step stands."""

    name: LinkStepName
    state: LinkStepState
    at: datetime | None = None
    """When it last went well; where it does not, when that was last seen."""
    problem: LinkProblem | None = None
    detail: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """How a connection stands, all in all."""

    workspace_id: int
    connection_id: int
    state: LinkStepState
    """Of the step that matters most."""
    summary: str
    steps: tuple[LinkStep, ...]


Records = Mapping[LinkStepName, Record]


def diagnose(
    records: Records, findings: Sequence[Finding], now: datetime, *, workspace_id: int, connection_id: int
) -> Diagnosis:
    """How a connection stands.

    Args:
        records: what was seen; steps that were never seen may be missing.
        findings: what is wrong with the hub's settings.
    """
    went = {name: _proven_at(name, records) for name in LinkStepName}
    steps = tuple(_step(name, records, went, findings, now) for name in LinkStepName)
    state, summary = _summary(steps)
    return Diagnosis(workspace_id=workspace_id, connection_id=connection_id, state=state, summary=summary, steps=steps)


def next_change(records: Records, now: datetime) -> datetime | None:
    """When time alone will next change a diagnosis; None where it will not."""
    due = [
        done + expected.within
        for expected in _EXPECTED.values()
        if (done := records.get(expected.after, Record()).done_at) is not None
    ]
    return min((at for at in due if at > now), default=None)


def _step(
    name: LinkStepName,
    records: Records,
    went: Mapping[LinkStepName, datetime | None],
    findings: Sequence[Finding],
    now: datetime,
) -> LinkStep:
    record, went_at = records.get(name, Record()), went[name]
    if record.problem is not None:
        if record.problem in TOLERABLE:
            works = _works(name, record, went)
            return _wrong(name, LinkStepState.WARNING if works else LinkStepState.FAILED, record)
        if _is_by(went_at, record.failed_at):
            return _wrong(name, LinkStepState.FAILED, record)
    ours = [
        finding
        for finding in findings
        if finding.step is name and (finding.after is None or went[finding.after] is not None)
    ]
    certain = next((finding for finding in ours if finding.is_certain), None)
    missing = _missing(name, records, went_at, now)
    if missing is not None:
        known = certain or (ours[0] if ours else None)
        problem, detail = (missing.problem, "") if known is None else (known.problem, known.detail)
        state = LinkStepState.FAILED if went_at is None else LinkStepState.STALE
        return LinkStep(name=name, state=state, at=went_at, problem=problem, detail=detail, hint=HINTS[problem])
    if went_at is not None:
        return LinkStep(name=name, state=LinkStepState.OK, at=went_at)
    if certain is not None:
        is_skipped = certain.problem in TOLERABLE and _is_skipped(name, went)
        return LinkStep(
            name=name,
            state=LinkStepState.WARNING if is_skipped else LinkStepState.FAILED,
            problem=certain.problem,
            detail=certain.detail,
            hint=HINTS[certain.problem],
        )
    if _is_skipped(name, went):
        return LinkStep(name=name, state=LinkStepState.SKIPPED)
    return LinkStep(name=name, state=LinkStepState.WAITING, hint=NEXT[name])


def _works(name: LinkStepName, record: Record, went: Mapping[LinkStepName, datetime | None]) -> bool:
    """Whether something comes of a step in spite of its problem."""
    if record.problem is LinkProblem.REPLY_NOT_HEARD:
        reported_at = went[LinkStepName.FIRST_REPORT]
        return reported_at is not None and _is_by(record.failed_at, reported_at + SAME_TIME)
    return went[name] is not None or _is_skipped(name, went)


def _wrong(name: LinkStepName, state: LinkStepState, record: Record) -> LinkStep:
    assert record.problem is not None
    return LinkStep(
        name=name,
        state=state,
        at=record.failed_at,
        problem=record.problem,
        detail=record.detail,
        hint=HINTS[record.problem],
    )


def _missing(name: LinkStepName, records: Records, went_at: datetime | None, now: datetime) -> _Expectation | None:
    """The expectation that a step has not met in time."""
    expected = _EXPECTED.get(name)
    if expected is None or (went_at is not None and not expected.each_time):
        return None
    before = records.get(expected.after, Record())
    if before.done_at is None or (before.problem is not None and before.problem not in TOLERABLE):
        return None
    # What went well just before counts: the order in which processes note two steps is not that of the steps.
    is_met = went_at is not None and went_at >= before.done_at - SAME_TIME
    return None if is_met or now < before.done_at + expected.within else expected


SAME_TIME = timedelta(seconds=65)
"""A step that goes well all the time is noted once a minute."""


def _proven_at(name: LinkStepName, records: Records) -> datetime | None:
    """When the step last went well, by its own record or by that of one which needs it."""
    at = records.get(name, Record()).done_at
    for later, proven in _PROVES.items():
        if name in proven:
            at = _latest(at, records.get(later, Record()).done_at)
    return at


def _is_skipped(name: LinkStepName, went: Mapping[LinkStepName, datetime | None]) -> bool:
    """Whether a client came further without this step, as one does that is no Pilot."""
    by_page = name in (LinkStepName.PAGE_FETCHED, LinkStepName.LICENCE)
    return by_page and went[LinkStepName.MQTT_LOGIN] is not None


def _summary(steps: Sequence[LinkStep]) -> tuple[LinkStepState, str]:
    for state in (LinkStepState.FAILED, LinkStepState.STALE, LinkStepState.WARNING):
        step = next((step for step in steps if step.state is state), None)
        if step is not None:
            start = "It works, but" if state is LinkStepState.WARNING else "Stuck at"
            detail = f" ({step.detail})" if step.detail else ""
            return state, f"{start} “{TITLES[step.name]}”: {step.hint}{detail}"
    waiting = next((step for step in steps if step.state is LinkStepState.WAITING), None)
    if waiting is None:
        return LinkStepState.OK, "Every step went well."
    if waiting.name in (LinkStepName.STORAGE_CREDENTIALS, LinkStepName.FIRST_OBJECT):
        return LinkStepState.OK, f"The controller is connected and reports. {waiting.hint}"
    if all(step.state is LinkStepState.WAITING for step in steps):
        return LinkStepState.WAITING, f"Nothing has been heard of this controller yet. {waiting.hint}"
    return LinkStepState.WAITING, f"Nothing is wrong so far. Next is “{TITLES[waiting.name]}”: {waiting.hint}"


def likeness(public_id: str) -> str:
    """A form in which ids are equal that people confuse when they type them."""
    text = public_id.strip().casefold().removeprefix("c-").replace("-", "").replace("_", "").replace(" ", "")
    return text.replace("0", "o").replace("1", "l").replace("i", "l")


def _latest(one: datetime | None, other: datetime | None) -> datetime | None:
    return max((at for at in (one, other) if at is not None), default=None)


def _is_by(one: datetime | None, other: datetime | None) -> bool:
    """Whether the one is not later than the other; what never was is earlier than all."""
    return one is None or (other is not None and one <= other)
