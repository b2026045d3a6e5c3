"""One's own account, passwords, tokens; and what the operator does (security.md, section 11; design.md)."""

import asyncio
from datetime import datetime, timedelta

import pytest

from ofh.domain.actors import Actor, Role
from ofh.domain.errors import Code, HubError
from ofh.services.accounts import UNSET
from ofh.services.audit import Event
from ofh.services.codes import Purpose
from ofh.store.models import AccessToken, Membership, OneTimeToken, User, UserSession
from tests.integration.accounts.house import OTHER_PASSWORD, PASSWORD, House, code_of


async def test_a_new_account_has_a_lower_case_address_and_a_name(house: House) -> None:
    user = await house.accounts.create_user("Ada.Lovelace@Example.ORG")
    assert (user.email, user.name, user.password_hash) == ("ada.lovelace@example.org", "ada.lovelace", None)


async def test_the_operator_is_told_that_an_address_is_taken(house: House) -> None:
    await house.user("ada")
    results = await asyncio.gather(
        *(house.accounts.create_user("ADA@example.org") for _ in range(3)), return_exceptions=True
    )
    assert {result.code for result in results if isinstance(result, HubError)} == {Code.CONFLICT}
    assert await User.all().count() == 1


@pytest.mark.parametrize(
    "password", ["short", "x" * 7, "é" * 37, "password123", "PASSWORD123", "ada@example.org", "a\0bcdefgh"]
)
async def test_what_a_password_must_not_be(house: House, password: str) -> None:
    with pytest.raises(HubError) as refusal:
        await house.accounts.create_user("ada@example.org", None, password)
    assert (refusal.value.code, list(refusal.value.fields)) == (Code.BAD_INPUT, ["password"])


@pytest.mark.parametrize(
    "password", ["éééé", "x" * 71 + "y", " spaces kept ", "e\u0301clair au chocolat", "\x7fcontrol\t"]
)
async def test_any_other_password_is_taken_as_it_is(house: House, password: str) -> None:
    user = await house.accounts.create_user("ada@example.org", None, password)
    assert await house.login(user, password)
    with pytest.raises(HubError):
        await house.login(user, password.strip()[:-1])


async def test_who_sees_whom(house: House) -> None:
    ada, bob, eve = await house.person("ada"), await house.person("bob"), await house.person("eve")
    workspace = await house.workspaces.create(ada, "Lake")
    await house.workspaces.invite(ada, workspace.id, "bob@example.org", Role.VIEWER)
    for viewer, seen, expected in [
        (ada, bob, True),
        (bob, ada, True),
        (ada, ada, True),
        (eve, ada, False),
        (ada, eve, False),
    ]:
        assert (await house.accounts.user(viewer, seen.user_id) is not None) is expected
    for user_id in (0, -1, 2**63, 2**90, 999_999):
        assert await house.accounts.user(ada, user_id) is None


async def test_changing_the_account_leaves_alone_what_is_left_out(house: House) -> None:
    ada = await house.person("ada")
    user = await house.accounts.update_user(ada, ada.user_id, name=" Ada L. ", locale="de-CH")
    assert (user.name, user.locale) == ("Ada L.", "de-CH")
    user = await house.accounts.update_user(ada, ada.user_id, locale=None)
    assert (user.name, user.locale) == ("Ada L.", None)
    user = await house.accounts.update_user(ada, ada.user_id, name=UNSET)
    assert user.name == "Ada L."
    for wrong in ({"name": None}, {"email": None}, {"name": "\n"}, {"locale": "de_CH!"}, {"email": "nobody"}):
        with pytest.raises(HubError) as refusal:
            await house.accounts.update_user(ada, ada.user_id, **wrong)
        assert (refusal.value.code, list(refusal.value.fields)) == (Code.BAD_INPUT, list(wrong))


async def test_nobody_changes_somebody_else(house: House) -> None:
    ada, bob, eve = await house.person("ada"), await house.person("bob"), await house.person("eve")
    workspace = await house.workspaces.create(ada, "Lake")
    await house.workspaces.invite(ada, workspace.id, "bob@example.org", Role.VIEWER)
    with pytest.raises(HubError) as refusal:
        await house.accounts.update_user(ada, bob.user_id, name="Robert")
    assert refusal.value.code is Code.FORBIDDEN
    answers = set()
    for user_id in (eve.user_id, 999_999, 2**80):
        with pytest.raises(HubError) as refusal:
            await house.accounts.update_user(ada, user_id, name="Eva")
        answers.add(str(code_of(refusal)))
    assert len(answers) == 1
    assert "GONE" in answers.pop()


