"""Workspaces, members and connections: who may do what, and what strangers see of it (design.md, security.md A2)."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from ofh.domain.actors import Action, Actor, Role
from ofh.domain.errors import Code, HubError
from ofh.services.access import DENIALS, OPERATOR
from ofh.services.audit import Event
from ofh.services.clearing import Clearing
from ofh.store.models import Binding, Connection, Drone, Membership, Stream, User, Workspace
from tests.integration.accounts.house import PASSWORD, House, code_of
from tests.support.history import history_of, history_row, store

RANKS = [Role.VIEWER, Role.MEMBER, Role.ADMIN, Role.OWNER]


async def test_who_makes_a_workspace_owns_it(house: House) -> None:
    ada = await house.person("ada")
    workspace = await house.workspaces.create(ada, " Lake ")
    assert workspace.name == "Lake"
    assert await house.access.role(ada, workspace.id) is Role.OWNER
    assert [(found.id, role) for found, role in await house.workspaces.list_for(ada)] == [(workspace.id, Role.OWNER)]
    assert await house.access.workspace_ids(ada) == [workspace.id]
    assert await house.workspaces.get(ada, workspace.id) == (workspace, Role.OWNER)


async def test_a_stranger_sees_what_somebody_sees_who_asks_for_nothing(house: House) -> None:
    """Every door: a stranger's workspace, one that was never there, and ids that no column holds."""
    ada, eve = await house.person("ada"), await house.person("eve")
    workspace = await house.workspaces.create(ada, "Lake")
    created = await house.connections.create(ada, workspace.id, "Pad")
    own = await house.workspaces.create(eve, "Mine")
    recorded = len(await house.recorded(Event.PERMISSION_DENIED))
    doors: list[Callable[[int], Awaitable[Any]]] = [
        lambda id: house.workspaces.update(eve, id, name="x"),
        lambda id: house.workspaces.reset_uuid(eve, id),
        lambda id: house.workspaces.delete(eve, id),
        lambda id: house.workspaces.members(eve, id),
        lambda id: house.workspaces.invite(eve, id, "x@example.org", Role.VIEWER),
        lambda id: house.workspaces.invite(eve, id, "ada@example.org", Role.OWNER),
        lambda id: house.workspaces.remove_member(eve, id, ada.user_id),
        lambda id: house.workspaces.remove_member(eve, id, eve.user_id),
        lambda id: house.workspaces.change_role(eve, id, ada.user_id, Role.VIEWER),
        lambda id: house.audit_record.of_workspace(eve, id),
        lambda id: house.connections.list(eve, id),
        lambda id: house.connections.create(eve, id, "x"),
        lambda id: house.access.require(eve, Action.VIEW, id),
    ]
    for door in doors:
        answers = set()
        for workspace_id in (workspace.id, 987_654, 0, -1, 2**63, 2**80):
            with pytest.raises(HubError) as refusal:
                await door(workspace_id)
            answers.add(str(code_of(refusal)))
        assert len(answers) == 1
        assert "GONE" in answers.pop()
    for connection_door in (house.connections.delete, house.connections.rotate_secret):
        answers = set()
        for connection_id in (created.connection.id, 987_654, 0, -1, 2**63, 2**80):
            with pytest.raises(HubError) as refusal:
                await connection_door(eve, connection_id)
            answers.add(str(code_of(refusal)))
        assert len(answers) == 1
        assert "GONE" in answers.pop()
    for hidden in (workspace.id, 987_654, 2**80):
        assert await house.workspaces.get(eve, hidden) is None
        assert await house.access.role(eve, hidden) is None
    for hidden in (created.connection.id, 987_654, 2**80):
        assert await house.connections.get(eve, hidden) is None
    assert [found.id for found, _ in await house.workspaces.list_for(eve)] == [own.id]
    assert len(await house.recorded(Event.PERMISSION_DENIED)) == recorded
    assert await User.filter(email="x@example.org").count() == 0
    assert await Membership.filter(workspace_id=workspace.id).count() == 1


