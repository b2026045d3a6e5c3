"""Accounts and rights at Mosquitto, by its dynamic-security plugin.

The scheme. Each connection has a client (its public id) with a role of its own, which allows what its serial numbers
may. All are in one group, whose roles are asked after the client's own: a base role, by which anyone may claim a serial
number (publish its status, subscribe to the replies) and read nothing, and fences, which deny that again for every
serial number that is bound. So whoever publishes for a bound serial number is the account that it is bound to.

Tried with 2.0.11: `modifyRole` holds at once and disconnects nobody. `addRoleACL`, `addClientRole`, `addGroupRole` and
`setClientPassword` disconnect whoever has the role (`addRoleACL` only after a restart of the broker, so that it seems
harmless), and so does `modifyClient` with roles, groups or a password. Hence roles are always written whole, and
clients only when their secret or their roles differ. The digest of the secret stands in the client's description: a
secret that was changed meanwhile is noticed.
"""

import asyncio
import json
import secrets
import zlib
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from ofh.backends.ports import BrokerAccount
from ofh.domain.errors import Code, HubError

CONTROL_TOPIC = "$CONTROL/dynamic-security/v1"
RESPONSE_TOPIC = "$CONTROL/dynamic-security/v1/response"

UP_TOPICS = ("osd", "state", "events", "requests", "services_reply", "property/set_reply", "drc/up")
DOWN_TOPICS = ("status_reply", "services", "events_reply", "requests_reply", "property/set", "drc/down")
GROUP = "ofh-controllers"
BASE_ROLE = "ofh-controllers"
OWN_ROLE_PREFIX = "ofh-connection-"
FENCES = 16
"""The denials are spread over this many roles, since one role is written by one message and that has a limit."""
FENCE_ROLES = tuple(f"ofh-fence-{number:02}" for number in range(FENCES))
FENCE_ATTEMPTS = 5
GROUP_ROLES = frozenset({(BASE_ROLE, 0), *((name, 1) for name in FENCE_ROLES)})
BATCH_BYTES = 100_000
"""Commands in one message; the broker takes 256 KiB."""

Command = dict[str, Any]
Acl = tuple[str, str, bool, int]
"""Type, topic, allowed, priority; the higher priority is asked first."""

log = structlog.get_logger(__name__)


def own_acls(serials: Iterable[str]) -> frozenset[Acl]:
    """What a connection may do with its serial numbers (dji-pilot-2, section 5.12)."""
    acls: set[Acl] = set()
    for serial in serials:
        up = [f"+/product/{serial}/status", *(f"thing/product/{serial}/{name}" for name in UP_TOPICS)]
        down = [f"sys/product/{serial}/status_reply", *(f"thing/product/{serial}/{name}" for name in DOWN_TOPICS)]
        acls.update(("publishClientSend", topic, True, 0) for topic in up)
        acls.update(("subscribeLiteral", topic, True, 0) for topic in down)
        # What may be received is what may be subscribed; one rule instead of seven, since the broker writes all rules
        # of all accounts to its file at every change.
        acls.add(("publishClientReceive", f"+/product/{serial}/#", True, 0))
    return frozenset(acls)


def serials_of(acls: Iterable[Acl]) -> frozenset[str]:
    """The serial numbers that `own_acls` was made from."""
    return frozenset(topic.split("/")[2] for kind, topic, _, _ in acls if kind == "publishClientReceive")


def base_acls() -> frozenset[Acl]:
    """What every connection may do with serial numbers that nobody has."""
    acls: set[Acl] = {
        ("publishClientReceive", "#", False, 0),
        ("publishClientSend", "sys/product/+/status", True, 0),
        ("publishClientSend", "thing/product/+/status", True, 0),
    }
    for topic in ("sys/product/+/status_reply", *(f"thing/product/+/{name}" for name in DOWN_TOPICS)):
        # Any one serial number, but not the wildcard itself.
        acls.add(("subscribePattern", topic, True, 0))
        acls.add(("subscribeLiteral", topic, False, 1))
    return frozenset(acls)


def fence_acls(serial: str) -> frozenset[Acl]:
    """What takes a bound serial number away from everybody whose own role does not allow it."""
    return frozenset(
        {
            ("publishClientSend", f"+/product/{serial}/status", False, 0),
            ("subscribePattern", f"+/product/{serial}/#", False, 0),
        }
    )


def fence_of(serial: str) -> str:
    """The role that holds the denials of a serial number."""
    return FENCE_ROLES[zlib.crc32(serial.encode()) % FENCES]