async def test_without_mail_a_new_address_holds_at_once(house: House) -> None:
    house.mail.is_configured = False
    ada = await house.person("ada")
    user = await house.accounts.update_user(ada, ada.user_id, email="Countess@example.org")
    assert user.email == "countess@example.org"
    assert len(await house.recorded(Event.EMAIL_CHANGED)) == 1


async def test_with_mail_a_new_address_holds_once_it_is_confirmed(house: House) -> None:
    ada = await house.person("ada")
    user = await house.accounts.update_user(ada, ada.user_id, email="countess@example.org", name="Ada")
    assert (user.email, user.name) == ("ada@example.org", "Ada")
    code = await house.mail.code("countess@example.org")
    await house.accounts.confirm_email(code)
    assert (await User.get(id=ada.user_id)).email == "countess@example.org"
    assert [letter.to for letter in await house.mail.read()] == ["ada@example.org"]
    with pytest.raises(HubError) as refusal:
        await house.accounts.confirm_email(code)
    assert refusal.value.code is Code.BAD_INPUT


async def test_going_back_to_the_address_in_force_takes_the_change_back(house: House) -> None:
    ada = await house.person("ada")
    await house.accounts.update_user(ada, ada.user_id, email="countess@example.org")
    code = await house.mail.code("countess@example.org")
    await house.accounts.update_user(ada, ada.user_id, email="ada@example.org")
    with pytest.raises(HubError):
        await house.accounts.confirm_email(code)
    assert (await User.get(id=ada.user_id)).email == "ada@example.org"


@pytest.mark.parametrize("is_configured", [True, False])
async def test_an_address_that_is_taken_is_refused_in_the_words_for_any_that_cannot_be_used(
    house: House, is_configured: bool
) -> None:
    house.mail.is_configured = is_configured
    ada = await house.person("ada")
    await house.user("bob")
    answers = set()
    for email in ("bob@example.org", "BOB@example.org", "no address", "a@b@c", "x" * 300 + "@example.org", "a\0@b.org"):
        with pytest.raises(HubError) as refusal:
            await house.accounts.update_user(ada, ada.user_id, email=email)
        answers.add(str(code_of(refusal)))
    assert len(answers) == 1


async def test_an_address_that_is_taken_before_it_is_confirmed_stays_with_its_new_owner(house: House) -> None:
    ada = await house.person("ada")
    await house.accounts.update_user(ada, ada.user_id, email="countess@example.org")
    code = await house.mail.code("countess@example.org")
    other = await house.accounts.create_user("countess@example.org")
    with pytest.raises(HubError) as refusal:
        await house.accounts.confirm_email(code)
    assert refusal.value.code is Code.BAD_INPUT
    assert (await User.get(id=ada.user_id)).email == "ada@example.org"
    assert (await User.get(id=other.id)).email == "countess@example.org"


async def test_a_change_of_password_ends_all_other_sessions(house: House) -> None:
    user = await house.user("ada")
    logins = [await house.login(user) for _ in range(3)]
    actors = [await house.sessions.authenticate_session(login.token) for login in logins]
    assert actors[0] is not None
    _, token = await house.access_tokens.create(actors[0], "script")
    await house.accounts.change_password(actors[0], PASSWORD, OTHER_PASSWORD)
    assert [await house.sessions.authenticate_session(login.token) is not None for login in logins] == [
        True,
        False,
        False,
    ]
    assert [ended.concerns(actor) for ended in house.ended for actor in actors if actor] == [False, True, True]
    revoked = [entry for entry in await house.audit_rows() if entry.action == Event.SESSION_REVOKED]
    assert [(entry.user_id, entry.object) for entry in revoked] == [(user.id, f"user:{user.id}")]
    assert await house.sessions.authenticate_bearer(token) is not None
    assert await house.login(user, OTHER_PASSWORD)
    with pytest.raises(HubError):
        await house.login(user, PASSWORD)


async def test_a_program_that_changes_the_password_ends_every_session(house: House) -> None:
    user = await house.user("ada")
    ada = await house.sessions.authenticate_session((await house.login(user)).token)
    assert ada is not None
    _, token = await house.access_tokens.create(ada, "script")
    program = await house.sessions.authenticate_bearer(token)
    assert program is not None
    await house.accounts.change_password(program, PASSWORD, OTHER_PASSWORD)
    assert await UserSession.all().count() == 0
    assert [entry.action for entry in await house.audit_rows()].count(Event.SESSION_REVOKED) == 1
    await house.accounts.change_password(program, OTHER_PASSWORD, PASSWORD)
    assert [entry.action for entry in await house.audit_rows()].count(Event.SESSION_REVOKED) == 1  # there was none
    assert not any(ended.concerns(program) for ended in house.ended)


