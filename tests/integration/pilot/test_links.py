"""Who a controller's page and its native clients are, and when they are so no longer (security.md C1, P7, P8)."""

import asyncio
from uuid import UUID, uuid4

import pytest

from ofh.domain.errors import Code, HubError
from ofh.services.link import MAX_TOKENS, Links
from ofh.store.models import Connection, LinkToken, RemoteController
from tests.integration.pilot.house import LinkHouse, code_of

# Logging in


async def test_a_page_logs_in_with_its_connections_id_and_secret(house: LinkHouse) -> None:
    login = await house.links.login(house.made.connection.public_id, house.made.secret, address="192.0.2.9")
    session = await house.links.session(login.cookie)
    assert (session.pilot.public_id, session.secret) == (house.made.connection.public_id, house.made.secret)
    assert (session.pilot.workspace_uuid, session.pilot.workspace_name) == (await house.uuid(), "Mountain rescue")
    (recorded,) = [row for row in await house.recorded("login") if row.object.startswith("connection")]
    assert (recorded.outcome, recorded.workspace_id, recorded.address) == ("ok", house.workspace.id, "192.0.2.9")


async def test_blanks_that_a_touch_keyboard_adds_do_no_harm(house: LinkHouse) -> None:
    login = await house.links.login(f" {house.made.connection.public_id} ", f"{house.made.secret}\n")
    assert login.pilot.connection_id == house.made.connection.id


async def test_a_wrong_secret_and_an_unknown_connection_are_answered_alike(house: LinkHouse) -> None:
    told = []
    for id, secret in ((house.made.connection.public_id, "wrong"), ("c-nobody", house.made.secret), ("no id", "x")):
        with pytest.raises(HubError) as refusal:
            await house.links.login(id, secret)
        told.append((refusal.value.code, refusal.value.message))
    assert set(told) == {(Code.UNAUTHENTICATED, "The connection id or the secret is wrong.")}
    failed = [row for row in await house.recorded("login") if row.outcome == "failed"]
    assert [(row.workspace_id, row.object) for row in failed] == [
        (house.workspace.id, f"connection:{house.made.connection.id}"),
        (None, "connection:unknown"),
        (None, "connection:unknown"),
    ]


async def test_wrong_secrets_lock_the_connection_for_a_while_and_not_its_running_sessions(house: LinkHouse) -> None:
    session = await house.page()
    for _ in range(10):
        assert await code_of(house.links.login(house.made.connection.public_id, "wrong")) is Code.UNAUTHENTICATED
    assert await code_of(house.links.login(house.made.connection.public_id, house.made.secret)) is Code.RATE_LIMITED
    assert (await house.links.authenticate(await house.links.mint(session))).name == "RC Plus"
    house.clock.advance(seconds=31)
    assert await code_of(house.links.login(house.made.connection.public_id, house.made.secret)) is None
    assert len(await house.recorded("lockout")) == 1


@pytest.mark.parametrize("text", ["a\0b", "\ud800"])
async def test_what_is_no_text_is_refused(house: LinkHouse, text: str) -> None:
    assert await code_of(house.links.login(text, house.made.secret)) is Code.BAD_INPUT
    assert await code_of(house.links.login(house.made.connection.public_id, text)) is Code.BAD_INPUT


async def test_every_login_makes_new_tokens(house: LinkHouse) -> None:
    first, second = await house.page(), await house.page()
    assert first.api_token != second.api_token
    assert first.id != second.id


async def test_the_table_holds_digests_alone(house: LinkHouse) -> None:
    login = await house.links.login(house.made.connection.public_id, house.made.secret)
    session = await house.links.session(login.cookie)
    kept = str(await LinkToken.all().values()) + str(await Connection.all().values())
    for secret in (house.made.secret, session.api_token, *login.cookie.split(".")):
        assert secret not in kept
    assert house.made.secret not in login.cookie


