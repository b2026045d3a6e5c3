"""What `ofh worker` consists of: a workshop without a hub, and the parts that it cannot do without."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from ofh.choices import MIB, bus_of, coverages_of, now, object_store
from ofh.metrics import Metrics
from ofh.services.access import Access
from ofh.services.audit import Audit
from ofh.services.coverage import COVERAGE
from ofh.services.discarding import Discarding
from ofh.services.fleet import Fleet
from ofh.services.incoming import Reception
from ofh.services.jobs import JobQueue
from ofh.settings import Settings
from ofh.store.database import Database
from ofh.workshop import Workshop


@asynccontextmanager
async def worker_parts(settings: Settings, metrics: Metrics) -> AsyncIterator[Workshop]:
    """The workshop, and what it cannot do without, started.

    Raises:
        HubError: UNAVAILABLE, a backend that it cannot do without is away.
    """
    database = Database(settings.database, pool_size=settings.database_pool)
    bus, store = bus_of(settings), object_store(settings)
    reception = Reception(settings.data / "incoming", reserve_bytes=settings.upload_reserve_mib * MIB)
    audit = Audit(clock=now)
    access = Access(audit)
    queue = JobQueue(database, now)
    async with AsyncExitStack() as stack:
        await database.migrate()
        await database.open()
        stack.push_async_callback(database.close)
        await bus.start()
        stack.push_async_callback(bus.stop)
        await store.start()
        stack.push_async_callback(store.stop)
        stack.callback(reception.stop)
        coverages = coverages_of(settings, database, bus, access, Fleet(database, access, now), queue, metrics)
        yield Workshop(
            settings,
            database,
            bus,
            store,
            reception,
            Discarding(database, store, now),
            queue,
            metrics,
            now,
            more={COVERAGE: coverages},
        )