async def test_a_wrong_current_password_is_named_and_may_not_be_guessed(house: House) -> None:
    user = await house.user("ada")
    login = await house.login(user)
    ada = await house.sessions.authenticate_session(login.token)
    assert ada is not None
    for _ in range(10):
        with pytest.raises(HubError) as refusal:
            await house.accounts.change_password(ada, OTHER_PASSWORD, "something new and long")
        assert (refusal.value.code, list(refusal.value.fields)) == (Code.BAD_INPUT, ["current_password"])
    with pytest.raises(HubError) as refusal:
        await house.accounts.change_password(ada, PASSWORD, "something new and long")
    assert refusal.value.code is Code.RATE_LIMITED
    assert await house.sessions.authenticate_session(login.token) is not None
    assert await house.login(user)


async def test_of_two_changes_at_once_one_holds(house: House) -> None:
    user = await house.user("ada")
    ada = await house.sessions.authenticate_session((await house.login(user)).token)
    assert ada is not None
    results = await asyncio.gather(
        *(house.accounts.change_password(ada, PASSWORD, f"something new, number {n}") for n in range(3)),
        return_exceptions=True,
    )
    assert sum(result is None for result in results) == 1
    assert {result.code for result in results if isinstance(result, HubError)} == {Code.BAD_INPUT}


async def test_a_first_password_is_set_once(house: House) -> None:
    user = await house.user("ada", None)
    ada, other = await house.actor(user), await house.actor(user)
    with pytest.raises(HubError) as refusal:
        await house.accounts.change_password(ada, "", PASSWORD)
    assert refusal.value.code is Code.CONFLICT
    results = await asyncio.gather(
        *(house.accounts.set_initial_password(ada, PASSWORD) for _ in range(3)), return_exceptions=True
    )
    assert sum(result is None for result in results) == 1
    assert {result.code for result in results if isinstance(result, HubError)} == {Code.CONFLICT}
    assert await house.sessions.still_valid(ada)
    assert not await house.sessions.still_valid(other)
    assert await house.login(user)


async def test_a_reset_code_sets_a_password_once_and_ends_all_sessions(house: House) -> None:
    user = await house.user("ada")
    login = await house.login(user)
    await house.accounts.request_password_reset(" Ada@example.org", address="192.0.2.1")
    code = await house.mail.code("ada@example.org")
    with pytest.raises(HubError) as refusal:  # one that will not do leaves the code unused
        await house.accounts.set_new_password("ada@example.org", code)
    assert list(refusal.value.fields) == ["new_password"]
    results = await asyncio.gather(
        *(house.accounts.set_new_password(OTHER_PASSWORD, code) for _ in range(3)), return_exceptions=True
    )
    assert sum(result is None for result in results) == 1
    assert await house.sessions.authenticate_session(login.token) is None
    assert await house.login(user, OTHER_PASSWORD)
    assert [letter.subject for letter in await house.mail.read()] == ["Your password was changed"]


async def test_a_reset_ends_what_somebody_may_have_prepared_with_the_old_password(house: House) -> None:
    user = await house.user("ada")
    intruder = await house.actor(user)
    await house.accounts.update_user(intruder, user.id, email="intruder@example.net")
    await house.mail.settle()
    token = await house.sessions.issue_login_token(user.id)
    code = await house.accounts.issue_reset_code(user.id)
    await house.accounts.set_new_password(OTHER_PASSWORD, code)
    assert (await User.get(id=user.id)).pending_email is None
    assert await OneTimeToken.all().count() == 0
    with pytest.raises(HubError):
        await house.sessions.login_with_token(token)


async def test_wrong_used_expired_and_foreign_codes_are_answered_alike(house: House) -> None:
    user = await house.user("ada")
    used = await house.accounts.issue_reset_code(user.id)
    await house.accounts.set_new_password(OTHER_PASSWORD, used)
    replaced = await house.accounts.issue_reset_code(user.id)
    expired = await house.accounts.issue_reset_code(user.id)
    house.clock.advance(minutes=30)
    login = await house.sessions.issue_login_token(user.id)
    answers = set()
    for number, code in enumerate(["wrong", "", used, replaced, expired, login, "x" * 1000]):
        with pytest.raises(HubError) as refusal:
            await house.accounts.set_new_password(PASSWORD, code, address=f"192.0.2.{number}")
        answers.add(str(code_of(refusal)))
    assert len(answers) == 1
    assert "BAD_INPUT" in answers.pop()