async def test_a_login_makes_the_brokers_account_again(house: LinkHouse) -> None:
    house.broker.calls.clear()
    await house.links.login(house.made.connection.public_id, house.made.secret)
    ((what, account),) = house.broker.calls
    assert (what, account.name, account.secret) == ("put", house.made.connection.public_id, house.made.secret)


async def test_a_broker_that_is_away_keeps_nobody_from_logging_in(house: LinkHouse) -> None:
    house.broker.is_away = True
    assert await code_of(house.page()) is None


async def test_a_controller_that_tells_its_serial_number_is_bound(house: LinkHouse) -> None:
    id, secret = house.made.connection.public_id, house.made.secret
    assert (await house.links.login(id, secret, remote_controller="5XTESTRCP00001")).is_bound is True
    house.claims.is_taken = True
    assert (await house.links.login(id, secret, remote_controller="5XTESTRCP00001")).is_bound is False
    assert (await house.links.login(id, secret, remote_controller=" ")).is_bound is None
    assert house.claims.asked == [(id, "5XTESTRCP00001")] * 2


@pytest.mark.parametrize("serial", ["a/b", "+", "#", "x" * 65, "ü"])
async def test_a_serial_number_that_is_none_is_refused(house: LinkHouse, serial: str) -> None:
    login = house.links.login(house.made.connection.public_id, house.made.secret, remote_controller=serial)
    assert await code_of(login) is Code.BAD_INPUT
    assert house.claims.asked == []


async def test_a_wrong_secret_binds_nothing(house: LinkHouse) -> None:
    login = house.links.login(house.made.connection.public_id, "wrong", remote_controller="5XTESTRCP00001")
    assert await code_of(login) is Code.UNAUTHENTICATED
    assert house.claims.asked == []


# The page's session


@pytest.mark.parametrize("cookie", [None, "", "x", "x.y", ".", "a" * 5000, "ü.ü", "\0.\0"])
async def test_a_cookie_that_nobody_made_is_worth_nothing(house: LinkHouse, cookie: str | None) -> None:
    assert await code_of(house.links.session(cookie)) is Code.UNAUTHENTICATED


async def test_a_cookie_opens_with_its_own_other_half_alone(house: LinkHouse) -> None:
    one, two = [
        (await house.links.login(house.made.connection.public_id, house.made.secret)).cookie.split(".") for _ in "ab"
    ]
    assert await code_of(house.links.session(f"{one[0]}.{two[1]}")) is Code.UNAUTHENTICATED
    flipped = ("A" if one[1][20] != "A" else "B").join((one[1][:20], one[1][21:]))
    assert await code_of(house.links.session(f"{one[0]}.{flipped}")) is Code.UNAUTHENTICATED
    other = Links(
        database=house.database,
        connections=house.connections,
        limits=house.limits,
        audit=house.audit,
        control=house.control,
        claims=None,
        key=b"o" * 32,
        clock=house.clock,
    )
    assert await code_of(other.session(".".join(one))) is Code.UNAUTHENTICATED


async def test_a_pages_session_ends_idle_and_in_any_case(house: LinkHouse) -> None:
    login = await house.links.login(house.made.connection.public_id, house.made.secret)
    for _ in range(6):
        house.clock.advance(days=13)
        assert await code_of(house.links.session(login.cookie)) is None
    house.clock.advance(days=13)
    assert await code_of(house.links.session(login.cookie)) is Code.UNAUTHENTICATED, "90 days are over"
    login = await house.links.login(house.made.connection.public_id, house.made.secret)
    house.clock.advance(days=15)
    assert await code_of(house.links.session(login.cookie)) is Code.UNAUTHENTICATED


async def test_a_pages_token_and_pilots_are_never_taken_for_each_other(house: LinkHouse) -> None:
    login = await house.links.login(house.made.connection.public_id, house.made.secret)
    session = await house.links.session(login.cookie)
    token, _, sealed = login.cookie.partition(".")
    assert await code_of(house.links.authenticate(token)) is Code.UNAUTHENTICATED
    assert await code_of(house.links.authenticate(login.cookie)) is Code.UNAUTHENTICATED
    assert await code_of(house.links.session(f"{session.api_token}.{sealed}")) is Code.UNAUTHENTICATED