async def test_what_each_role_may_do(house: House) -> None:
    ada = await house.person("ada")
    workspace = await house.workspaces.create(ada, "Lake")
    people = {role: await house.join(workspace, role.value.lower(), role) for role in RANKS}
    doors: list[tuple[Role, Callable[[Actor], Awaitable[Any]]]] = [
        (Role.VIEWER, lambda actor: house.workspaces.members(actor, workspace.id)),
        (Role.VIEWER, lambda actor: house.connections.list(actor, workspace.id)),
        (Role.ADMIN, lambda actor: house.connections.create(actor, workspace.id, "Pad")),
        (Role.ADMIN, lambda actor: house.workspaces.update(actor, workspace.id, name="Lake")),
        (Role.ADMIN, lambda actor: house.workspaces.reset_uuid(actor, workspace.id)),
        (Role.ADMIN, lambda actor: house.workspaces.invite(actor, workspace.id, f"{actor.user_id}@x.org", Role.ADMIN)),
        (Role.OWNER, lambda actor: house.workspaces.invite(actor, workspace.id, "owner2@x.org", Role.OWNER)),
        (Role.OWNER, lambda actor: house.workspaces.change_role(actor, workspace.id, ada.user_id, Role.OWNER)),
        (Role.OWNER, lambda actor: house.audit_record.of_workspace(actor, workspace.id)),
    ]
    for needed, door in doors:
        for role in RANKS:
            if RANKS.index(role) >= RANKS.index(needed):
                await door(people[role])
                continue
            denied = len(await house.recorded(Event.PERMISSION_DENIED))
            with pytest.raises(HubError) as refusal:
                await door(people[role])
            assert refusal.value.code is Code.FORBIDDEN
            entries = await house.recorded(Event.PERMISSION_DENIED)
            assert len(entries) == denied + 1
            assert (entries[-1].user_id, entries[-1].workspace_id, entries[-1].outcome) == (
                people[role].user_id,
                workspace.id,
                "denied",
            )
    for role in RANKS[:3]:
        with pytest.raises(HubError) as refusal:
            await house.workspaces.delete(people[role], workspace.id)
        assert refusal.value.code is Code.FORBIDDEN
    for role in RANKS:  # everybody may leave
        await house.workspaces.remove_member(people[role], workspace.id, people[role].user_id)
        assert await house.access.role(people[role], workspace.id) is None


async def test_l3_a_member_who_tries_without_end_does_not_fill_the_audit_record(house: House) -> None:
    ada = await house.person("ada")
    workspace = await house.workspaces.create(ada, "Lake")
    for name in ("eve", "mallory"):
        viewer = await house.join(workspace, name, Role.VIEWER)
        for _ in range(DENIALS.burst + 20):
            with pytest.raises(HubError):
                await house.workspaces.reset_uuid(viewer, workspace.id)
    assert len(await house.recorded(Event.PERMISSION_DENIED)) == 2 * DENIALS.burst


async def test_administrators_manage_everybody_but_owners(house: House) -> None:
    ada = await house.person("ada")
    workspace = await house.workspaces.create(ada, "Lake")
    admin = await house.join(workspace, "admin", Role.ADMIN)
    second = await house.join(workspace, "second", Role.ADMIN)
    member = await house.join(workspace, "member", Role.MEMBER)
    viewer = await house.join(workspace, "viewer", Role.VIEWER)
    assert (await house.workspaces.change_role(admin, workspace.id, viewer.user_id, Role.ADMIN)).role == Role.ADMIN
    assert (await house.workspaces.change_role(admin, workspace.id, second.user_id, Role.VIEWER)).role == Role.VIEWER
    await house.workspaces.remove_member(admin, workspace.id, member.user_id)
    for act in (
        house.workspaces.change_role(admin, workspace.id, ada.user_id, Role.VIEWER),
        house.workspaces.change_role(admin, workspace.id, admin.user_id, Role.OWNER),
        house.workspaces.remove_member(admin, workspace.id, ada.user_id),
        house.workspaces.change_role(second, workspace.id, second.user_id, Role.ADMIN),
        house.workspaces.remove_member(second, workspace.id, admin.user_id),
    ):
        with pytest.raises(HubError) as refusal:
            await act
        assert refusal.value.code is Code.FORBIDDEN
    for act in (
        house.workspaces.remove_member(admin, workspace.id, member.user_id),
        house.workspaces.change_role(admin, workspace.id, 2**80, Role.VIEWER),
    ):
        with pytest.raises(HubError) as refusal:
            await act
        assert refusal.value.code is Code.GONE


