"""The login as Pilot 2's page does it, against answers of all kinds; and addresses of brokers."""

import json
from collections.abc import Callable

import httpx2
import pytest

from ofh.simulator.accounts import Account
from ofh.simulator.broker import parse_mqtt_url
from ofh.simulator.errors import SimulatorError
from ofh.simulator.pilot import CONFIG_PATH, LOGIN_PATH, SDK_CONFIG_PATH, LinkConfig, fallback_mqtt_url, log_in
from tests.captures.reader import capture

ACCOUNT = Account(connection_id="c1", secret="s1")

Answer = Callable[[httpx2.Request], httpx2.Response]


async def ask(answer: Answer) -> LinkConfig | None:
    transport = httpx2.MockTransport(answer)
    async with httpx2.AsyncClient(base_url="http://hub.test", transport=transport) as http:
        return await log_in(http, ACCOUNT)


def hub(config: object, about: object = None) -> Answer:
    """One that knows the connection; without `about` it does not tell the workspace."""

    def answer(request: httpx2.Request) -> httpx2.Response:
        if request.url.path == LOGIN_PATH:
            assert json.loads(request.content) == {"connection_id": "c1", "secret": "s1"}
            return httpx2.Response(200, headers={"Set-Cookie": "connection-link-auth=cookie; Path=/"})
        assert request.headers["Cookie"] == "connection-link-auth=cookie"
        if request.url.path == CONFIG_PATH:
            return httpx2.Response(404) if about is None else httpx2.Response(200, json=about)
        assert request.url.path == SDK_CONFIG_PATH
        return httpx2.Response(200, json=config)

    return answer


async def test_login_leads_to_the_broker() -> None:
    found = await ask(hub({"mqtt_url": "ssl://hub.test:8883", "app_id": "1"}))
    assert found is not None
    assert found.mqtt_url == "ssl://hub.test:8883"
    assert (found.account.username, found.account.password) == ("c1", "s1")


async def test_credentials_of_the_configuration_win() -> None:
    found = await ask(hub({"mqtt_url": "tcp://hub.test:1883", "mqtt_username": "u", "mqtt_password": "p"}))
    assert found is not None
    assert (found.account.username, found.account.password) == ("u", "p")
    assert found.account.connection_id == "c1"


async def test_the_page_hands_over_what_the_native_clients_need() -> None:
    sample = capture("http-hub-sdk-config")["response"]["body"]
    about = {"workspace_uuid": "87ffce7c-da28-49cf-9134-8db9fd87ccd1", "workspace_id": "7"}
    found = await ask(hub({**sample, "api_token": "pt_4Zk0"}, about))
    assert found is not None
    assert found.cloud is not None
    assert found.cloud.url == "https://hub.example.org"
    assert found.cloud.socket_url == "wss://hub.example.org/ws"
    assert found.cloud.workspace_uuid == about["workspace_uuid"]
    assert found.cloud.token == "pt_4Zk0"
    assert "pt_4Zk0" not in repr(found)


async def test_the_secret_stands_in_where_no_token_is_minted() -> None:
    found = await ask(hub({"mqtt_url": "tcp://hub.test:1883"}, {"workspace_uuid": "u"}))
    assert found is not None
    assert found.cloud is not None
    assert (found.cloud.token, found.cloud.url, found.cloud.socket_url) == ("s1", "http://hub.test", None)


async def test_without_a_workspace_there_is_nothing_but_mqtt() -> None:
    found = await ask(hub({"mqtt_url": "tcp://hub.test:1883"}))
    assert found is not None
    assert found.cloud is None


async def test_hub_without_these_endpoints_is_recognised() -> None:
    assert await ask(lambda request: httpx2.Response(404, text="Not Found")) is None

    def no_config(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200 if request.url.path == LOGIN_PATH else 404)

    assert await ask(no_config) is None


@pytest.mark.parametrize("status", [400, 401, 403])
async def test_refused_credentials_name_the_remedy(status: int) -> None:
    with pytest.raises(SimulatorError, match="ofh connection create") as caught:
        await ask(lambda request: httpx2.Response(status))
    assert "s1" not in str(caught.value)


async def test_waits_where_the_hub_asks_for_it() -> None:
    busy = [httpx2.Response(429, headers={"Retry-After": "0"}), httpx2.Response(503, headers={"Retry-After": "0"})]
    known = hub({"mqtt_url": "tcp://hub.test:1883"})
    assert await ask(lambda request: busy.pop() if busy else known(request)) is not None


async def test_gives_up_where_the_hub_stays_busy() -> None:
    with pytest.raises(SimulatorError, match="less often"):
        await ask(lambda request: httpx2.Response(429, headers={"Retry-After": "0"}))


@pytest.mark.parametrize("config", [{}, {"mqtt_url": ""}, {"mqtt_url": 7}, [], "text"])
async def test_senseless_configuration_is_an_error(config: object) -> None:
    with pytest.raises(SimulatorError):
        await ask(hub(config))


async def test_unreachable_hub_names_the_remedy() -> None:
    def answer(request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ConnectError("refused", request=request)

    with pytest.raises(SimulatorError, match="ofh serve"):
        await ask(answer)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://localhost:8000", "mqtt://localhost:1883"),
        ("https://hub.example.org", "mqtt://hub.example.org:1883"),
        ("http://[::1]:8000", "mqtt://[::1]:1883"),
    ],
)
def test_default_broker_is_on_the_hubs_host(url: str, expected: str) -> None:
    assert fallback_mqtt_url(url) == expected
    parse_mqtt_url(expected)


@pytest.mark.parametrize(
    ("url", "host", "port", "tls"),
    [
        ("mqtt://h", "h", 1883, False),
        ("tcp://h:2000", "h", 2000, False),
        ("mqtts://h", "h", 8883, True),
        ("ssl://h:443", "h", 443, True),
        ("mqtt://[::1]:9", "::1", 9, False),
    ],
)
def test_broker_addresses(url: str, host: str, port: int, tls: bool) -> None:
    address = parse_mqtt_url(url)
    assert (address.host, address.port, address.tls is not None) == (host, port, tls)


@pytest.mark.parametrize("url", ["", "h:1883", "http://h", "mqtt://", "mqtt://h:port", "mqtt://h:99999", "mqtt://[x"])
def test_other_addresses_are_refused(url: str) -> None:
    with pytest.raises(SimulatorError, match="address of a broker"):
        parse_mqtt_url(url)


def test_secrets_do_not_show() -> None:
    assert "s1" not in repr(ACCOUNT)
