"""`ofh user`, `workspace`, `connection` and `token`, as scripts and people use them (design.md, 'the command line')."""

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from ofh.cli import connections, tokens, users, workspaces
from ofh.domain.errors import HubError
from ofh.services.passwords import Passwords
from ofh.store.database import Database
from ofh.store.models import User
from tests.integration.accounts.house import OTHER_PASSWORD, PASSWORD, House


@pytest.fixture
def ofh(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs a command on the test's database."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OFH_DATABASE_URL", database_url)
    monkeypatch.setenv("OFH_SECRET_KEY", "k" * 32)
    monkeypatch.setenv("OFH_ARGON2_MEMORY_KIB", "19456")
    monkeypatch.setenv("OFH_PUBLIC_URL", "https://hub.example")
    app = typer.Typer(pretty_exceptions_enable=False)
    for group in (users, workspaces, connections, tokens):
        group.register(app)

    def run(*arguments: str, stdin: str = "") -> Result:
        return CliRunner().invoke(app, list(arguments), input=stdin)

    return run


def answer(result: Result) -> Any:
    """The one JSON object that there is on standard output."""
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.count("\n") == 1
    return json.loads(result.stdout)


def refusal(result: Result) -> str:
    """The one line that says what is wrong."""
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.count("\n") == 1
    return result.stderr


def test_the_answers_that_scripts_rely_on(ofh: Any) -> None:
    user = answer(ofh("user", "create", "Ada@example.org", "--json"))
    assert (sorted(user), user["email"]) == (["email", "id", "login_token"], "ada@example.org")
    workspace = answer(ofh("workspace", "create", "Lake", "--owner", "ada@example.org", "--json"))
    assert (sorted(workspace), workspace["name"]) == (["id", "name", "uuid"], "Lake")
    connection = answer(ofh("connection", "create", str(workspace["id"]), "Pad", "--json"))
    assert sorted(connection) == ["connection_id", "id", "secret"]
    token = answer(ofh("token", "create", "ada@example.org", "script", "--json"))
    assert sorted(token) == ["id", "token"]
    assert [type(item["id"]) for item in (user, workspace, connection, token)] == [int] * 4

    (listed,) = answer(ofh("user", "list", "--json"))["users"]
    assert (listed["id"], listed["email"], listed["has_password"]) == (user["id"], "ada@example.org", False)
    (listed,) = answer(ofh("workspace", "list", "--json"))["workspaces"]
    assert (listed["id"], listed["uuid"]) == (workspace["id"], workspace["uuid"])
    (listed,) = answer(ofh("connection", "list", str(workspace["id"]), "--json"))["connections"]
    assert (listed["id"], listed["connection_id"]) == (connection["id"], connection["connection_id"])
    assert connection["secret"] not in json.dumps(answer(ofh("connection", "list", "--json")))
    (listed,) = answer(ofh("token", "list", "ada@example.org", "--json"))["tokens"]
    assert (listed["id"], listed["name"], listed["expires_at"]) == (token["id"], "script", None)

    assert answer(ofh("token", "delete", str(token["id"]), "--json")) == {"id": token["id"]}
    assert answer(ofh("connection", "delete", str(connection["id"]), "--json")) == {"id": connection["id"]}
    assert "last owner" in refusal(ofh("user", "delete", "ada@example.org", "--json"))
    assert answer(ofh("workspace", "delete", str(workspace["id"]), "--json")) == {"id": workspace["id"]}
    assert answer(ofh("user", "delete", "ada@example.org", "--json")) == {"id": user["id"], "email": "ada@example.org"}
    for group in ("user", "workspace", "connection"):
        assert answer(ofh(group, "list", "--json")) == {f"{group}s": []}


def test_what_people_read(ofh: Any) -> None:
    result = ofh("user", "create", "ada@example.org", "--name", "Ada")
    assert re.search(r"https://hub\.example/#login=[\w-]{43}\n", result.stdout)
    result = ofh("workspace", "create", "Lake", "--owner", "ada@example.org")
    assert result.stdout.startswith("Created workspace 1: Lake")
    assert "Secret:" in ofh("connection", "create", "1", "Pad").stdout
    assert "ofh_pat_" in ofh("token", "create", "ada@example.org", "script", "--days", "3").stdout
    table = ofh("user", "list").stdout.splitlines()
    assert table[0].split() == ["id", "email", "name", "created", "at", "has", "password"]
    assert table[1].split()[1:3] == ["ada@example.org", "Ada"]
    assert ofh("connection", "list", "1").stdout.splitlines()[1].split()[2] == "Pad"
    assert ofh("token", "list", "ada@example.org").stdout.splitlines()[1].split()[1] == "script"
    assert "#login=" in ofh("user", "login-link", "ada@example.org").stdout
    assert "#reset=" in ofh("user", "reset-password", "ada@example.org").stdout
    assert ofh("connection", "delete", "1", "--yes").stdout == "Deleted connection 1.\n"
    assert ofh("connection", "list").stdout == "No connections.\n"


def test_what_goes_wrong_is_one_line_and_exit_code_1(ofh: Any) -> None:
    answer(ofh("user", "create", "ada@example.org", "--json"))
    for arguments in (
        ("user", "create", "ada@example.org"),
        ("user", "create", "no address"),
        ("user", "create", "bob@example.org", "--name", "\x1b[31m"),
        ("user", "delete", "nobody@example.org"),
        ("user", "reset-password", "nobody@example.org"),
        ("user", "login-link", "nobody@example.org"),
        ("workspace", "create", "Lake", "--owner", "nobody@example.org"),
        ("workspace", "create", "", "--owner", "ada@example.org"),
        ("workspace", "delete", "77"),
        ("workspace", "delete", "9" * 30),
        ("connection", "create", "77", "Pad"),
        ("connection", "list", "77"),
        ("connection", "delete", "77"),
        ("token", "create", "nobody@example.org", "x"),
        ("token", "list", "nobody@example.org"),
        ("token", "delete", "77"),
    ):
        assert refusal(ofh(*arguments)).startswith("Error: ")
        assert refusal(ofh(*arguments, "--json")).startswith("Error: ")


def test_wrong_usage_is_exit_code_2(ofh: Any) -> None:
    for arguments in (("user", "create"), ("connection", "create", "one", "Pad"), ("user", "nonsense")):
        assert ofh(*arguments).exit_code == 2


def stored_hash(database_url: str, email: str) -> str | None:
    async def read() -> str | None:
        database = Database(database_url)
        await database.open()
        try:
            return (await User.get(email=email)).password_hash
        finally:
            await database.close()

    return asyncio.run(read())


def fits(stored: str | None, password: str) -> bool:
    async def check() -> bool:
        passwords = Passwords(memory_kib=19_456)
        try:
            return await passwords.verify(stored, password)
        finally:
            passwords.close()

    return asyncio.run(check())


def test_passwords_come_by_standard_input_and_one_line_break_goes(ofh: Any, database_url: str) -> None:
    answer(ofh("user", "create", "ada@example.org", "--password-stdin", "--json", stdin=f" {PASSWORD} \n"))
    assert fits(stored_hash(database_url, "ada@example.org"), f" {PASSWORD} ")
    changed = answer(
        ofh("user", "reset-password", "ada@example.org", "--password-stdin", "--json", stdin=OTHER_PASSWORD)
    )
    assert sorted(changed) == ["email", "id"]
    assert fits(stored_hash(database_url, "ada@example.org"), OTHER_PASSWORD)
    assert "password" in refusal(ofh("user", "create", "bob@example.org", "--password-stdin", stdin="short"))
    assert PASSWORD not in ofh("user", "list").stdout


async def test_what_the_command_line_makes_works_in_a_hub(ofh: Any, house: House) -> None:
    user = answer(await asyncio.to_thread(ofh, "user", "create", "ada@example.org", "--json"))
    code = answer(await asyncio.to_thread(ofh, "user", "reset-password", "ada@example.org", "--json"))["reset_code"]
    token = answer(await asyncio.to_thread(ofh, "token", "create", "ada@example.org", "x", "--json"))["token"]
    house.clock.now = (await User.get(id=user["id"])).created_at
    assert (await house.sessions.login_with_token(user["login_token"])).user.id == user["id"]
    await house.accounts.set_new_password(PASSWORD, code)
    actor = await house.sessions.authenticate_bearer(token)
    assert actor is not None
    assert actor.user_id == user["id"]
    link = answer(await asyncio.to_thread(ofh, "user", "login-link", "ada@example.org", "--json"))
    answer(await asyncio.to_thread(ofh, "user", "delete", "ada@example.org", "--json"))
    assert not await house.sessions.still_valid(actor)
    with pytest.raises(HubError):
        await house.sessions.login_with_token(link["login_token"])
