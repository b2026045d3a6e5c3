"""Which number of whom stands in the metrics under which name."""

import asyncio
from collections.abc import Sized

from ofh.hub import Hub
from ofh.metrics import Metrics

COUNT_S = 5.0
"""How often the metrics follow what others count."""


def show_numbers(
    hub: Hub, *, sockets: Sized, pilot_sockets: Sized, live_sockets: Sized, subscription_groups: Sized
) -> None:
    """Have a hub's metrics show what its parts and edges count."""
    metrics = hub.metrics
    metrics.gauge("ofh_processes", "Hub processes that serve at this address.", lambda: 1)
    metrics.gauge("ofh_sockets", "Open GraphQL websockets.", lambda: len(sockets))
    metrics.gauge("ofh_pilot_sockets", "Open websockets of controllers.", lambda: len(pilot_sockets))
    metrics.gauge("ofh_live_sockets", "Open websockets at /api/live.", lambda: len(live_sockets))
    metrics.gauge("ofh_traffic_aircraft", "Aircraft in the picture of the traffic.", lambda: len(hub.traffic))
    metrics.counts("ofh_adsb_events", "What receivers of ADS-B have counted.", "event", hub.adsb_counts)
    metrics.gauge("ofh_subscription_groups", "Distinct subscriptions executed.", lambda: len(subscription_groups))
    metrics.gauge(
        "ofh_broker_locked_out",
        "Accounts that the broker does not have, or has with an older secret.",
        lambda: len(getattr(hub.broker, "locked_out", ())),
        is_shared=True,
    )
    metrics.counts("ofh_broker_events", "What the MQTT side has counted.", "event", hub.broker.counts)
    metrics.counts(
        "ofh_bus_events",
        "Messages that slow readers missed, and losses of the line.",
        "event",
        lambda: {"dropped": hub.bus.dropped, "line_lost": getattr(hub.bus, "losses", 0)},
    )
    metrics.counts("ofh_mail_events", "Letters left out.", "event", lambda: {"dropped": hub.people.mail.dropped})

    metrics.gauge("ofh_uploads_under_way", "Objects being uploaded.", lambda: hub.uploads.under_way)
    metrics.gauge("ofh_storage_used", "How full the storage is, 0 to 1.", lambda: hub.uploads.used, is_shared=True)
    metrics.gauge(
        "ofh_storage_almost_full",
        "1: the storage is nine tenths full, or has refused an object for want of room.",
        lambda: float(hub.uploads.is_almost_full),
        is_shared=True,
    )
    metrics.counts(
        "ofh_upload_events",
        "What uploads have counted.",
        "event",
        lambda: {**hub.uploads.counts(), "grants": hub.grants.given},
    )


async def keep_counting(metrics: Metrics) -> None:
    """Where several processes share the metrics, each brings its own up to date; another one may be asked."""
    while True:
        await asyncio.sleep(COUNT_S)
        metrics.refresh()