async def test_the_last_owner_neither_leaves_nor_is_lowered(house: House) -> None:
    ada = await house.person("ada")
    workspace = await house.workspaces.create(ada, "Lake")
    for act in (
        house.workspaces.remove_member(ada, workspace.id, ada.user_id),
        house.workspaces.change_role(ada, workspace.id, ada.user_id, Role.ADMIN),
    ):
        with pytest.raises(HubError) as refusal:
            await act
        assert refusal.value.code is Code.CONFLICT
    await house.workspaces.change_role(ada, workspace.id, ada.user_id, Role.OWNER)
    bob = await house.join(workspace, "bob", Role.OWNER)
    results = await asyncio.gather(
        house.workspaces.remove_member(ada, workspace.id, ada.user_id),
        house.workspaces.change_role(bob, workspace.id, bob.user_id, Role.VIEWER),
        return_exceptions=True,
    )
    assert [result.code for result in results if isinstance(result, HubError)] == [Code.CONFLICT]
    assert await Membership.filter(workspace_id=workspace.id, role=Role.OWNER.value).count() == 1


async def test_owners_who_take_each_other_out_at_once_leave_one(house: House) -> None:
    ada = await house.person("ada")
    workspace = await house.workspaces.create(ada, "Lake")
    bob = await house.join(workspace, "bob", Role.OWNER)
    results = await asyncio.gather(
        house.workspaces.remove_member(ada, workspace.id, bob.user_id),
        house.workspaces.remove_member(bob, workspace.id, ada.user_id),
        return_exceptions=True,
    )
    assert [result.code for result in results if isinstance(result, HubError)] == [Code.GONE]
    assert await Membership.filter(workspace_id=workspace.id).count() == 1


async def test_an_invitation_makes_an_account_and_a_token_that_logs_in_once(house: House) -> None:
    ada = await house.person("ada")
    workspace = await house.workspaces.create(ada, "Lake")
    row = await house.workspaces.invite(ada, workspace.id, "New@Example.org", Role.MEMBER)
    assert (row.user.email, row.role, row.user.password_hash) == ("new@example.org", "MEMBER", None)
    token = await house.mail.code("new@example.org")
    house.clock.advance(days=7, seconds=-1)
    login = await house.sessions.login_with_token(token)
    assert login.user.id == row.user_id
    with pytest.raises(HubError) as refusal:
        await house.sessions.login_with_token(token)
    assert refusal.value.code is Code.UNAUTHENTICATED


async def test_who_has_a_password_gets_no_token_by_an_invitation(house: House) -> None:
    ada = await house.person("ada")
    await house.user("bob", PASSWORD)
    workspace = await house.workspaces.create(ada, "Lake")
    await house.workspaces.invite(ada, workspace.id, "bob@example.org", Role.MEMBER)
    (letter,) = await house.mail.read()
    assert letter.to == "bob@example.org"
    assert "login=" not in letter.body


async def test_who_is_a_member_is_not_invited_again(house: House) -> None:
    ada = await house.person("ada")
    workspace = await house.workspaces.create(ada, "Lake")
    results = await asyncio.gather(
        *(house.workspaces.invite(ada, workspace.id, "new@example.org", Role.MEMBER) for _ in range(3)),
        return_exceptions=True,
    )
    assert {result.code for result in results if isinstance(result, HubError)} == {Code.CONFLICT}
    assert await Membership.filter(workspace_id=workspace.id).count() == 2
    assert await User.filter(email="new@example.org").count() == 1


