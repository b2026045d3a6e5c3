"""What can be changed, by whom; every refusal with the code of security.md, section 2."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from ofh.domain.actors import Actor, Role
from ofh.services.codes import Purpose
from ofh.store.models import (
    AccessToken,
    Alert,
    AlertRule,
    AuditEntry,
    Connection,
    Drone,
    Membership,
    User,
    UserSession,
    Workspace,
)
from tests.integration.graphql_api.world import PASSWORD, Api, World

MISSING = "999999999999999999"


@dataclass(frozen=True)
class Act:
    """A mutation within a workspace."""

    document: str
    variables: Callable[[World], dict[str, Any]]
    least: Role
    """The lowest role that may."""
    ids: tuple[str, ...]
    """The arguments that are ids, that which says of what first."""
    texts: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """The arguments that are texts, with values that are refused beside U+0000."""


NAMES = ("", "   ", "x" * 256, "é" * 128, "a\nb")

ACTS = {
    "updateWorkspace": Act(
        "mutation ($id: ID!, $name: String) { updateWorkspace(id: $id, name: $name) { id name role } }",
        lambda world: {"id": str(world.workspace.id), "name": "East"},
        Role.ADMIN,
        ("id",),
        {"name": NAMES},
    ),
    "deleteWorkspace": Act(
        "mutation ($id: ID!) { deleteWorkspace(id: $id) }",
        lambda world: {"id": str(world.workspace.id)},
        Role.OWNER,
        ("id",),
    ),
    "resetWorkspaceUuid": Act(
        "mutation ($id: ID!) { resetWorkspaceUuid(id: $id) { id uuid } }",
        lambda world: {"id": str(world.workspace.id)},
        Role.ADMIN,
        ("id",),
    ),
    "inviteMember": Act(
        "mutation ($w: ID!, $email: String!, $role: WorkspaceRole!) "
        "{ inviteMember(workspaceId: $w, email: $email, role: $role) { user { id name } role email since } }",
        lambda world: {"w": str(world.workspace.id), "email": "new@example.com", "role": "MEMBER"},
        Role.ADMIN,
        ("w",),
        {"email": ("", "x", "@", "a@", "x" * 256 + "@example.com", "a b@example.com")},
    ),
    "removeMember": Act(
        "mutation ($w: ID!, $user: ID!) { removeMember(workspaceId: $w, userId: $user) }",
        lambda world: {"w": str(world.workspace.id), "user": str(world.people[Role.ADMIN].user_id)},
        Role.ADMIN,
        ("w", "user"),
    ),
    "changeMemberRole": Act(
        "mutation ($w: ID!, $user: ID!, $role: WorkspaceRole!) "
        "{ changeMemberRole(workspaceId: $w, userId: $user, role: $role) { user { id } role } }",
        lambda world: {
            "w": str(world.workspace.id),
            "user": str(world.people[Role.VIEWER].user_id),
            "role": "MEMBER",
        },
        Role.ADMIN,
        ("w", "user"),
    ),
    "createConnection": Act(
        "mutation ($w: ID!, $name: String!) "
        "{ createConnection(workspaceId: $w, name: $name) { connection { id name } connectionId secret } }",
        lambda world: {"w": str(world.workspace.id), "name": "Van 2"},
        Role.ADMIN,
        ("w",),
        {"name": NAMES},
    ),
    "deleteConnection": Act(
        "mutation ($id: ID!) { deleteConnection(id: $id) }",
        lambda world: {"id": str(world.connection.id)},
        Role.ADMIN,
        ("id",),
    ),
    "rotateConnectionSecret": Act(
        "mutation ($id: ID!) { rotateConnectionSecret(id: $id) { connection { id name } connectionId secret } }",
        lambda world: {"id": str(world.connection.id)},
        Role.ADMIN,
        ("id",),
    ),
    "renameDrone": Act(
        "mutation ($id: ID!, $name: String!) { renameDrone(id: $id, name: $name) { id name } }",
        lambda world: {"id": str(world.drone.id), "name": "Kestrel"},
        Role.MEMBER,
        ("id",),
        {"name": NAMES},
    ),
    "acknowledgeAlert": Act(
        "mutation ($id: ID!) { acknowledgeAlert(id: $id) { id acknowledgedAt acknowledgedBy { id } } }",
        lambda world: {"id": str(world.alert.id)},
        Role.MEMBER,
        ("id",),
    ),
    "createAlertRule": Act(
        "mutation ($w: ID!, $name: String!) { createAlertRule(workspaceId: $w, kind: HEIGHT, name: $name) { id } }",
        lambda world: {"w": str(world.workspace.id), "name": "High"},
        Role.ADMIN,
        ("w",),
        {"name": NAMES},
    ),
    "updateAlertRule": Act(
        "mutation ($id: ID!, $name: String) { updateAlertRule(id: $id, name: $name, threshold: 30) { id } }",
        lambda world: {"id": str(world.rule.id), "name": "Empty"},
        Role.ADMIN,
        ("id",),
        {"name": NAMES},
    ),
    "deleteAlertRule": Act(
        "mutation ($id: ID!) { deleteAlertRule(id: $id) }",
        lambda world: {"id": str(world.rule.id)},
        Role.ADMIN,
        ("id",),
    ),
}
ARGUMENT = {"w": "workspaceId", "user": "userId"}
RANKS = [Role.VIEWER, Role.MEMBER, Role.ADMIN, Role.OWNER]

each_act = pytest.mark.parametrize("name", list(ACTS))


@each_act
async def test_who_is_not_allowed_to_is_told_and_nothing_changes(api: Api, world: World, name: str) -> None:
    act = ACTS[name]
    variables = act.variables(world)
    before = await everything()

    anonymous = await api.ask(None, act.document, **variables)
    assert anonymous.codes == ["UNAUTHENTICATED"]
    malformed = await api.ask(None, act.document, **{**variables, act.ids[0]: "x"})
    assert malformed.codes == ["UNAUTHENTICATED"]

    hidden = await api.ask(world.stranger, act.document, **variables)
    missing = await api.ask(world.stranger, act.document, **{**variables, act.ids[0]: MISSING})
    assert hidden.codes == ["GONE"]
    assert hidden == missing

    for role in RANKS[: RANKS.index(act.least)]:
        refused = await api.ask(world.people[role], act.document, **variables)
        assert refused.codes == ["FORBIDDEN"], role
    assert await everything() == before


@each_act
async def test_malformed_ids_and_texts_are_bad_input(api: Api, world: World, name: str) -> None:
    act = ACTS[name]
    variables = act.variables(world)
    before = await everything()
    for key in act.ids:
        for value in ("", "0", "-1", "1.5", "9" * 19, "1\0"):
            answer = await api.ask(world.owner, act.document, **{**variables, key: value})
            assert answer.codes == ["BAD_INPUT"], (key, value)
            assert answer.fields == {ARGUMENT.get(key, key)}
    for key, values in act.texts.items():
        for value in (*values, "a\0b", "\ud800"):
            answer = await api.ask(world.owner, act.document, **{**variables, key: value})
            assert answer.codes == ["BAD_INPUT"], (key, value)
            assert answer.fields == {key}
    assert await everything() == before


async def everything() -> list[Any]:
    """What mutations change."""
    return [
        sorted(await Workspace.all().values_list("id", "name", "uuid")),
        sorted(await Membership.all().values_list("workspace_id", "user_id", "role")),
        sorted(await Connection.all().values_list("id", "name", "secret_digest")),
        sorted(await Drone.all().values_list("id", "name")),
        sorted(await User.all().values_list("id", "name", "email")),
        sorted(await AlertRule.all().values_list("id", "name", "enabled", "threshold")),
        sorted(await Alert.all().values_list("id", "acknowledged_by_id", "open_key")),
    ]


# Workspaces


async def test_who_makes_a_workspace_owns_it(api: Api, world: World) -> None:
    answer = await api.ask(
        world.member,
        """mutation ($name: String!) {
            createWorkspace(name: $name) { id uuid name role members { user { id } role } } }""",
        name=" Harbour ",
    )
    assert answer.errors == []
    made = answer.data["createWorkspace"]
    assert (made["name"], made["role"]) == ("Harbour", "OWNER")
    assert made["members"] == [{"user": {"id": str(world.member.user_id)}, "role": "OWNER"}]


async def test_a_workspace_needs_a_name_and_a_session(api: Api, world: World) -> None:
    document = "mutation ($name: String!) { createWorkspace(name: $name) { id } }"
    assert (await api.ask(None, document, name="A")).codes == ["UNAUTHENTICATED"]
    for name in (*NAMES, "a\0"):
        answer = await api.ask(world.member, document, name=name)
        assert (answer.codes, answer.fields) == (["BAD_INPUT"], {"name"})


async def test_a_workspace_is_renamed(api: Api, world: World) -> None:
    act = ACTS["updateWorkspace"]
    answer = await api.ask(world.people[Role.ADMIN], act.document, **act.variables(world))
    assert answer.data == {"updateWorkspace": {"id": str(world.workspace.id), "name": "East", "role": "ADMIN"}}


async def test_a_name_left_out_stays_and_null_is_bad_input(api: Api, world: World) -> None:
    document = ACTS["updateWorkspace"].document
    kept = await api.ask(world.owner, document, id=str(world.workspace.id))
    assert kept.data["updateWorkspace"]["name"] == "North"
    refused = await api.ask(world.owner, document, id=str(world.workspace.id), name=None)
    assert (refused.codes, refused.fields) == (["BAD_INPUT"], {"name"})


HISTORY = "mutation ($id: ID!, $days: Int) { updateWorkspace(id: $id, historyDays: $days) { name historyDays } }"


async def test_how_long_history_is_kept_is_set_and_cleared_by_administrators(api: Api, world: World) -> None:
    admin, name, variables = world.people[Role.ADMIN], world.workspace.name, {"id": str(world.workspace.id)}
    for days in (1, 36_500, None):
        answer = await api.ask(admin, HISTORY, days=days, **variables)
        assert answer.data == {"updateWorkspace": {"name": name, "historyDays": days}}
    await api.ask(admin, HISTORY, days=30, **variables)
    kept = await api.ask(admin, HISTORY, **variables)
    assert kept.data == {"updateWorkspace": {"name": name, "historyDays": 30}}
    for days in (0, -1, 36_501):
        refused = await api.ask(admin, HISTORY, days=days, **variables)
        assert (refused.codes, refused.fields) == (["BAD_INPUT"], {"historyDays"})
    assert (await api.ask(world.people[Role.MEMBER], HISTORY, days=9, **variables)).codes == ["FORBIDDEN"]
    assert (await api.ask(world.stranger, HISTORY, days=9, **variables)).codes == ["GONE"]
    entries = await AuditEntry.filter(action="workspace history changed").order_by("id")
    assert [entry.object.partition(" ")[2] for entry in entries] == [
        "default to 1 days",
        "1 to 36500 days",
        "36500 to default days",
        "default to 30 days",
    ]


async def test_a_uuid_is_reset(api: Api, world: World) -> None:
    act = ACTS["resetWorkspaceUuid"]
    answer = await api.ask(world.people[Role.ADMIN], act.document, **act.variables(world))
    assert answer.errors == []
    assert answer.data["resetWorkspaceUuid"]["uuid"] != str(world.workspace.uuid)


async def test_a_deleted_workspace_is_gone_with_all_of_it(api: Api, world: World) -> None:
    act = ACTS["deleteWorkspace"]
    answer = await api.ask(world.owner, act.document, **act.variables(world))
    assert answer.data == {"deleteWorkspace": True}
    ids = {"w": str(world.workspace.id), "d": str(world.drone.id), "c": str(world.connection.id)}
    look = (
        "query ($w: ID!, $d: ID!, $c: ID!) { workspace(id: $w) { id } drone(id: $d) { id } connection(id: $c) { id } }"
    )
    answer = await api.ask(world.owner, look, **ids)
    assert answer.data == {"workspace": None, "drone": None, "connection": None}
    assert (await api.ask(world.owner, act.document, **act.variables(world))).codes == ["GONE"]


# Members


async def test_an_invited_person_is_a_member_at_once(api: Api, world: World) -> None:
    act = ACTS["inviteMember"]
    answer = await api.ask(world.people[Role.ADMIN], act.document, **act.variables(world))
    assert answer.errors == []
    member = answer.data["inviteMember"]
    assert (member["role"], member["email"], member["user"]["name"]) == ("MEMBER", "new@example.com", "new")
    again = await api.ask(world.people[Role.ADMIN], act.document, **act.variables(world))
    assert again.codes == ["CONFLICT"]


async def test_only_an_owner_makes_owners(api: Api, world: World) -> None:
    invite, change = ACTS["inviteMember"], ACTS["changeMemberRole"]
    for act in (invite, change):
        variables = {**act.variables(world), "role": "OWNER"}
        assert (await api.ask(world.people[Role.ADMIN], act.document, **variables)).codes == ["FORBIDDEN"]
        assert (await api.ask(world.owner, act.document, **variables)).errors == []


async def test_a_role_changes_and_shows_at_once(api: Api, world: World) -> None:
    act = ACTS["changeMemberRole"]
    answer = await api.ask(world.people[Role.ADMIN], act.document, **act.variables(world))
    assert answer.data["changeMemberRole"]["role"] == "MEMBER"
    unknown = await api.ask(world.owner, act.document, **{**act.variables(world), "role": "KING"})
    assert unknown.codes == ["BAD_INPUT"]


async def test_the_last_owner_can_neither_leave_nor_be_lowered(api: Api, world: World) -> None:
    ids = {"w": str(world.workspace.id), "user": str(world.owner.user_id)}
    assert (await api.ask(world.owner, ACTS["removeMember"].document, **ids)).codes == ["CONFLICT"]
    assert (await api.ask(world.owner, ACTS["changeMemberRole"].document, **ids, role="ADMIN")).codes == ["CONFLICT"]


async def test_a_member_is_removed_and_anybody_may_leave(api: Api, world: World) -> None:
    act = ACTS["removeMember"]
    target = {"w": str(world.workspace.id), "user": str(world.people[Role.VIEWER].user_id)}
    removed = await api.ask(world.people[Role.ADMIN], act.document, **target)
    assert removed.data == {"removeMember": True}
    assert (await api.ask(world.people[Role.ADMIN], act.document, **target)).codes == ["GONE"]
    leaving = {"w": str(world.workspace.id), "user": str(world.member.user_id)}
    assert (await api.ask(world.member, act.document, **leaving)).data == {"removeMember": True}
    assert (await api.ask(world.member, "{ workspaces { id } }")).data == {"workspaces": []}


# Connections and drones


async def test_a_connection_shows_its_secret_once(api: Api, world: World) -> None:
    act = ACTS["createConnection"]
    answer = await api.ask(world.people[Role.ADMIN], act.document, **act.variables(world))
    assert answer.errors == []
    made = answer.data["createConnection"]
    found = await api.services.connections.check_credentials(made["connectionId"], made["secret"])
    assert found is not None
    assert (
        (str(found.id), found.name)
        == (made["connection"]["id"], made["connection"]["name"])
        == (str(found.id), "Van 2")
    )


async def test_a_rotated_secret_replaces_the_old_one(api: Api, world: World) -> None:
    create, rotate = ACTS["createConnection"], ACTS["rotateConnectionSecret"]
    made = (await api.ask(world.owner, create.document, **create.variables(world))).data["createConnection"]
    answer = await api.ask(world.owner, rotate.document, id=made["connection"]["id"])
    fresh = answer.data["rotateConnectionSecret"]
    assert fresh["connectionId"] == made["connectionId"]
    check = api.services.connections.check_credentials
    assert await check(made["connectionId"], made["secret"]) is None
    assert await check(made["connectionId"], fresh["secret"]) is not None


async def test_a_deleted_connection_is_gone_and_its_drone_stays(api: Api, world: World) -> None:
    act = ACTS["deleteConnection"]
    answer = await api.ask(world.people[Role.ADMIN], act.document, **act.variables(world))
    assert answer.data == {"deleteConnection": True}
    drone = await api.ask(
        world.member, "query ($id: ID!) { drone(id: $id) { id lastConnection { id } } }", id=str(world.drone.id)
    )
    assert drone.data == {"drone": {"id": str(world.drone.id), "lastConnection": None}}


async def test_a_drone_is_named(api: Api, world: World) -> None:
    act = ACTS["renameDrone"]
    answer = await api.ask(world.member, act.document, **act.variables(world))
    assert answer.data == {"renameDrone": {"id": str(world.drone.id), "name": "Kestrel"}}


async def test_each_mutation_of_a_document_shows_what_those_before_it_did(api: Api, world: World) -> None:
    answer = await api.ask(
        world.owner,
        """mutation ($w: ID!) {
            one: createConnection(workspaceId: $w, name: "A") { ...all }
            two: createConnection(workspaceId: $w, name: "B") { ...all } }
        fragment all on ConnectionPayload { connection { workspace { connections { name } } } }""",
        w=str(world.workspace.id),
    )
    assert answer.errors == []
    names = [
        [item["name"] for item in answer.data[alias]["connection"]["workspace"]["connections"]]
        for alias in ("one", "two")
    ]
    assert names == [["Van 1", "A"], ["Van 1", "A", "B"]]


# Logging in and out

LOGIN = """mutation ($u: String!, $p: String!) {
    login(username: $u, password: $p) { user { id email accessTokens { id } } } }"""
LOGIN_WITH_TOKEN = "mutation ($t: String!) { loginWithToken(token: $t) { user { id email } } }"


@pytest.fixture
async def person(api: Api, world: World) -> User:
    """Somebody with a password."""
    user = await api.services.accounts.create_user("pat@example.com", "Pat", PASSWORD)
    await Membership.create(workspace_id=world.workspace.id, user_id=user.id, role="MEMBER", since=user.created_at)
    return user


async def actor_of(api: Api) -> Actor:
    """Who the last cookie stands for."""
    cookie = api.cookies[-1]
    assert cookie is not None
    actor = await api.services.sessions.authenticate_session(cookie)
    assert actor is not None
    return actor


async def test_a_log_in_sets_the_cookie_and_shows_oneself(api: Api, person: User) -> None:
    answer = await api.ask(None, LOGIN, u="Pat@Example.com", p=PASSWORD)
    assert answer.errors == []
    assert answer.data["login"]["user"] == {"id": str(person.id), "email": "pat@example.com", "accessTokens": []}
    assert (await actor_of(api)).user_id == person.id


async def test_wrong_password_and_unknown_account_are_answered_alike(api: Api, person: User, world: World) -> None:
    wrong = await api.ask(None, LOGIN, u="pat@example.com", p="wrong")
    unknown = await api.ask(None, LOGIN, u="nobody@example.com", p=PASSWORD)
    without = await api.ask(None, LOGIN, u="owner@example.com", p=PASSWORD)
    assert wrong == unknown == without
    assert wrong.codes == ["UNAUTHENTICATED"]
    assert api.cookies == []


async def test_a_log_in_that_cannot_be_is_bad_input(api: Api, person: User) -> None:
    for variables, name in (
        ({"u": "pat@example.com", "p": "x" * 73}, "password"),
        ({"u": "pat@example.com", "p": "a\0"}, "password"),
        ({"u": "pat\0", "p": PASSWORD}, "username"),
        ({"u": "\ud800", "p": PASSWORD}, "username"),
    ):
        answer = await api.ask(None, LOGIN, **variables)
        assert (answer.codes, answer.fields) == (["BAD_INPUT"], {name})


async def test_a_document_full_of_tries_is_worth_one(api: Api, person: User) -> None:
    tries = " ".join(f'a{n}: login(username: "pat@example.com", password: "no") {{ user {{ id }} }}' for n in range(29))
    answer = await api.ask(None, f"mutation {{ {tries} }}")
    assert (answer.data, answer.codes) == (None, ["UNAUTHENTICATED"])


async def test_after_too_many_tries_the_right_password_has_to_wait(api: Api, person: User) -> None:
    for _ in range(10):
        await api.ask(None, LOGIN, u="pat@example.com", p="no")
    answer = await api.ask(None, LOGIN, u="pat@example.com", p=PASSWORD)
    assert answer.codes == ["RATE_LIMITED"]
    assert answer.errors[0]["extensions"]["retryAfter"] > 0


async def test_a_token_logs_in_once(api: Api, person: User) -> None:
    token = await api.services.sessions.issue_login_token(person.id)
    answer = await api.ask(None, LOGIN_WITH_TOKEN, t=token)
    assert answer.data == {"loginWithToken": {"user": {"id": str(person.id), "email": "pat@example.com"}}}
    assert (await actor_of(api)).user_id == person.id
    assert (await api.ask(None, LOGIN_WITH_TOKEN, t=token)).codes == ["UNAUTHENTICATED"]
    assert (await api.ask(None, LOGIN_WITH_TOKEN, t="a\0")).codes == ["BAD_INPUT"]


async def test_over_a_websocket_nobody_can_log_in(api: Api, person: User) -> None:
    token = await api.services.sessions.issue_login_token(person.id)
    for document, variables in ((LOGIN, {"u": "pat@example.com", "p": PASSWORD}), (LOGIN_WITH_TOKEN, {"t": token})):
        answer = await api.ask_by_socket(None, document, **variables)
        assert answer.codes == ["BAD_INPUT"]
        assert "HTTP" in answer.errors[0]["message"]
    assert await UserSession.all().count() == 0
    assert (await api.ask(None, LOGIN_WITH_TOKEN, t=token)).errors == []


async def test_a_log_out_ends_the_session_and_takes_the_cookie(api: Api, person: User) -> None:
    await api.ask(None, LOGIN, u="pat@example.com", p=PASSWORD)
    actor = await actor_of(api)
    answer = await api.ask(actor, "mutation { logout }")
    assert (answer.data, api.cookies[-1]) == ({"logout": True}, None)
    assert not await api.services.sessions.still_valid(actor)
    assert (await api.ask(None, "mutation { logout }")).codes == ["UNAUTHENTICATED"]


# Passwords

CHANGE = "mutation ($old: String!, $new: String!) { changePassword(currentPassword: $old, newPassword: $new) }"
FIRST = "mutation ($new: String!) { setInitialPassword(newPassword: $new) }"
SET_NEW = "mutation ($new: String!, $code: String!) { setNewPassword(newPassword: $new, code: $code) }"
RESET = "mutation ($u: String!) { requestPasswordReset(username: $u) }"
ANOTHER = "five wagons, no oxen"
UNFIT = ("short", "x" * 73, "password123", "a\0aaaaaaaa", "\ud800aaaaaaaa")


async def test_a_password_is_changed(api: Api, person: User) -> None:
    await api.ask(None, LOGIN, u="pat@example.com", p=PASSWORD)
    actor = await actor_of(api)
    assert (await api.ask(actor, CHANGE, old=PASSWORD, new=ANOTHER)).data == {"changePassword": True}
    assert (await api.ask(None, LOGIN, u="pat@example.com", p=ANOTHER)).errors == []
    assert await api.services.sessions.still_valid(actor)


async def test_a_password_change_names_what_is_wrong(api: Api, person: User) -> None:
    await api.ask(None, LOGIN, u="pat@example.com", p=PASSWORD)
    actor = await actor_of(api)
    wrong = await api.ask(actor, CHANGE, old="wrong", new=ANOTHER)
    assert (wrong.codes, wrong.fields) == (["BAD_INPUT"], {"currentPassword"})
    for new in UNFIT:
        answer = await api.ask(actor, CHANGE, old=PASSWORD, new=new)
        assert (answer.codes, answer.fields) == (["BAD_INPUT"], {"newPassword"}), new
    assert (await api.ask(None, CHANGE, old=PASSWORD, new=ANOTHER)).codes == ["UNAUTHENTICATED"]


async def test_a_first_password_is_set_once(api: Api, world: World) -> None:
    assert (await api.ask(None, FIRST, new=ANOTHER)).codes == ["UNAUTHENTICATED"]
    unfit = await api.ask(world.member, FIRST, new="short")
    assert (unfit.codes, unfit.fields) == (["BAD_INPUT"], {"newPassword"})
    assert (await api.ask(world.member, FIRST, new=ANOTHER)).data == {"setInitialPassword": True}
    assert (await api.ask(world.member, FIRST, new=ANOTHER)).codes == ["CONFLICT"]
    me = await api.ask(world.member, "{ me { registrationIncomplete } }")
    assert me.data == {"me": {"registrationIncomplete": False}}


async def test_a_reset_is_answered_alike_for_everybody(api: Api, person: User) -> None:
    for name in ("pat@example.com", "nobody@example.com", "", "x" * 10_000):
        answer = await api.ask(None, RESET, u=name)
        assert (answer.data, answer.errors) == ({"requestPasswordReset": True}, [])
    assert (await api.ask(None, RESET, u="a\0")).codes == ["BAD_INPUT"]


async def test_a_code_sets_a_new_password_once(api: Api, person: User) -> None:
    code = await api.services.accounts.issue_reset_code(person.id)
    unfit = await api.ask(None, SET_NEW, new="short", code=code)
    assert (unfit.codes, unfit.fields) == (["BAD_INPUT"], {"newPassword"})
    assert (await api.ask(None, SET_NEW, new=ANOTHER, code=code)).data == {"setNewPassword": True}
    assert (await api.ask(None, LOGIN, u="pat@example.com", p=ANOTHER)).errors == []
    for bad in (code, "nonsense", "a\0", ""):
        answer = await api.ask(None, SET_NEW, new=ANOTHER, code=bad)
        assert (answer.codes, answer.fields) == (["BAD_INPUT"], {"code"})


# One's own account

UPDATE = """mutation ($id: ID!, $name: String, $email: String, $locale: String) {
    updateUser(id: $id, name: $name, email: $email, locale: $locale) { id name email locale } }"""


async def test_what_is_left_out_stays_and_null_clears(api: Api, world: World) -> None:
    id = str(world.member.user_id)
    named = await api.ask(world.member, UPDATE, id=id, name="Max")
    assert named.data["updateUser"] == {"id": id, "name": "Max", "email": "member@example.com", "locale": "de-CH"}
    cleared = await api.ask(world.member, UPDATE, id=id, locale=None)
    assert cleared.data["updateUser"] == {"id": id, "name": "Max", "email": "member@example.com", "locale": None}
    moved = await api.ask(world.member, UPDATE, id=id, email="Max@Example.com")
    assert moved.data["updateUser"]["email"] == "max@example.com"


async def test_what_an_account_cannot_be_is_bad_input(api: Api, world: World) -> None:
    id = str(world.member.user_id)
    for variables, name in (
        ({"name": None}, "name"),
        ({"email": None}, "email"),
        ({"name": "x" * 256}, "name"),
        ({"name": "a\0"}, "name"),
        ({"email": "nonsense"}, "email"),
        ({"email": "owner@example.com"}, "email"),
        ({"locale": "not a tag"}, "locale"),
        ({"locale": "\0"}, "locale"),
        ({"id": "x"}, "id"),
    ):
        answer = await api.ask(world.member, UPDATE, **{"id": id, **variables})
        assert (answer.codes, answer.fields) == (["BAD_INPUT"], {name}), variables


async def test_other_accounts_are_not_ones_own(api: Api, world: World) -> None:
    assert (await api.ask(None, UPDATE, id="1", name="A")).codes == ["UNAUTHENTICATED"]
    assert (await api.ask(world.owner, UPDATE, id=str(world.member.user_id), name="A")).codes == ["FORBIDDEN"]
    hidden = await api.ask(world.stranger, UPDATE, id=str(world.member.user_id), name="A")
    assert hidden.codes == ["GONE"]
    assert hidden == await api.ask(world.stranger, UPDATE, id=MISSING, name="A")


async def test_a_code_confirms_an_address(api: Api, world: World) -> None:
    document = "mutation ($code: String!) { confirmEmail(code: $code) }"
    await User.filter(id=world.member.user_id).update(pending_email="new@example.com")
    row = await User.get(id=world.member.user_id)
    code = await api.services.accounts._codes.issue(row.id, Purpose.EMAIL)
    assert (await api.ask(None, document, code=code)).data == {"confirmEmail": True}
    assert (await User.get(id=row.id)).email == "new@example.com"
    again = await api.ask(None, document, code=code)
    assert (again.codes, again.fields) == (["BAD_INPUT"], {"code"})


# Tokens

CREATE_TOKEN = """mutation ($name: String!, $until: DateTime) { createAccessToken(name: $name, expiresAt: $until) {
    accessToken { id name createdAt expiresAt lastUsedAt } token } }"""
REVOKE_TOKEN = "mutation ($id: ID!) { revokeAccessToken(id: $id) }"


async def test_an_access_token_works_until_it_is_revoked(api: Api, world: World) -> None:
    answer = await api.ask(world.member, CREATE_TOKEN, name="Script", until="2026-06-01T00:00:00+02:00")
    assert answer.errors == []
    made = answer.data["createAccessToken"]
    assert made["accessToken"]["expiresAt"] == "2026-05-31T22:00:00+00:00"
    actor = await api.services.sessions.authenticate_bearer(made["token"])
    assert actor is not None
    assert actor.user_id == world.member.user_id
    assert (await api.ask(world.owner, REVOKE_TOKEN, id=made["accessToken"]["id"])).codes == ["GONE"]
    assert (await api.ask(world.member, REVOKE_TOKEN, id=made["accessToken"]["id"])).data == {"revokeAccessToken": True}
    assert await api.services.sessions.authenticate_bearer(made["token"]) is None
    assert await AccessToken.all().count() == 0


async def test_an_access_token_without_an_end_lasts(api: Api, world: World) -> None:
    for variables in ({}, {"until": None}):
        answer = await api.ask(world.member, CREATE_TOKEN, name="Script", **variables)
        assert answer.data["createAccessToken"]["accessToken"]["expiresAt"] is None


async def test_an_access_token_that_cannot_be_is_refused(api: Api, world: World) -> None:
    assert (await api.ask(None, CREATE_TOKEN, name="A")).codes == ["UNAUTHENTICATED"]
    for variables, name in (
        ({"name": ""}, "name"),
        ({"name": "x" * 256}, "name"),
        ({"name": "a\0"}, "name"),
        ({"name": "A", "until": "2026-04-01T00:00:00Z"}, "expiresAt"),
        ({"name": "A", "until": "2026-06-01T00:00:00"}, "until"),
    ):
        answer = await api.ask(world.member, CREATE_TOKEN, **variables)
        assert (answer.codes, answer.fields) == (["BAD_INPUT"], {name}), variables
    assert (await api.ask(None, REVOKE_TOKEN, id="x")).codes == ["UNAUTHENTICATED"]
    assert (await api.ask(world.member, REVOKE_TOKEN, id="x")).codes == ["BAD_INPUT"]
    assert (await api.ask(world.member, REVOKE_TOKEN, id=MISSING)).codes == ["GONE"]


async def test_a_stream_token_stands_for_the_caller(api: Api, world: World) -> None:
    document = "mutation { createStreamToken { token } }"
    answer = await api.ask(world.member, document)
    assert api.services.stream_tokens.viewer(answer.data["createStreamToken"]["token"]) == world.member.user_id
    assert (await api.ask(None, document)).codes == ["UNAUTHENTICATED"]


async def test_a_role_that_is_too_low_is_recorded(api: Api, world: World) -> None:
    act = ACTS["createConnection"]
    await api.ask(world.people[Role.VIEWER], act.document, **act.variables(world))
    entries = await AuditEntry.filter(outcome="denied", user_id=world.people[Role.VIEWER].user_id)
    assert [entry.workspace_id for entry in entries] == [world.workspace.id]