# The x-auth-token


async def test_the_secret_is_accepted_as_x_auth_token(house: LinkHouse) -> None:
    pilot = await house.links.require(house.made.secret, str(await house.uuid()))
    assert pilot.public_id == house.made.connection.public_id


@pytest.mark.parametrize("token", [None, "", "nothing", "x" * 10_000, "ü", "\ud800", "a\0"])
async def test_unknown_tokens_are_401(house: LinkHouse, token: str | None) -> None:
    assert await code_of(house.links.authenticate(token)) is Code.UNAUTHENTICATED


async def test_a_minted_token_lasts_24_hours_without_traffic(house: LinkHouse) -> None:
    token = await house.links.mint(await house.page())
    house.clock.advance(hours=23)
    assert await code_of(house.links.authenticate(token)) is None
    house.clock.advance(hours=1, seconds=1)
    assert await code_of(house.links.authenticate(token)) is Code.UNAUTHENTICATED


async def test_a_token_outlives_days_of_its_connections_own_traffic(house: LinkHouse) -> None:
    token = await house.links.mint(await house.page())
    for _ in range(5):
        house.clock.advance(hours=23)
        await house.hear(house.made.connection, "RC1", house.clock())
        house.clock.advance(hours=20)
        assert (await house.links.authenticate(token)).remote_controller == "RC1"
        assert await house.links.prune() == 0
    house.clock.advance(hours=5)
    assert await code_of(house.links.authenticate(token)) is Code.UNAUTHENTICATED


async def test_another_connections_traffic_keeps_no_token_alive(house: LinkHouse) -> None:
    token = await house.links.mint(await house.page())
    other = await house.connection("another controller")
    house.clock.advance(hours=25)
    await house.hear(other.connection, "RC2", house.clock())
    assert await code_of(house.links.authenticate(token)) is Code.UNAUTHENTICATED


async def test_a_reopened_page_has_the_same_token_good_again(house: LinkHouse) -> None:
    session = await house.page()
    token = await house.links.mint(session)
    house.clock.advance(hours=30)
    assert await house.links.prune() == 1
    assert await house.links.mint(session) == token
    assert await code_of(house.links.authenticate(token)) is None
    assert await LinkToken.filter(purpose="pilot").count() == 1


async def test_a_connection_keeps_so_many_tokens(house: LinkHouse) -> None:
    first = await house.page()
    for _ in range(MAX_TOKENS):
        last = await house.page()
    assert await LinkToken.filter(purpose="pilot").count() == MAX_TOKENS
    assert await LinkToken.filter(purpose="page").count() == MAX_TOKENS
    assert await code_of(house.links.authenticate(first.api_token)) is Code.UNAUTHENTICATED
    assert await code_of(house.links.authenticate(last.api_token)) is None


async def test_a_workspaces_tokens_are_good_for_it_alone(house: LinkHouse) -> None:
    token = await house.links.mint(await house.page())
    foreign = await house.workspaces.create(await house.person("stranger"), "Elsewhere")
    for uuid in (str(foreign.uuid), str(uuid4())):
        assert await code_of(house.links.require(token, uuid)) is Code.FORBIDDEN
        assert await code_of(house.links.require(house.made.secret, uuid)) is Code.FORBIDDEN
        assert await code_of(house.links.require("nothing", uuid)) is Code.UNAUTHENTICATED
    own = str(await house.uuid())
    assert await code_of(house.links.require(token, own.upper())) is None
    for uuid in (own.replace("-", ""), f"{{{own}}}", f"urn:uuid:{own}", "", str(house.workspace.id), own + "\n", "\0"):
        assert await code_of(house.links.require(token, uuid)) is Code.BAD_INPUT
        assert await code_of(house.links.require("nothing", uuid)) is Code.UNAUTHENTICATED


# What ends them