async def test_two_workspaces_may_invite_a_newcomer_at_once(house: House) -> None:
    ada = await house.person("ada")
    workspaces = [await house.workspaces.create(ada, f"Lake {n}") for n in range(3)]
    rows = await asyncio.gather(
        *(house.workspaces.invite(ada, workspace.id, "new@example.org", Role.MEMBER) for workspace in workspaces)
    )
    assert len({row.user_id for row in rows}) == 1


async def test_invitations_are_limited(house: House) -> None:
    ada = await house.person("ada")
    workspace = await house.workspaces.create(ada, "Lake")
    for n in range(100):
        await house.workspaces.invite(ada, workspace.id, f"n{n}@example.org", Role.VIEWER)
    with pytest.raises(HubError) as refusal:
        await house.workspaces.invite(ada, workspace.id, "one.more@example.org", Role.VIEWER)
    assert refusal.value.code is Code.RATE_LIMITED


async def test_a_new_uuid_replaces_the_old_one(house: House) -> None:
    ada = await house.person("ada")
    workspace = await house.workspaces.create(ada, "Lake")
    before = workspace.uuid
    assert (await house.workspaces.reset_uuid(ada, workspace.id)).uuid != before
    assert (await Workspace.get(id=workspace.id)).uuid != before


async def test_a_deleted_workspace_takes_its_connections_along(house: House) -> None:
    ada = await house.person("ada")
    workspace = await house.workspaces.create(ada, "Lake")
    other = await house.workspaces.create(ada, "Hill")
    created = await house.connections.create(ada, workspace.id, "Pad")
    kept = await house.connections.create(ada, other.id, "Pad")
    await Stream.create(workspace_id=workspace.id, stream_key="n.k", created_at=house.clock.now)
    house.broker.calls.clear()
    await house.workspaces.delete(ada, workspace.id)
    assert await Stream.all().count() == 0  # nobody publishes to it any more
    assert house.broker.calls == [("delete", created.connection.public_id)]
    assert [row.id for row in await Connection.all()] == [kept.connection.id]
    assert await house.workspaces.get(ada, workspace.id) is None
    assert [entry.workspace_id for entry in await house.recorded(Event.WORKSPACE_DELETED)] == [workspace.id]


@pytest.mark.parametrize("name", ["", "   ", "x" * 256, "é" * 128, "a\0b", "a\nb", "\ud800", "\x1b[31m", "a\u2028b"])
async def test_what_can_be_no_name_is_refused_before_anything_else(house: House, name: str) -> None:
    ada = await house.person("ada")
    workspace = await house.workspaces.create(ada, "Lake")
    for act in (
        house.workspaces.create(ada, name),
        house.workspaces.update(ada, workspace.id, name=name),
        house.workspaces.update(ada, 987_654, name=name),
        house.connections.create(ada, workspace.id, name),
        house.access_tokens.create(ada, name),
        house.accounts.update_user(ada, ada.user_id, name=name),
    ):
        with pytest.raises(HubError) as refusal:
            await act
        assert (refusal.value.code, list(refusal.value.fields)) == (Code.BAD_INPUT, ["name"])


async def test_everything_is_recorded(house: House) -> None:
    ada = await house.person("ada")
    workspace = await house.workspaces.create(ada, "Lake")
    row = await house.workspaces.invite(ada, workspace.id, "new@example.org", Role.MEMBER)
    await house.workspaces.change_role(ada, workspace.id, row.user_id, Role.VIEWER)
    await house.workspaces.remove_member(ada, workspace.id, row.user_id)
    created = await house.connections.create(ada, workspace.id, "Pad")
    await house.connections.rotate_secret(ada, created.connection.id)
    await house.connections.delete(ada, created.connection.id)
    page = (await house.audit_record.of_workspace(ada, workspace.id, first=200)).rows
    assert [entry.action for entry in reversed(page)] == [
        "workspace created",
        "member invited",
        "role changed",
        "member removed",
        "connection created",
        "secret shown",
        "secret rotated",
        "secret shown",
        "connection deleted",
    ]
    assert {(entry.user_id, entry.address, entry.outcome) for entry in page} == {(ada.user_id, "192.0.2.1", "ok")}
    assert f"user:{row.user_id} MEMBER to VIEWER" in {entry.object for entry in page}