async def test_ten_wrong_reset_codes_lock_an_address(house: House) -> None:
    for _ in range(10):
        with pytest.raises(HubError) as refusal:
            await house.accounts.set_new_password(PASSWORD, "wrong", address="192.0.2.1")
        assert refusal.value.code is Code.BAD_INPUT
    with pytest.raises(HubError) as refusal:
        await house.accounts.set_new_password(PASSWORD, "wrong", address="192.0.2.1")
    assert refusal.value.code is Code.RATE_LIMITED


async def test_a_reset_request_does_nothing_in_the_request_itself(house: House) -> None:
    await house.user("ada")
    await house.mail.stop()
    await house.accounts.request_password_reset("ada@example.org")
    await house.accounts.request_password_reset("nobody@example.org")
    await house.accounts.request_password_reset("no address at all")
    assert await OneTimeToken.all().count() == 0
    await house.mail.start()
    assert [letter.to for letter in await house.mail.read()] == ["ada@example.org"]


async def test_extra_reset_requests_send_nothing(house: House) -> None:
    await house.user("ada")
    for _ in range(5):
        await house.accounts.request_password_reset("ada@example.org", address="192.0.2.1")
    assert len(await house.mail.read()) == 3
    house.clock.advance(hours=1)
    await house.accounts.request_password_reset("ada@example.org", address="192.0.2.1")
    assert len(await house.mail.read()) == 1
    for number in range(30):
        await house.accounts.request_password_reset(f"{number}@example.org", address="192.0.2.1")
    await house.user("bob")
    await house.accounts.request_password_reset("bob@example.org", address="192.0.2.1")
    assert await house.mail.read() == []


async def test_access_tokens_are_made_listed_and_revoked_by_their_owner_alone(house: House) -> None:
    ada, eve = await house.person("ada"), await house.person("eve")
    row, token = await house.access_tokens.create(ada, "script")
    program = await house.sessions.authenticate_bearer(token)
    assert program is not None
    assert [item.id for item in await house.access_tokens.of(ada)] == [row.id]
    assert await house.access_tokens.of(eve) == []
    answers = set()
    for actor, token_id in [(eve, row.id), (ada, row.id + 1), (ada, 2**70), (ada, 0)]:
        with pytest.raises(HubError) as refusal:
            await house.access_tokens.revoke(actor, token_id)
        answers.add(str(code_of(refusal)))
    assert len(answers) == 1
    await house.access_tokens.revoke(ada, row.id)
    assert await house.sessions.authenticate_bearer(token) is None
    assert [(ended.concerns(program), ended.concerns(ada)) for ended in house.ended] == [(True, False)]


async def test_when_an_access_token_may_expire(house: House) -> None:
    ada = await house.person("ada")
    now = house.clock.now
    for wrong in (now, now - timedelta(days=1), datetime(2030, 1, 1)):
        with pytest.raises(HubError) as refusal:
            await house.access_tokens.create(ada, "script", wrong)
        assert list(refusal.value.fields) == ["expires_at"]
    await house.access_tokens.create(ada, "script", now + timedelta(microseconds=1))


async def test_a_user_has_at_most_a_hundred_access_tokens(house: House) -> None:
    ada = await house.person("ada")
    await AccessToken.bulk_create(
        AccessToken(user_id=ada.user_id, name="t", digest=f"{n:064x}", created_at=house.clock.now) for n in range(100)
    )
    with pytest.raises(HubError) as refusal:
        await house.access_tokens.create(ada, "script")
    assert refusal.value.code is Code.CONFLICT


async def test_a_stream_token_lasts_five_minutes_and_cannot_be_made_up(house: House) -> None:
    """security.md, P9."""
    ada = await house.person("ada")
    token = house.stream_tokens.create(ada)
    assert house.stream_tokens.viewer(token) == ada.user_id
    forged = token.replace(f".{ada.user_id}.", f".{ada.user_id + 1}.")
    for wrong in (forged, token[:-1], token + "x", "", "....", "é", "\ud800", token.upper()):
        assert house.stream_tokens.viewer(wrong) is None
    house.clock.advance(minutes=5)
    assert house.stream_tokens.viewer(token) == ada.user_id
    house.clock.advance(seconds=1)
    assert house.stream_tokens.viewer(token) is None
    assert await house.sessions.authenticate_bearer(token) is None
    assert await house.sessions.authenticate_session(token) is None