def hub_acls() -> frozenset[Acl]:
    """What the hub may do besides what the plugin's first account may."""
    return frozenset(("publishClientSend", topic, True, 0) for topic in ("sys/product/#", "thing/product/#", "ofh/#"))


def _to_json(acls: Iterable[Acl]) -> list[dict[str, Any]]:
    return [
        {"acltype": kind, "topic": topic, "allow": allow, "priority": priority}
        for kind, topic, allow, priority in sorted(acls)
    ]


def _role(name: str, acls: Iterable[Acl]) -> Command:
    return {"command": "modifyRole", "rolename": name, "acls": _to_json(acls)}


def _from_json(role: Mapping[str, Any]) -> frozenset[Acl]:
    return frozenset(
        (acl["acltype"], acl["topic"], acl["allow"], acl.get("priority", 0)) for acl in role.get("acls", [])
    )


class DynamicSecurityError(Exception):
    """The plugin refused a command that should have worked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Repairs:
    """What `reconcile` found different."""

    changed: tuple[str, ...]
    """Clients, roles and groups that were made, changed or removed."""
    locked_out: frozenset[str]
    """Accounts that cannot connect until their secret is at hand again."""
    spared: frozenset[str]
    """Accounts that differ and were left so, since somebody changed them after the last look: the next time."""


class DynamicSecurity:
    """Speaks with the plugin over a link that somebody else holds.

    Args:
        send: publishes to the control topic.
        username: the hub's own account.
        timeout_s: how long an answer may take.
    """

    def __init__(self, send: Callable[[str, bytes], Awaitable[None]], *, username: str, timeout_s: float) -> None:
        self._send = send
        self._username = username
        self._timeout_s = timeout_s
        self._tag = secrets.token_hex(6)
        self._count = 0
        self._awaited: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._lock = asyncio.Lock()
        self._secrets: dict[str, tuple[bytes, str]] = {}
        self._seen: dict[str, frozenset[Acl]] = {}

    def on_response(self, payload: bytes) -> None:
        """Take in what came on the response topic; answers to other processes are passed over."""
        try:
            responses = json.loads(payload)["responses"]
        except (ValueError, KeyError, TypeError):
            log.warning("dynamic security answered nonsense", size=len(payload))
            return
        for response in responses:
            waiting = self._awaited.pop(response.get("correlationData", ""), None)
            if waiting is not None and not waiting.done():
                waiting.set_result(response)

    async def prepare(self) -> None:
        """Give the hub's own account its rights and make the group and its roles, where they are missing."""
        async with self._lock:
            roles = await self._roles()
            client = (await self._ask({"command": "getClient", "username": self._username}))["client"]
            if not client["roles"]:
                raise DynamicSecurityError(f"the hub's account {self._username!r} has no role")
            held = {acl for role in client["roles"] for acl in _from_json(roles.get(role["rolename"], {}))}
            own = client["roles"][0]["rolename"]
            commands: list[Command] = []
            if hub_acls() - held:
                commands.append(_role(own, _from_json(roles[own]) | hub_acls()))
            commands += self._skeleton(roles, await self._group_roles())
            self._seen = _own_roles(roles)
            await self._run(commands)

    async def put(self, account: BrokerAccount) -> None:
        """Make or change an account; its new rights hold when this returns."""
        if account.secret is not None:
            self._secrets[account.name] = (account.secret_digest, account.secret)
        async with self._lock:
            role = OWN_ROLE_PREFIX + account.name
            asked = [{"command": "getRole", "rolename": role}, {"command": "getClient", "username": account.name}]
            held_role, held_client = await self._try(asked)
            commands = self._own_role(account, None if "error" in held_role else held_role["data"]["role"])
            client = None if "error" in held_client else held_client["data"]["client"]
            commands += self._client(account, client)[0]
            await self._run(commands)
            await self._fence(account.serials)
            self._secrets.pop(account.name, None)

    async def delete(self, name: str) -> None:
        """Remove an account; its session ends. Its serial numbers stay fenced until the next `reconcile`."""
        self._secrets.pop(name, None)
        async with self._lock:
            await self._run(
                [
                    {"command": "deleteClient", "username": name},
                    {"command": "deleteRole", "rolename": OWN_ROLE_PREFIX + name},
                ]
            )

    async def end_sessions(self, name: str) -> None:
        """Disconnect an account's client."""
        async with self._lock:
            await self._run([{"command": what, "username": name} for what in ("disableClient", "enableClient")])

    async def reconcile(self, accounts: Sequence[BrokerAccount]) -> Repairs:
        """Make the broker hold exactly these accounts. Clients outside our group are not touched.

        The accounts were read before the broker is asked, so an account that was made or bound between the two would be
        undone. Therefore rights are taken only from roles which stand as they stood at the last look (that of
        `prepare` or of the last `reconcile`), hence before the accounts were read.
        """
        async with self._lock:
            roles = await self._roles()
            listed = await self._ask({"command": "listClients", "verbose": True, "count": -1, "offset": 0})
            clients = {client["username"]: client for client in listed["clients"]}
            ours = {name for name, client in clients.items() if GROUP in _names(client, "groups", "groupname")}
            held = _own_roles(roles)
            wanted = {account.name: own_acls(account.serials) for account in accounts}
            spared = {name for name in held if held[name] != wanted.get(name) and held[name] != self._seen.get(name)}
            commands = self._skeleton(roles, await self._group_roles())
            locked_out: set[str] = set()
            serials = {serial for name in spared for serial in serials_of(held[name])}
            for account in accounts:
                serials |= account.serials
                if account.name in clients and account.name not in ours:
                    log.error("a foreign client at the broker has a connection's name", account=account.name)
                    locked_out.add(account.name)
                    continue
                if account.name not in spared:
                    commands += self._own_role(account, roles.get(OWN_ROLE_PREFIX + account.name))
                mended, works = self._client(account, clients.get(account.name))
                commands += mended
                if not works:
                    locked_out.add(account.name)
            fences: dict[str, set[Acl]] = {name: set() for name in FENCE_ROLES}
            for serial in serials:
                fences[fence_of(serial)] |= fence_acls(serial)
            commands += [_role(name, acls) for name, acls in fences.items() if acls != _from_json(roles.get(name, {}))]
            gone = (ours | held.keys()) - wanted.keys() - spared
            commands += [{"command": "deleteClient", "username": name} for name in sorted(gone & ours)]
            commands += [
                {"command": "deleteRole", "rolename": OWN_ROLE_PREFIX + name} for name in sorted(gone & held.keys())
            ]
            await self._run(commands)
            self._secrets.clear()
            self._seen = {**wanted, **{name: held[name] for name in spared}}
            changed = [str(one.get("username") or one.get("rolename") or one.get("groupname")) for one in commands]
            return Repairs(
                changed=tuple(dict.fromkeys(changed)), locked_out=frozenset(locked_out), spared=frozenset(spared)
            )

    async def _fence(self, serials: Iterable[str]) -> None:
        """Deny these serial numbers to everybody else.

        Another process may write the same fence between our reading and our writing; so look again, until all stands.
        What slips through even so is mended by the next `reconcile`.
        """
        wanted: dict[str, set[Acl]] = {}
        for serial in serials:
            wanted.setdefault(fence_of(serial), set()).update(fence_acls(serial))
        for _ in range(FENCE_ATTEMPTS):
            asked: list[Command] = [{"command": "getRole", "rolename": name} for name in wanted]
            held = {
                name: _from_json(response["data"]["role"]) if "data" in response else frozenset()
                for name, response in zip(wanted, await self._try(asked), strict=True)
            }
            commands = [_role(name, held[name] | acls) for name, acls in wanted.items() if not acls <= held[name]]
            if not commands:
                return
            await self._run(commands)
        raise DynamicSecurityError("the fences do not stand")

    async def _group_roles(self) -> frozenset[tuple[str, int]] | None:
        (response,) = await self._try([{"command": "getGroup", "groupname": GROUP}])
        if "error" in response:
            return None
        return frozenset((role["rolename"], role.get("priority", 0)) for role in response["data"]["group"]["roles"])

    @staticmethod
    def _skeleton(roles: Mapping[str, Any], group: frozenset[tuple[str, int]] | None) -> list[Command]:
        commands: list[Command] = []
        if BASE_ROLE not in roles:
            commands.append({"command": "createRole", "rolename": BASE_ROLE, "acls": _to_json(base_acls())})
        elif _from_json(roles[BASE_ROLE]) != base_acls():
            commands.append(_role(BASE_ROLE, base_acls()))
        commands += [{"command": "createRole", "rolename": name} for name in FENCE_ROLES if name not in roles]
        if group != GROUP_ROLES:
            held = [{"rolename": name, "priority": priority} for name, priority in sorted(GROUP_ROLES)]
            what = "createGroup" if group is None else "modifyGroup"
            commands.append({"command": what, "groupname": GROUP, "roles": held})
        return commands

    @staticmethod
    def _own_role(account: BrokerAccount, held: Mapping[str, Any] | None) -> list[Command]:
        wanted = own_acls(account.serials)
        if held is not None and _from_json(held) == wanted:
            return []
        command = _role(OWN_ROLE_PREFIX + account.name, wanted)
        return [command if held is not None else {**command, "command": "createRole"}]

    def _client(self, account: BrokerAccount, held: Mapping[str, Any] | None) -> tuple[list[Command], bool]:
        """Commands that mend the client, and whether it can connect afterwards."""
        digest = account.secret_digest.hex()
        secret = account.secret
        if secret is None and account.name in self._secrets and self._secrets[account.name][0] == account.secret_digest:
            secret = self._secrets[account.name][1]
        role = OWN_ROLE_PREFIX + account.name
        wanted: Command = {
            "username": account.name,
            "textdescription": digest,
            "roles": [{"rolename": role, "priority": 0}],
            "groups": [{"groupname": GROUP, "priority": 0}],
        }
        if held is None:
            if secret is None:
                return [], False
            return [{"command": "createClient", "password": secret, **wanted}], True
        stands = (
            held.get("textdescription") == digest
            and _names(held, "roles", "rolename") == {role}
            and _names(held, "groups", "groupname") == {GROUP}
        )
        if stands and not held.get("disabled", False):
            return [], True
        name = {"username": account.name}
        if held.get("textdescription") == digest:
            return [{"command": "modifyClient", **wanted}, {"command": "enableClient", **name}], True
        if secret is not None:
            mend = {"command": "modifyClient", "password": secret, **wanted}
            return [mend, {"command": "enableClient", **name}], True
        # The broker knows an older secret than we: nobody may come in by it.
        return ([] if held.get("disabled", False) else [{"command": "disableClient", **name}]), False

    async def _roles(self) -> dict[str, Any]:
        listed = await self._ask({"command": "listRoles", "verbose": True, "count": -1, "offset": 0})
        return {role["rolename"]: role for role in listed["roles"]}

    async def _ask(self, command: Command) -> dict[str, Any]:
        (response,) = await self._try([command])
        if "error" in response:
            raise DynamicSecurityError(f"{command['command']}: {response['error']}")
        data: dict[str, Any] = response["data"]
        return data

    async def _run(self, commands: Sequence[Command]) -> None:
        """Carry out; what is already so counts as done.

        Raises:
            DynamicSecurityError: some command was refused; the others were carried out.
        """
        responses = await self._try(commands)
        refused = [
            f"{command['command']}: {response['error']}"
            for command, response in zip(commands, responses, strict=True)
            if "error" in response and not _is_done_already(command["command"], response["error"])
        ]
        if refused:
            raise DynamicSecurityError("; ".join(refused[:5]))

    async def _try(self, commands: Sequence[Command]) -> list[dict[str, Any]]:
        """Send in batches and collect the answers in order."""
        responses: list[dict[str, Any]] = []
        batch: list[Command] = []
        size = 0
        for command in commands:
            self._count += 1
            command = {**command, "correlationData": f"{self._tag}-{self._count}"}
            length = len(json.dumps(command))
            if batch and size + length > BATCH_BYTES:
                responses += await self._exchange(batch)
                batch, size = [], 0
            batch.append(command)
            size += length
        if batch:
            responses += await self._exchange(batch)
        return responses

    async def _exchange(self, batch: Sequence[Command]) -> list[dict[str, Any]]:
        loop = asyncio.get_running_loop()
        waiting = {command["correlationData"]: loop.create_future() for command in batch}
        self._awaited.update(waiting)
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._send(CONTROL_TOPIC, json.dumps({"commands": batch}).encode())
                return [await answer for answer in waiting.values()]
        except TimeoutError:
            raise HubError(Code.UNAVAILABLE, "The MQTT broker does not answer. Try again in a moment.") from None
        finally:
            for key in waiting:
                self._awaited.pop(key, None)


def _own_roles(roles: Mapping[str, Any]) -> dict[str, frozenset[Acl]]:
    """Account name → what its own role allows."""
    return {
        name.removeprefix(OWN_ROLE_PREFIX): _from_json(role)
        for name, role in roles.items()
        if name.startswith(OWN_ROLE_PREFIX)
    }


def _names(holder: Mapping[str, Any], kind: str, key: str) -> set[str]:
    return {entry[key] for entry in holder.get(kind, [])}


def _is_done_already(command: str, error: str) -> bool:
    if command.startswith("delete"):
        return error.endswith("not found")
    # Another process may have made it a moment before, of the same accounts.
    return command in {"createRole", "createGroup", "createClient"} and error.endswith("already exists")