async def test_the_operator_acts_in_every_workspace(house: House) -> None:
    ada = await house.person("ada")
    workspace = await house.workspaces.create(ada, "Lake")
    assert [role for _, role in await house.workspaces.list_for(OPERATOR)] == [Role.OWNER]
    assert await house.access.workspace_ids(OPERATOR) == [workspace.id]
    await house.connections.create(OPERATOR, workspace.id, "Pad")
    (entry,) = await house.recorded(Event.CONNECTION_CREATED)
    assert (entry.user_id, entry.address) == (None, "command line")
    await house.workspaces.delete(OPERATOR, workspace.id)
    with pytest.raises(HubError) as refusal:
        await house.connections.create(OPERATOR, workspace.id, "Pad")
    assert refusal.value.code is Code.GONE


async def test_a_connection_has_a_name_for_controllers_and_a_secret_of_256_bits(house: House) -> None:
    ada = await house.person("ada")
    workspace = await house.workspaces.create(ada, "Lake")
    created = await house.connections.create(ada, workspace.id, "Pad")
    row = await Connection.get(id=created.connection.id)
    assert re.fullmatch(r"c-[A-Za-z0-9_-]{16}", row.public_id)
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", created.secret)
    assert created.secret not in row.secret_digest
    ((what, account),) = house.broker.calls
    assert (what, account.name, account.secret) == ("put", row.public_id, created.secret)
    assert account.secret_digest == bytes.fromhex(row.secret_digest)
    assert [found.id for found in await house.connections.list(ada, workspace.id)] == [row.id]
    assert await house.connections.get(ada, row.id) == row


async def test_only_the_right_secret_opens_a_connection(house: House) -> None:
    ada = await house.person("ada")
    workspace = await house.workspaces.create(ada, "Lake")
    created, other = [await house.connections.create(ada, workspace.id, name) for name in "ab"]
    check, public_id = house.connections.check_credentials, created.connection.public_id
    assert await check(public_id, created.secret) == created.connection
    assert await check(public_id, created.secret.encode()) == created.connection
    attempts: list[tuple[str, str | bytes]] = [
        (public_id, other.secret),
        (other.connection.public_id, created.secret),
        (public_id, ""),
        (public_id, created.secret + " "),
        (public_id, created.connection.secret_digest),
        (public_id, b"\xff\xfe"),
        (public_id, "\ud800"),
        (public_id, "x" * 100_000),
        ("c-unknown", created.secret),
        ("a\0b", created.secret),
        ("\ud800", created.secret),
        ("", created.secret),
        ("#", created.secret),
    ]
    for name, secret in attempts:
        assert await check(name, secret) is None


async def test_a_new_secret_ends_the_old_one_and_its_sessions(house: House) -> None:
    ada = await house.person("ada")
    workspace = await house.workspaces.create(ada, "Lake")
    created = await house.connections.create(ada, workspace.id, "Pad")
    await Binding.create(
        serial_number="RC1", gateway_serial="RC1", connection=created.connection, device_id=1, bound_at=house.clock.now
    )
    house.broker.calls.clear()
    renewed = await house.connections.rotate_secret(ada, created.connection.id)
    assert [what for what, _ in house.broker.calls] == ["put", "end"]
    assert house.broker.calls[0][1].serials == frozenset({"RC1"})
    public_id = created.connection.public_id
    assert await house.connections.check_credentials(public_id, created.secret) is None
    assert await house.connections.check_credentials(public_id, renewed.secret) is not None


async def test_a_deleted_connection_is_cut_off(house: House) -> None:
    ada = await house.person("ada")
    workspace = await house.workspaces.create(ada, "Lake")
    created = await house.connections.create(ada, workspace.id, "Pad")
    told: list[dict[str, Any]] = []
    house.control.subscribe(lambda message: told.append(dict(message)))
    await house.connections.delete(ada, created.connection.id)
    assert house.broker.calls[-1] == ("delete", created.connection.public_id)
    assert told[-1]["kind"] == "connection"
    assert told[-1]["connection_id"] == created.connection.id
    with pytest.raises(HubError) as refusal:
        await house.connections.delete(ada, created.connection.id)
    assert refusal.value.code is Code.GONE