async def test_a_deleted_user_is_gone_everywhere_at_once(house: House) -> None:
    ada, bob = await house.person("ada"), await house.person("bob")
    workspace = await house.workspaces.create(ada, "Lake")
    await house.workspaces.invite(ada, workspace.id, "bob@example.org", Role.OWNER)
    _, token = await house.access_tokens.create(bob, "script")
    await house.accounts.delete_user(bob.user_id)
    assert not await house.sessions.still_valid(bob)
    assert await house.sessions.authenticate_bearer(token) is None
    assert await Membership.filter(user_id=bob.user_id).count() == 0
    assert any(ended.concerns(bob) for ended in house.ended)
    assert not any(ended.concerns(ada) for ended in house.ended)
    for user_id in (bob.user_id, 2**70):
        with pytest.raises(HubError) as refusal:
            await house.accounts.delete_user(user_id)
        assert refusal.value.code is Code.GONE
    for act in (
        house.accounts.set_initial_password(bob, PASSWORD),
        house.access_tokens.create(bob, "script"),
        house.workspaces.create(bob, "Mine"),
    ):
        with pytest.raises(HubError) as refusal:
            await act
        assert refusal.value.code is Code.UNAUTHENTICATED


async def test_the_last_owner_of_a_workspace_is_not_deleted(house: House) -> None:
    ada = await house.person("ada")
    await house.workspaces.create(ada, "Lake")
    with pytest.raises(HubError) as refusal:
        await house.accounts.delete_user(ada.user_id)
    assert refusal.value.code is Code.CONFLICT
    assert await house.sessions.still_valid(ada)


async def test_of_two_last_owners_deleted_at_once_one_stays(house: House) -> None:
    ada, bob = await house.person("ada"), await house.person("bob")
    workspace = await house.workspaces.create(ada, "Lake")
    await house.workspaces.invite(ada, workspace.id, "bob@example.org", Role.OWNER)
    results = await asyncio.gather(
        house.accounts.delete_user(ada.user_id), house.accounts.delete_user(bob.user_id), return_exceptions=True
    )
    assert [type(result) for result in results].count(HubError) == 1
    assert await Membership.filter(workspace_id=workspace.id, role=Role.OWNER.value).count() == 1


async def test_nothing_secret_is_recorded_or_logged(
    house: House, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    """security.md, L1."""
    caplog.set_level("INFO")
    user = await house.user("ada")
    login = await house.login(user)
    ada = await house.sessions.authenticate_session(login.token, "192.0.2.1")
    assert ada is not None
    _, token = await house.access_tokens.create(ada, "script")
    workspace = await house.workspaces.create(ada, "Lake")
    created = await house.connections.create(ada, workspace.id, "Pad")
    await house.accounts.request_password_reset("ada@example.org")
    code = await house.mail.code("ada@example.org")
    await house.accounts.set_new_password(OTHER_PASSWORD, code)
    stream = house.stream_tokens.create(ada)
    with pytest.raises(HubError):
        await house.login(user, "marker-password")
    written = caplog.text + "".join(capsys.readouterr())
    for entry in await house.audit_rows():
        written += f"{entry.action} {entry.object} {entry.address}"
    for secret in (login.token, token, created.secret, code, stream, "marker-password", PASSWORD, OTHER_PASSWORD):
        assert secret not in written


async def test_an_actor_of_a_deleted_session_may_still_be_recorded(house: House) -> None:
    await house.audit.by(
        Actor(user_id=7, credential="token", credential_id=1, address="x" * 300), Event.LOGOUT, object="y" * 900
    )
    (entry,) = await house.audit_rows()
    assert (len(entry.address), len(entry.object)) == (64, 255)


async def test_old_audit_entries_are_pruned(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ofh.services.audit.PRUNE_BATCH", 2)
    for _ in range(5):
        await house.audit.record(Event.LOGIN)
    house.clock.advance(days=365)
    await house.audit.record(Event.LOGOUT)
    assert await house.audit.prune(house.clock.now) == 5
    assert [entry.action for entry in await house.audit_rows()] == ["logout"]


async def test_a_code_for_nobody_is_none(house: House) -> None:
    assert await house.codes.issue(12345, Purpose.RESET) is None
    with pytest.raises(HubError) as refusal:
        await house.accounts.issue_reset_code(12345)
    assert refusal.value.code is Code.GONE
