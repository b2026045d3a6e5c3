"""Hostile log-ins, roles and ends of sessions, over the real HTTP edge and the real command line."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from .conftest import Party, Town
from .devices import device
from .test_mqtt import until
from .test_socket import closing_code, hear, opened, positions, say, subscribe

LOGIN = "mutation($u:String!,$p:String!){login(username:$u,password:$p){user{id}}}"
PASSWORD = "a password of 31 characters, ok"


def codes(answer: dict[str, Any]) -> list[str]:
    return [error["extensions"]["code"] for error in answer.get("errors", [])]


def test_p3_section_7_unknown_and_known_accounts_are_locked_alike(private: Town) -> None:
    """Word for word, header for header, up to the lock and behind it; batches and aliases count like single tries."""
    private.user("known@example.org")
    _, token, _ = private.user("set@example.org")
    assert "errors" not in private.ask("mutation($p:String!){setInitialPassword(newPassword:$p)}", token, p=PASSWORD)
    stories = []
    for name in ("known@example.org", "set@example.org", "unknown@example.org", " UNKNOWN2@example.org ", "no address"):
        story = []
        for _ in range(5):
            answer = private.post({"query": LOGIN, "variables": {"u": name, "p": "wrong"}})
            story.append((answer.status_code, answer.text, sorted(answer.headers.keys())))
        aliases = " ".join(f"a{n}:login(username:$u,password:$p){{user{{id}}}}" for n in range(5))
        answer = private.post(
            {"query": f"mutation($u:String!,$p:String!){{{aliases}}}", "variables": {"u": name, "p": "x"}}
        )
        story.append((answer.status_code, answer.text, sorted(answer.headers.keys())))
        batch = [{"query": LOGIN, "variables": {"u": name, "p": "wrong"}}] * 4
        answer = private.post(batch)
        story.append((answer.status_code, answer.text, sorted(answer.headers.keys())))
        answer = private.post({"query": LOGIN, "variables": {"u": name, "p": PASSWORD}})
        assert answer.status_code == 429
        assert 0 < int(answer.headers["retry-after"]) <= 30
        assert "user-auth" not in answer.headers.get("set-cookie", "")
        stories.append(story)
    assert all(story == stories[0] for story in stories)
    assert "UNAUTHENTICATED" in stories[0][0][1]


def test_section_7_guesses_sent_all_at_once_count_like_guesses_one_by_one(private: Town) -> None:
    def guess(number: int) -> str:
        body = {"query": LOGIN, "variables": {"u": "nobody@example.org", "p": f"wrong {number}"}}
        return codes(private.post(body).json())[0]

    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(guess, range(48)))
    assert found.count("UNAUTHENTICATED") <= 10
    assert set(found) <= {"UNAUTHENTICATED", "RATE_LIMITED", "UNAVAILABLE"}


def test_p4_a_token_works_once_and_for_its_purpose_alone(private: Town) -> None:
    user, _, token = private.user("once@example.org")
    login = "mutation($t:String!){loginWithToken(token:$t){user{id}}}"
    reset = "mutation($t:String!,$p:String!){setNewPassword(code:$t,newPassword:$p)}"
    assert codes(private.ask(reset, t=token, p=PASSWORD)) == ["BAD_INPUT"]
    assert codes(private.ask("mutation($t:String!){confirmEmail(code:$t)}", t=token)) == ["BAD_INPUT"]
    assert private.ask("{me{id}}", token) == {"data": {"me": None}}
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: private.post({"query": login, "variables": {"t": token}}), range(8)))
    won = [answer for answer in answers if "errors" not in answer.json()]
    assert len(won) == 1
    cookie = won[0].headers["set-cookie"]
    assert cookie.startswith("user-auth=")
    for attribute in ("HttpOnly", "SameSite=Lax", "Path=/", "Max-Age="):
        assert attribute in cookie
    assert "Domain" not in cookie
    session = cookie.partition(";")[0].partition("=")[2]
    assert token not in cookie
    assert private.ask("{me{id}}", session) == {"data": {"me": None}}, "a session is no access token"
    for name in ("user-auth=x; user-auth=" + session, "User-Auth=" + session, "user-auth2=" + session):
        assert private.post({"query": "{me{id}}"}, cookie=name).json() == {"data": {"me": None}}, name
    mine = private.post({"query": "{me{id}}"}, cookie=f"user-auth={session}").json()
    assert mine == {"data": {"me": {"id": user}}}
    both = private.post({"query": "{me{id}}"}, cookie=f"user-auth={session}", authorization="Bearer nonsense")
    assert both.json() == {"data": {"me": None}}, "C5: the header alone counts"
    private.post({"query": "mutation{logout}"}, cookie=f"user-auth={session}")
    assert private.post({"query": "{me{id}}"}, cookie=f"user-auth={session}").json() == {"data": {"me": None}}


def test_c3_a_session_brought_along_is_not_adopted(private: Town) -> None:
    _, _, token = private.user("fixation@example.org")
    answer = private.post(
        {"query": "mutation($t:String!){loginWithToken(token:$t){user{id}}}", "variables": {"t": token}},
        cookie="user-auth=chosen-by-somebody-else",
    )
    assert "chosen-by-somebody-else" not in answer.headers["set-cookie"]
    assert private.post({"query": "{me{id}}"}, cookie="user-auth=chosen-by-somebody-else").json()["data"]["me"] is None


def test_p4_wrong_codes_of_one_address_run_out(private: Town) -> None:
    reset = "mutation($t:String!,$p:String!){setNewPassword(code:$t,newPassword:$p)}"
    found = [codes(private.ask(reset, t=f"wrong{number}", p=PASSWORD))[0] for number in range(12)]
    assert found == ["BAD_INPUT"] * 10 + ["RATE_LIMITED"] * 2


def test_p5_a_reset_is_asked_for_with_one_answer(town: Town, us: Party) -> None:
    ask = "mutation($u:String!){requestPasswordReset(username:$u)}"
    told = {
        town.post({"query": ask, "variables": {"u": name}}).content
        for name in (us.email, "nobody@example.org", "no address", "")
        for _ in range(5)
    }
    assert told == {b'{"data":{"requestPasswordReset":true}}'}


def test_nobody_rises_above_their_role(town: Town) -> None:
    owner = town.party("owner@example.org")
    people = {}
    for role in ("ADMIN", "MEMBER", "VIEWER"):
        email = f"{role.lower()}@example.org"
        people[role] = town.user(email)[:2]
        invite = f"mutation($w:ID!,$e:String!){{inviteMember(workspaceId:$w,email:$e,role:{role}){{role}}}}"
        assert "errors" not in town.ask(invite, owner.token, w=owner.workspace, e=email)
    change = "mutation($w:ID!,$u:ID!,$r:WorkspaceRole!){changeMemberRole(workspaceId:$w,userId:$u,role:$r){role}}"
    invite = 'mutation($w:ID!,$r:WorkspaceRole!){inviteMember(workspaceId:$w,email:"new@example.org",role:$r){role}}'
    remove = "mutation($w:ID!,$u:ID!){removeMember(workspaceId:$w,userId:$u)}"
    w = owner.workspace
    for role, (user_id, token) in people.items():
        tries = [
            (change, {"w": w, "u": user_id, "r": "OWNER"}),
            (change, {"w": w, "u": owner.user, "r": "VIEWER"}),
            (change, {"w": w, "u": owner.user, "r": "OWNER"}),
            (invite, {"w": w, "r": "OWNER"}),
            (remove, {"w": w, "u": owner.user}),
            ("mutation($w:ID!){deleteWorkspace(id:$w)}", {"w": w}),
        ]
        if role != "ADMIN":
            tries += [
                (change, {"w": w, "u": user_id, "r": "ADMIN"}),
                (invite, {"w": w, "r": "VIEWER"}),
                (remove, {"w": w, "u": people["ADMIN"][0]}),
                ('mutation($w:ID!){createConnection(workspaceId:$w,name:"x"){secret}}', {"w": w}),
                ('mutation($w:ID!){updateWorkspace(id:$w,name:"x"){id}}', {"w": w}),
                ("mutation($w:ID!){resetWorkspaceUuid(id:$w){id}}", {"w": w}),
                ("mutation($c:ID!){rotateConnectionSecret(id:$c){secret}}", {"c": owner.connection}),
                ("mutation($c:ID!){deleteConnection(id:$c)}", {"c": owner.connection}),
            ]
        for query, values in tries:
            assert codes(town.ask(query, token, **values)) == ["FORBIDDEN"], (role, query, values)
    held = town.ask("query($w:ID!){workspace(id:$w){members{user{id} role}}}", owner.token, w=w)
    roles = {member["user"]["id"]: member["role"] for member in held["data"]["workspace"]["members"]}
    assert roles == {owner.user: "OWNER"} | {user_id: role for role, (user_id, _) in people.items()}


def test_of_two_last_owners_who_leave_at_once_one_stays(town: Town) -> None:
    first = town.party("first@example.org")
    second, token, _ = town.user("second@example.org")
    for _ in range(5):
        made = town.ask('mutation{createWorkspace(name:"race"){id}}', first.token)["data"]["createWorkspace"]["id"]
        town.ask(
            'mutation($w:ID!){inviteMember(workspaceId:$w,email:"second@example.org",role:OWNER){role}}',
            first.token,
            w=made,
        )
        together = threading.Barrier(2)

        def leave(who: tuple[str, str], made: str = made, together: threading.Barrier = together) -> list[str]:
            together.wait()
            query = "mutation($w:ID!,$u:ID!){removeMember(workspaceId:$w,userId:$u)}"
            return codes(town.ask(query, who[1], w=made, u=who[0]))

        with ThreadPoolExecutor(2) as pool:
            found = list(pool.map(leave, [(first.user, first.token), (second, token)]))
        assert sorted(found) == [[], ["CONFLICT"]]


def fleet_of(workspace: str) -> str:
    """All that happens."""
    return f'subscription{{fleet(workspaceId:"{workspace}"){{cursor}}}}'


def replay_of(workspace: str) -> str:
    """A replay that is far from its end."""
    span = 'from:"2026-01-01T00:00:00Z",to:"2100-01-01T00:00:00Z"'
    return f'subscription{{replay(workspaceId:"{workspace}",{span}){{cursor}}}}'


CHANGE_ROLE = "mutation($w:ID!,$u:ID!,$r:WorkspaceRole!){changeMemberRole(workspaceId:$w,userId:$u,role:$r){role}}"


def viewer_of_a_new_workspace(town: Town, us: Party, email: str) -> tuple[str, str, str]:
    """A workspace of ours, and somebody who may look: the workspace, the user and a token of theirs."""
    user, token, _ = town.user(email)
    made: str = town.ask('mutation{createWorkspace(name:"roles"){id}}', us.token)["data"]["createWorkspace"]["id"]
    invite = "mutation($w:ID!,$e:String!){inviteMember(workspaceId:$w,email:$e,role:VIEWER){role}}"
    assert "errors" not in town.ask(invite, us.token, w=made, e=email)
    return made, user, token


def test_another_role_is_told_at_once_to_whom_it_was_given(town: Town, us: Party) -> None:
    made, user, token = viewer_of_a_new_workspace(town, us, "risen@example.org")
    with opened(town, token) as socket, opened(town, us.token) as others:
        for one in (socket, others):
            say(one, subscribe(f"subscription{{workspaceRole(workspaceId:{made})}}"))
        assert hear(others)["payload"]["data"] == {"workspaceRole": "OWNER"}
        for role in ("VIEWER", "ADMIN", "MEMBER"):
            if role != "VIEWER":
                assert "errors" not in town.ask(CHANGE_ROLE, us.token, w=made, u=user, r=role)
            assert hear(socket)["payload"]["data"] == {"workspaceRole": role}
        town.ask("mutation($w:ID!,$u:ID!){removeMember(workspaceId:$w,userId:$u)}", us.token, w=made, u=user)
        assert hear(socket)["payload"][0]["extensions"]["code"] == "FORBIDDEN"
        say(others, {"type": "ping"})
        assert hear(others) == {"type": "pong"}  # and nothing of the other one's role


def test_with_another_role_each_goes_on_with_what_it_asked_for(town: Town, us: Party) -> None:
    """Of those who follow a feed in several ways by one document none gets the choice of another."""
    made, user, token = viewer_of_a_new_workspace(town, us, "changed@example.org")
    rule = 'mutation($w:ID!){createAlertRule(workspaceId:$w,kind:LOW_BATTERY,name:"x"){id}}'
    fleet = "subscription($w:ID!,$k:[FleetEventKind!]){fleet(workspaceId:$w,kinds:$k){__typename}}"
    with opened(town, token) as socket:
        for number, kind in (("1", "DRONE_RENAMED"), ("2", "ALERT_RULE_CHANGED")):
            say(socket, subscribe(fleet, number, w=made, k=[kind]))
            assert hear(socket)["payload"]["data"]["fleet"]["__typename"] == "Snapshot"
        say(socket, subscribe(f"subscription{{workspaceRole(workspaceId:{made})}}", "role"))
        for role in ("VIEWER", "ADMIN"):
            if role == "ADMIN":
                assert "errors" not in town.ask(CHANGE_ROLE, us.token, w=made, u=user, r=role)
            assert hear(socket)["payload"]["data"] == {"workspaceRole": role}
        assert "errors" not in town.ask(rule, us.token, w=made)
        told = hear(socket)
        assert (told["id"], told["payload"]["data"]["fleet"]["__typename"]) == ("2", "AlertRuleChanged")


@pytest.mark.parametrize("how", ["token deleted", "user deleted", "removed", "workspace deleted", "token revoked"])
def test_c4_what_hangs_on_a_right_ends_with_it(town: Town, us: Party, how: str) -> None:
    """Also where another process, the command line, has ended it on the embedded hub."""
    email = f"{how.replace(' ', '-')}@example.org"
    user, token, _ = town.user(email)
    id = town.ask("{me{accessTokens{id}}}", token)["data"]["me"]["accessTokens"][0]["id"]
    made = town.ask('mutation{createWorkspace(name:"ends"){id}}', us.token)["data"]["createWorkspace"]["id"]
    invite = "mutation($w:ID!,$e:String!){inviteMember(workspaceId:$w,email:$e,role:VIEWER){role}}"
    assert "errors" not in town.ask(invite, us.token, w=made, e=email)
    with opened(town, token) as socket:
        for number, query in (("1", positions(made)), ("2", replay_of(made)), ("3", fleet_of(made))):
            say(socket, subscribe(query, number))
            assert hear(socket)["type"] == "next"
        match how:
            case "token deleted":
                town.ofh("token", "delete", id)
            case "user deleted":
                town.ofh("user", "delete", email)
            case "token revoked":
                town.ask("mutation($i:ID!){revokeAccessToken(id:$i)}", token, i=id)
            case "removed":
                query = "mutation($w:ID!,$u:ID!){removeMember(workspaceId:$w,userId:$u)}"
                town.ask(query, us.token, w=made, u=user)
            case _:
                town.ofh("workspace", "delete", made)
        if how in ("removed", "workspace deleted"):
            errors = [hear(socket) for _ in range(3)]
            assert sorted((error["id"], error["type"]) for error in errors) == [(number, "error") for number in "123"]
            assert {error["payload"][0]["extensions"]["code"] for error in errors} == {"FORBIDDEN"}
            say(socket, subscribe("{me{id}}", "2"))
            assert hear(socket)["payload"] == {"data": {"me": {"id": user}}}
        else:
            assert closing_code(socket) == 4403
    if how not in ("removed", "workspace deleted"):
        assert town.ask("{me{id}}", token) == {"data": {"me": None}}


@pytest.mark.parametrize("how", ["deleted", "rotated", "workspace deleted"])
def test_m6_a_controller_ends_with_its_connection(town: Town, us: Party, how: str) -> None:
    made = town.ask('mutation{createWorkspace(name:"ends"){id}}', us.token)["data"]["createWorkspace"]["id"]
    create = 'mutation($w:ID!){createConnection(workspaceId:$w,name:"x"){connection{id} connectionId secret}}'
    made_connection = town.ask(create, us.token, w=made)["data"]["createConnection"]
    found = Party(**{**vars(us), "account": made_connection["connectionId"], "secret": made_connection["secret"]})
    id = made_connection["connection"]["id"]
    with device(town, found) as controller:
        match how:
            case "deleted":
                town.ask("mutation($i:ID!){deleteConnection(id:$i)}", us.token, i=id)
            case "rotated":
                town.ask("mutation($i:ID!){rotateConnectionSecret(id:$i){secret}}", us.token, i=id)
            case _:
                town.ask("mutation($i:ID!){deleteWorkspace(id:$i)}", us.token, i=made)
        until(controller.ended.is_set)
    with pytest.raises(PermissionError), device(town, found):
        pass