async def test_a_broker_that_is_away_does_not_undo_what_was_asked_for(house: House) -> None:
    ada = await house.person("ada")
    workspace = await house.workspaces.create(ada, "Lake")
    house.broker.is_away = True
    created = await house.connections.create(ada, workspace.id, "Pad")
    renewed = await house.connections.rotate_secret(ada, created.connection.id)
    assert await house.connections.check_credentials(created.connection.public_id, renewed.secret) is not None
    await house.connections.delete(ada, created.connection.id)
    await house.connections.create(ada, workspace.id, "Pad")
    await house.workspaces.delete(ada, workspace.id)
    assert await Connection.all().count() == 0


async def test_the_broker_can_be_compared_with_what_there_is(house: House) -> None:
    ada = await house.person("ada")
    workspace = await house.workspaces.create(ada, "Lake")
    first, second = [await house.connections.create(ada, workspace.id, name) for name in "ab"]
    for serial, gateway in (("RC1", "RC1"), ("UAV1", "RC1"), ("UAV1", "RC2")):
        await Binding.create(
            serial_number=serial,
            gateway_serial=gateway,
            connection=first.connection,
            device_id=1,
            bound_at=house.clock.now,
        )
    accounts = await house.connections.accounts_for_broker()
    assert [(account.name, account.serials, account.secret) for account in accounts] == [
        (first.connection.public_id, frozenset({"RC1", "UAV1"}), None),
        (second.connection.public_id, frozenset(), None),
    ]


async def test_members_come_with_their_users(house: House) -> None:
    ada = await house.person("ada")
    workspace = await house.workspaces.create(ada, "Lake")
    await house.join(workspace, "bob", Role.VIEWER)
    assert [(row.user.email, row.role) for row in await house.workspaces.members(ada, workspace.id)] == [
        ("ada@example.org", "OWNER"),
        ("bob@example.org", "VIEWER"),
    ]


async def test_a_deleted_workspace_takes_its_history_along_and_no_other(house: House) -> None:
    ada = await house.person("ada")
    drones = []
    for name in ("Lake", "Hill"):
        workspace = await house.workspaces.create(ada, name)
        drone = await Drone.create(
            serial_number="AC", type=67, workspace_id=workspace.id, created_at=workspace.created_at
        )
        at = [house.clock.now + timedelta(days=day) for day in (-300, -30, -29, 0)]
        await store(house.database, [history_row(moment, drone_id=drone.id) for moment in at])
        drones.append(drone)
    await house.workspaces.delete(ada, drones[0].workspace_id)
    assert [row.id for row, _ in await house.workspaces.list_for(OPERATOR)] == [drones[1].workspace_id]
    assert await house.access.workspace_ids(OPERATOR) == [drones[1].workspace_id]
    assert await Membership.filter(workspace_id=drones[0].workspace_id).count() == 0
    assert len(await history_of(house.database)) == 8
    assert await Clearing(house.database, house.clock, pause_s=0).clear() == 1
    assert {row.drone_id for row in await history_of(house.database)} == {drones[1].id}
    assert len(await history_of(house.database)) == 4


async def test_a_workspace_that_could_not_be_deleted_keeps_its_history(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = await house.person("ada")
    workspace = await house.workspaces.create(ada, "Lake")
    drone = await Drone.create(serial_number="AC", type=67, workspace_id=workspace.id, created_at=house.clock.now)
    await store(house.database, [history_row(house.clock.now, drone_id=drone.id)])

    async def failing(*_arguments: Any, **_more: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(house.audit, "by", failing)
    with pytest.raises(ZeroDivisionError):
        await house.workspaces.delete(ada, workspace.id)
    assert len(await history_of(house.database)) == 1
