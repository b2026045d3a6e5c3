"""Live video of a drone's cameras."""

from datetime import datetime

import strawberry

from ofh.dji import products
from ofh.edges.graphql.fields import field
from ofh.edges.graphql.visibility import Info, OfWorkspace
from ofh.services.streams import Streamable, name_of


@strawberry.type(
    description="A camera and its live video, which goes from the controller to a media server, and from there to "
    "whoever watches."
)
class Stream(OfWorkspace):
    found: strawberry.Private[Streamable]

    @property
    def workspace_id(self) -> int:
        return self.found.workspace_id

    @field("The camera, as the controller names it: DJI's camera index and video index, such as 53-0-0/normal-0.")
    def camera(self) -> str:
        return self.found.camera

    @field("What people call the camera, such as 'Matrice 30T camera'; null if it stands in no table of the hub's.")
    def camera_name(self) -> str | None:
        return products.payload_at(self.found.camera)

    @field(
        "Whether it can be started at present: the hub has a media server, and the drone's controller is online and "
        "says so."
    )
    def can_start(self, info: Info) -> bool:
        return self.found.offer is not None and info.context.services.streams.has_media_server

    @field("Whether it is being published, as far as the media server and the controller have told.")
    def is_live(self) -> bool:
        return self.found.live_since is not None

    @field("Since when; null if it is not.")
    def live_since(self) -> datetime | None:
        return self.found.live_since

    @field(
        "Where to watch it by WebRTC (WHEP), with a stream token as the bearer token; null if it was never started, or "
        "nobody can watch on this hub."
    )
    def whep_url(self, info: Info) -> str | None:
        return self._below(info, "whep")

    @field("Where to watch it by HLS, with a stream token as the parameter `token`; null likewise.")
    def hls_url(self, info: Info) -> str | None:
        return self._below(info, "index.m3u8")

    def _below(self, info: Info, what: str) -> str | None:
        base = info.context.services.info.stream_view_url
        return None if base is None or self.found.row is None else f"{base}/{name_of(self.found.row)}/{what}"
