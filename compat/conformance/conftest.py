"""One hub for the whole run, with two parties on it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from .hubs import Hub, running
from .seeds import Party, party


@pytest.fixture(scope="session")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """A hub that is alive and without a fault at the end."""
    with running(tmp_path_factory.mktemp("conformance")) as started:
        yield started
        assert started.process.poll() is None, started.log()
        assert "Traceback" not in started.log()


@pytest.fixture(scope="session")
def us(hub: Hub) -> Party:
    """Who asks."""
    return party(hub, "us", controller="5XTESTRCP00001", aircraft="1581XTESTM30T0001")


@pytest.fixture(scope="session")
def captures() -> Path:
    """Messages of devices, as data."""
    return Path(__file__).resolve().parents[2] / "tests" / "captures"
