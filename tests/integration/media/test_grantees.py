"""How long credentials for uploads go on: no longer than the connection that they were given to, and its secret."""

from dataclasses import replace

import pytest

from ofh.domain.actors import Role
from ofh.domain.errors import Code, HubError
from ofh.services import grantees
from ofh.services.grants import Bearer
from ofh.services.upload_refusals import Reason, UploadRefused
from ofh.store.models import Connection
from tests.support.media import MediaBench, Place


@pytest.fixture
async def bearer(bench: MediaBench, place: Place) -> Bearer:
    """Whoever holds a grant of the place's connection, which has just been looked up."""
    grant = await bench.grantees.grant(place.connection.id)
    found = bench.grants.verify(grant.access_key_id, grant.security_token)
    await bench.grantees.require(found)
    return found


async def refusal(bench: MediaBench, bearer: Bearer) -> Reason | Code | None:
    try:
        await bench.grantees.require(bearer)
    except UploadRefused as refused:
        return refused.reason
    except HubError as error:
        return error.code
    return None


@pytest.mark.parametrize("end", ["connection", "secret", "workspace"])
async def test_a_grant_ends_at_once_with_what_it_was_given_to(
    bench: MediaBench, place: Place, bearer: Bearer, end: str
) -> None:
    owner = place.people[Role.OWNER]
    match end:
        case "connection":
            await bench.connections.delete(owner, place.connection.id)
        case "secret":
            await bench.connections.rotate_secret(owner, place.connection.id)
        case "workspace":
            await bench.workspaces.delete(owner, place.id)
    assert await refusal(bench, bearer) is Reason.TOKEN_EXPIRED


async def test_nothing_else_ends_it(bench: MediaBench, place: Place, bearer: Bearer) -> None:
    owner = place.people[Role.OWNER]
    other = await bench.connections.create(owner, place.id, "another")
    await bench.connections.delete(owner, other.connection.id)
    await bench.workspaces.reset_uuid(owner, place.id)
    bench.seconds += 100_000
    assert await refusal(bench, bearer) is None


async def test_a_change_that_nobody_told_of_counts_within_seconds(
    bench: MediaBench, place: Place, bearer: Bearer
) -> None:
    """As by the command line beside a hub on PostgreSQL; or of a process whose bus is away."""
    await Connection.filter(id=place.connection.id).delete()
    assert await refusal(bench, bearer) is None
    bench.seconds += grantees.FRESH_S
    assert await refusal(bench, bearer) is Reason.TOKEN_EXPIRED
    assert grantees.FRESH_S <= 5


async def test_word_of_lost_words_has_everything_looked_up_anew(
    bench: MediaBench, place: Place, bearer: Bearer
) -> None:
    await Connection.filter(id=place.connection.id).delete()
    await bench.control.publish("interrupted")
    assert await refusal(bench, bearer) is Reason.TOKEN_EXPIRED


async def test_an_answer_from_before_a_change_is_none_after_it(
    bench: MediaBench, place: Place, bearer: Bearer, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = Connection.get_or_none

    async def overtaken(**wanted: int) -> Connection | None:
        row = await read(**wanted)
        monkeypatch.setattr(Connection, "get_or_none", read)
        await bench.connections.delete(place.people[Role.OWNER], place.connection.id)
        return row

    bench.seconds += grantees.FRESH_S
    monkeypatch.setattr(Connection, "get_or_none", overtaken)
    await refusal(bench, bearer)
    assert await refusal(bench, bearer) is Reason.TOKEN_EXPIRED


async def test_while_the_database_is_away_who_was_known_goes_on(
    bench: MediaBench, place: Place, bearer: Bearer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(**_: int) -> Connection | None:
        raise HubError(Code.UNAVAILABLE, "The database is away.")

    monkeypatch.setattr(Connection, "get_or_none", away)
    bench.seconds += 3600
    assert await refusal(bench, bearer) is None
    bench.grantees.told({"kind": "connection", "connection_id": place.connection.id})
    assert await refusal(bench, bearer) is Code.UNAVAILABLE


async def test_a_connection_that_is_no_more_is_given_none(bench: MediaBench, place: Place) -> None:
    await bench.connections.delete(place.people[Role.OWNER], place.connection.id)
    with pytest.raises(HubError) as caught:
        await bench.grantees.grant(place.connection.id)
    assert caught.value.code is Code.UNAUTHENTICATED


async def test_memory_of_connections_has_a_bound(
    bench: MediaBench, place: Place, bearer: Bearer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grantees, "REMEMBERED", 2)
    for number in range(5):
        with pytest.raises(UploadRefused):
            await bench.grantees.require(replace(bearer, connection_id=place.connection.id + 100 + number))
    assert len(bench.grantees._answers) == 2
    assert await refusal(bench, bearer) is None