async def test_a_new_secret_ends_the_page_and_its_tokens(house: LinkHouse) -> None:
    login = await house.links.login(house.made.connection.public_id, house.made.secret)
    session = await house.links.session(login.cookie)
    await house.connections.rotate_secret(house.owner, house.made.connection.id)
    assert await code_of(house.links.session(login.cookie)) is Code.UNAUTHENTICATED
    assert await code_of(house.links.authenticate(session.api_token)) is Code.UNAUTHENTICATED
    assert await code_of(house.links.authenticate(house.made.secret)) is Code.UNAUTHENTICATED
    assert await code_of(house.links.mint(session)) is Code.UNAUTHENTICATED
    assert await code_of(house.links.reset_workspace_uuid(session)) is Code.UNAUTHENTICATED


async def test_of_a_login_and_a_new_secret_at_the_same_moment_no_token_of_the_old_one_is_left(
    house: LinkHouse,
) -> None:
    logins = [house.links.login(house.made.connection.public_id, house.made.secret) for _ in range(5)]
    rotation = house.connections.rotate_secret(house.owner, house.made.connection.id)
    done = await asyncio.gather(*logins, rotation, return_exceptions=True)
    for login in done[:-1]:
        if not isinstance(login, BaseException):
            assert await code_of(house.links.session(login.cookie)) is Code.UNAUTHENTICATED  # type: ignore[union-attr]
    assert not await LinkToken.exists()


async def test_a_deleted_connection_ends_them(house: LinkHouse) -> None:
    session = await house.page()
    await house.connections.delete(house.owner, house.made.connection.id)
    assert await code_of(house.links.authenticate(session.api_token)) is Code.UNAUTHENTICATED
    assert await code_of(house.links.mint(session)) is Code.UNAUTHENTICATED
    assert not await LinkToken.exists()


async def test_the_tokens_of_a_deleted_workspace_are_dead(house: LinkHouse) -> None:
    session = await house.page()
    await house.workspaces.delete(house.owner, house.workspace.id)
    assert await code_of(house.links.authenticate(session.api_token)) is Code.UNAUTHENTICATED


@pytest.mark.parametrize("by", ["a member", "the page"])
async def test_after_a_new_uuid_tokens_are_403_until_the_page_is_opened_again(house: LinkHouse, by: str) -> None:
    login = await house.links.login(house.made.connection.public_id, house.made.secret)
    session = await house.links.session(login.cookie)
    token, old = await house.links.mint(session), await house.uuid()
    if by == "a member":
        await house.workspaces.reset_uuid(house.owner, house.workspace.id)
    else:
        new = await house.links.reset_workspace_uuid(session, address="192.0.2.9")
        assert isinstance(new, UUID)
        (recorded,) = await house.recorded("workspace uuid reset")
        assert (recorded.address, recorded.workspace_id) == ("192.0.2.9", house.workspace.id)
    assert await code_of(house.links.authenticate(token)) is Code.FORBIDDEN
    for uuid in (old, await house.uuid()):
        assert await code_of(house.links.require(token, str(uuid))) is Code.FORBIDDEN
    assert await code_of(house.links.require(house.made.secret, str(old))) is Code.FORBIDDEN

    session = await house.links.session(login.cookie)
    assert await house.links.mint(session) == token
    assert await code_of(house.links.require(token, str(await house.uuid()))) is None
    assert await code_of(house.links.require(token, str(old))) is Code.FORBIDDEN


async def test_the_controller_heard_last_is_the_connections(house: LinkHouse) -> None:
    assert (await house.links.authenticate(house.made.secret)).remote_controller is None
    await RemoteController.create(
        workspace_id=house.workspace.id,
        connection_id=house.made.connection.id,
        serial_number="NEVER",
        type=-1,
        created_at=house.clock(),
    )
    await house.hear(house.made.connection, "RC1", house.clock())
    house.clock.advance(minutes=1)
    await house.hear(house.made.connection, "RC2", house.clock())
    assert (await house.links.authenticate(house.made.secret)).remote_controller == "RC2"
