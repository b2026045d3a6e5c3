"""`ofh simulate`: what it refuses before it does anything."""

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from ofh.cli import simulate

app = typer.Typer()
simulate.register(app)


@app.callback()
def main() -> None:
    """Makes the application take commands by name, as the whole one does."""


BASIC = ["simulate", "--url", "http://localhost:8000"]


def run(*arguments: str, env: dict[str, str] | None = None) -> tuple[int, str]:
    result = CliRunner().invoke(
        app, list(arguments), env={"OFH_CONNECTION_SECRET": "", "COLUMNS": "200", **(env or {})}
    )
    return result.exit_code, result.output


def test_help_names_every_option() -> None:
    code, output = run("simulate", "--help")
    assert code == 0
    for option in (
        "--url",
        "--connection-id",
        "--secret",
        "--connections",
        "--drones",
        "--rate",
        "--seed",
        "--place",
        "--mqtt-url",
        "--duration",
        "--photos",
        "--chaos",
        "OFH_CONNECTION_SECRET",
    ):
        assert option in output


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--secret", "s"], "--connection-id"),
        (["--connection-id", "c"], "--secret"),
        (["--connection-id", "c", "--secret", "s", "--place", "north"], "--place"),
        (["--connection-id", "c", "--secret", "s", "--place", "200,0"], "--place"),
        (["--connection-id", "c", "--secret", "s", "--drones", "0"], "--drones"),
        (["--connection-id", "c", "--secret", "s", "--rate", "0"], "--rate"),
        (["--connection-id", "c", "--secret", "s", "--duration", "-1"], "--duration"),
        (["--connections", "missing.json"], "--connections"),
    ],
)
def test_wrong_arguments_are_named(arguments: list[str], named: str) -> None:
    code, output = run(*BASIC, *arguments)
    assert code == 2
    assert named in output


def test_url_must_be_one_of_http() -> None:
    code, output = run("simulate", "--url", "localhost:8000", "--connection-id", "c", "--secret", "s")
    assert code == 2
    assert "--url" in output


def test_connections_file_is_read_line_by_line(tmp_path: Path) -> None:
    file = tmp_path / "connections.json"
    lines = [json.dumps({"id": number, "connection_id": f"c{number}", "secret": f"s{number}"}) for number in (1, 2)]
    file.write_text("\n".join([lines[0], "", lines[1], ""]))
    accounts = simulate._read_accounts(file)
    assert [(account.connection_id, account.secret) for account in accounts] == [("c1", "s1"), ("c2", "s2")]


@pytest.mark.parametrize("text", ["", "nonsense", '{"id": 1}', "[]", '{"connection_id": "c", "secret": "s"}\n' * 2])
def test_other_files_are_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "connections.json"
    file.write_text(text)
    code, output = run(*BASIC, "--connections", str(file))
    assert code == 2
    assert "--connections" in output


def test_unreachable_hub_ends_with_an_error() -> None:
    code, output = run(
        "simulate", "--url", "http://127.0.0.1:9", "--connection-id", "c", env={"OFH_CONNECTION_SECRET": "s"}
    )
    assert code == 1
    assert "ofh serve" in output.replace("\n", " ")
