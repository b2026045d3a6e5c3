"""What scripts rely on: one JSON object on standard output and nothing else, and the exit codes."""

import asyncio
import sqlite3
from pathlib import Path
from typing import Any
from uuid import UUID

import typer
from typer.testing import CliRunner

from ofh.cli.main import app
from tests.integration.cli.commands import Place

ROOT = Path(__file__).resolve().parents[3]


async def test_every_json_answer_has_the_shape_that_the_specification_names(place: Place) -> None:
    user = (await place.ofh("user", "create", "ada@example.org", "--json")).answer
    assert set(user) == {"id", "email", "login_token"}
    workspace = (await place.ofh("workspace", "create", "Lake", "--owner", "ada@example.org", "--json")).answer
    assert set(workspace) == {"id", "uuid", "name"}
    assert (UUID(workspace["uuid"]).version, workspace["name"]) == (4, "Lake")
    made = await asyncio.gather(
        place.ofh("connection", "create", str(workspace["id"]), "Pad", "--json"),
        place.ofh("token", "create", "ada@example.org", "script", "--json"),
    )
    connection, token = (ended.answer for ended in made)
    assert set(connection) == {"id", "connection_id", "secret"}
    assert set(token) == {"id", "token"}
    listed, deleted = await asyncio.gather(
        place.ofh("connection", "list", "--json"),
        place.ofh("token", "delete", str(token["id"]), "--json"),
    )
    (row,) = listed.answer["connections"]
    assert (row["id"], row["connection_id"]) == (connection["id"], connection["connection_id"])
    assert connection["secret"] not in listed.out
    assert deleted.answer == {"id": token["id"]}


async def test_what_goes_wrong_is_one_line_on_standard_error_and_its_exit_code(place: Place) -> None:
    nobody, wrong, unknown, usage = await asyncio.gather(
        place.ofh("user", "delete", "nobody@example.org", "--json"),
        place.ofh("user", "list", "--json", OFH_LOG_LEVEL="loud"),
        place.ofh("nonsense"),
        place.ofh("connection", "create", "one", "Pad"),
    )
    assert (nobody.code, nobody.out) == (1, "")
    assert nobody.err.splitlines()[-1] == "Error: There is no user nobody@example.org."
    assert (wrong.code, wrong.out, wrong.err.count("\n")) == (2, "", 1)
    assert wrong.err.startswith("Error: OFH_LOG_LEVEL: ")
    assert (unknown.code, unknown.out) == (2, "")
    assert "nonsense" in unknown.err
    assert (usage.code, usage.out) == (2, "")
    assert "WORKSPACE_ID" in usage.err


async def test_several_wrong_settings_are_named_together_before_anything_is_touched(place: Place) -> None:
    ended = await place.ofh("serve", "--workers", "2", OFH_PUBLIC_URL="hub.example.org")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("Error: OFH_PUBLIC_URL: ")
    assert not (place.folder / "data").exists()


async def test_settings_of_a_file_count_for_commands_too(place: Place) -> None:
    (place.folder / ".env").write_text("OFH_LOG_FORMAT=xml\n")
    ended = await place.ofh("user", "list")
    assert (ended.code, ended.err.startswith("Error: OFH_LOG_FORMAT: ")) == (2, True)


async def test_a_database_that_is_none_is_one_clear_line(place: Place) -> None:
    (place.folder / "data").mkdir()
    (place.folder / "data" / "hub.db").write_bytes(b"no database at all" * 100)
    for words in (("user", "list"), ("migrate",), ("serve",)):
        ended = await place.ofh(*words)
        assert (ended.code, ended.out, ended.err.count("\n")) == (1, "", 1), ended
        assert "not a database" in ended.err


# Migrations, and what is printed


async def test_migrate_brings_the_database_up_to_date_once(place: Place) -> None:
    first = await place.ofh("migrate")
    assert (first.code, first.out.splitlines()[0]) == (0, "0001_initial")
    with sqlite3.connect(place.folder / "data" / "hub.db") as database:
        assert database.execute("SELECT count(*) FROM users").fetchone() == (0,)
    database.close()
    second = await place.ofh("migrate")
    assert (second.code, second.out) == (0, "Nothing to do.\n")


async def test_what_is_generated_is_what_the_repository_holds() -> None:
    """In process: nothing of the environment matters to it. When it fails: make generated."""
    for words, path in (
        (["schema"], "schema.graphql"),
        (["settings"], "docs/settings.md"),
        (["openapi"], "src/ofh/edges/docs/contracts/openapi.json"),
    ):
        result = CliRunner().invoke(app, words)
        assert (result.exit_code, result.stderr) == (0, "")
        assert result.stdout == (ROOT / path).read_text("utf-8")


async def test_the_schema_is_printed_as_it_is_and_nothing_else(place: Place) -> None:
    ended = await place.ofh("schema")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out == (ROOT / "schema.graphql").read_text("utf-8")


# Help


def commands(group: Any, words: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], Any]]:
    found = [(words, group)]
    for name, command in getattr(group, "commands", {}).items():
        found += commands(command, (*words, name))
    return found


def test_every_command_explains_itself_in_a_sentence_and_every_option_too() -> None:
    every = commands(typer.main.get_command(app))
    assert len(every) > 20
    for words, command in every:
        result = CliRunner().invoke(app, [*words, "--help"], env={"COLUMNS": "200", "TERM": "dumb"})
        assert (result.exit_code, result.stderr) == (0, ""), words
        assert result.stdout.startswith("Usage: ")
        assert (command.help or "").rstrip().endswith((".", "ofh demo")), words
        for parameter in command.params:
            assert getattr(parameter, "help", None), (words, parameter.name)


def test_without_words_the_command_shows_its_help() -> None:
    result = CliRunner().invoke(app, [])
    assert "Start with: ofh demo" in result.output
    assert result.exit_code in (0, 2)


async def test_a_connection_that_nobody_used_tells_what_to_do_and_what_cannot_work(migrated: Place) -> None:
    await migrated.ofh("user", "create", "ada@example.org", "--json")
    workspace = (await migrated.ofh("workspace", "create", "Lake", "--owner", "ada@example.org", "--json")).answer
    connection = (await migrated.ofh("connection", "create", str(workspace["id"]), "Pad", "--json")).answer
    number = str(connection["id"])
    good = {
        "OFH_PUBLIC_URL": "https://hub.example.org",
        "OFH_DJI_APP_ID": "1",
        "OFH_DJI_APP_KEY": "k",
        "OFH_DJI_APP_LICENSE": "l",
    }
    shown, well, nobody = await asyncio.gather(
        migrated.ofh("connection", "doctor", number),
        migrated.ofh("connection", "doctor", number, "--json", **good),
        migrated.ofh("connection", "doctor", "999"),
    )
    assert shown.code == 1
    assert "looks for the hub in itself" in shown.out
    assert "THIS_MACHINE_ONLY" in shown.out
    assert well.code == 0
    assert set(well.answer) == {"id", "state", "summary", "steps"}
    assert (well.answer["id"], well.answer["state"]) == (connection["id"], "WAITING")
    assert set(well.answer["steps"][0]) == {"name", "state", "at", "problem", "detail", "hint"}
    assert (nobody.code, nobody.err.splitlines()[-1]) == (1, "Error: There is no such connection.")
