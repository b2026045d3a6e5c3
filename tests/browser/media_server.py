"""A media server that stands for MediaMTX: asks the hub who may watch, serves HLS that ffmpeg writes, and signals WHEP.

As MediaMTX 1.21 does, it has whoever asks for the list of a stream come once more to see whether cookies are kept, and
gives out a session by the addresses in that list, without which no piece is served. It carries no WebRTC itself: the
offers that come to it are answered by a page of its own (`/camera`), which any browser opens, with a moving picture.
What goes over HTTP is as the drafts of WHEP and MediaMTX have it.
"""

import json
import queue
import re
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import parse_qs, urlsplit

from tests.support.services import program

HOST = "127.0.0.1"
ANSWER_S = 10
FFMPEG = (
    "-hide_banner -loglevel error -re -f lavfi -i testsrc=size=320x180:rate=10 -c:v libx264 -preset ultrafast"
    " -tune zerolatency -profile:v baseline -pix_fmt yuv420p -g 10 -keyint_min 10 -threads 1 -f hls -hls_time 1"
    " -hls_list_size 5 -hls_flags delete_segments+omit_endlist+independent_segments+temp_file"
    " -hls_segment_type fmp4 stream.m3u8"
)
"""A picture that counts its seconds, in a list of the last five seconds that never says that it ends."""
STREAMS = b"""#EXTM3U
#EXT-X-VERSION:7
#EXT-X-STREAM-INF:BANDWIDTH=300000,CODECS="avc1.42c00c",RESOLUTION=320x180
stream.m3u8
"""
SESSION = "5e55"
PIECE = re.compile(rb"(\w+\.(?:m3u8|mp4|m4s))")
"""What lists name: files."""
CAMERA = """<!doctype html><title>Camera</title><canvas width=320 height=180></canvas><script>
const canvas = document.querySelector("canvas"), pen = canvas.getContext("2d");
let frame = 0;
setInterval(() => {
  pen.fillStyle = `hsl(${(frame += 5) % 360} 90% 50%)`;
  pen.fillRect(0, 0, 320, 180);
}, 50);
const peers = {};
async function serve() {
  for (;;) {
    const { id, sdp } = await (await fetch("/offers")).json();
    if (!id) continue;
    if (!sdp) {
      peers[id]?.close();
      continue;
    }
    const peer = (peers[id] = new RTCPeerConnection());
    for (const track of canvas.captureStream(20).getTracks()) peer.addTrack(track);
    await peer.setRemoteDescription({ type: "offer", sdp });
    await peer.setLocalDescription(await peer.createAnswer());
    while (peer.iceGatheringState !== "complete") await new Promise((resolve) => setTimeout(resolve, 20));
    await fetch(`/answers/${id}`, { method: "POST", body: peer.localDescription.sdp });
  }
}
serve();
</script>"""


class MediaServer(ThreadingHTTPServer):
    """The server, and what it has seen."""

    daemon_threads = True

    def __init__(self, folder: Path) -> None:
        super().__init__((HOST, 0), _Handler)
        self.folder = folder
        self.url = f"http://{HOST}:{self.server_address[1]}"
        self.hub_url = ""
        self.secret = "media-server-secret-of-the-browser-tests"
        self.has_webrtc = False
        self.has_hls = True
        self.sessions: dict[str, bool] = {}
        """Of WHEP, and whether each is still open."""
        self.refusals = 0
        self.offers: queue.Queue[dict[str, str]] = queue.Queue()
        self.answers: dict[str, queue.Queue[str]] = {}
        self._picture: subprocess.Popen[bytes] | None = None

    def begin(self) -> None:
        """Have a picture for HLS; returns once its list is there."""
        self._picture = subprocess.Popen([program("ffmpeg"), *FFMPEG.split()], cwd=self.folder)
        self.until((self.folder / "stream.m3u8").exists)

    def end(self) -> None:
        if self._picture is not None:
            self._picture.kill()
            self._picture.wait()
        self.shutdown()
        self.server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Whoever asks may leave at any time; what else fails is told."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    def signal(self, number: int) -> None:
        """Hold the picture, or have it go on."""
        assert self._picture is not None
        self._picture.send_signal(number)

    def until(self, is_so: Callable[[], bool]) -> None:
        """Wait until it is so."""
        end = time.monotonic() + 30
        while not is_so():
            assert time.monotonic() < end
            time.sleep(0.05)

    def ask(self, **asked: Any) -> bool:
        """What the hub says to a question in MediaMTX's way."""
        url = f"{self.hub_url}/internal/media-server/mediamtx?secret={self.secret}"
        body = json.dumps({"protocol": "hls", "ip": HOST, **asked}).encode()
        try:
            with urllib.request.urlopen(urllib.request.Request(url, body), timeout=ANSWER_S):
                return True
        except HTTPError:
            return False

    def tell_end(self, path: str) -> None:
        """What MediaMTX's hook tells the hub."""
        url = f"{self.hub_url}/internal/media-server/mediamtx/ended?secret={self.secret}&path={path}"
        urllib.request.urlopen(urllib.request.Request(url, b""), timeout=ANSWER_S).close()


class _Handler(BaseHTTPRequestHandler):
    server: MediaServer
    protocol_version = "HTTP/1.1"

    def _answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in {
            "Access-Control-Allow-Origin": "*",
            "Access-Control-Expose-Headers": "Location, Link",
            "Cache-Control": "no-store",
            "Content-Length": str(len(body)),
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def do_OPTIONS(self) -> None:
        headers = {} if self.headers.get("Access-Control-Request-Method") else {"Link": '<stun:127.0.0.1:9>; rel="x"'}
        methods = "OPTIONS, GET, POST, PATCH, DELETE"
        self._answer(
            204,
            Access_Control_Allow_Methods=methods,
            Access_Control_Allow_Headers="Authorization, Content-Type, If-Match",
            **headers,
        )

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        if path == "/camera":
            self._answer(200, CAMERA.encode(), Content_Type="text/html")
        elif path == "/offers":
            try:
                offer = self.server.offers.get(timeout=1)
            except queue.Empty:
                offer = {}
            self._answer(200, json.dumps(offer).encode(), Content_Type="application/json")
        else:
            self._piece(path)

    def _piece(self, path: str) -> None:
        """A list or a piece of HLS, for those whom the hub lets in."""
        stream, _, name = path.strip("/").rpartition("/")
        query = urlsplit(self.path).query
        if not stream or not self.server.has_hls:
            return self._answer(404)
        if name == "index.m3u8" and "cookieCheck=1" not in query:
            return self._answer(302, Location=f"{path}?{query}&cookieCheck=1")
        is_known = name == "index.m3u8" or f"session={SESSION}" in query
        if not is_known or not self.server.ask(action="read", path=stream, query=query):
            self.server.refusals += 1
            return self._answer(401)
        is_list = name.endswith(".m3u8")
        kind = "application/vnd.apple.mpegurl" if is_list else "video/mp4"
        file = self.server.folder / Path(name).name
        if name != "index.m3u8" and not file.is_file():
            return self._answer(404)
        body = STREAMS if name == "index.m3u8" else file.read_bytes()
        if is_list:
            body = PIECE.sub(rf"\1?session={SESSION}".encode(), body)
        return self._answer(200, body, Content_Type=kind)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        path = urlsplit(self.path).path
        if path.startswith("/answers/"):
            self.server.answers[path.rpartition("/")[2]].put(body)
            return self._answer(204)
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if not self.server.ask(action="read", path=path.strip("/").rpartition("/")[0], query="", token=token):
            self.server.refusals += 1
            return self._answer(401)
        if not self.server.has_webrtc:
            return self._answer(404)
        assert self.headers["Content-Type"] == "application/sdp"
        assert "a=candidate" in body, "the offer goes out before its candidates are known"
        name = f"session-{len(self.server.sessions)}"
        self.server.answers[name] = queue.Queue()
        self.server.offers.put({"id": name, "sdp": body})
        answer = self.server.answers[name].get(timeout=ANSWER_S)
        self.server.sessions[name] = True
        return self._answer(201, answer.encode(), Content_Type="application/sdp", Location=f"{path}/{name}")

    def do_DELETE(self) -> None:
        name = urlsplit(self.path).path.rpartition("/")[2]
        assert parse_qs(urlsplit(self.path).query) == {}
        self.server.sessions[name] = False
        self.server.offers.put({"id": name, "sdp": ""})
        self._answer(200)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: tokens stand in addresses."""


@contextmanager
def media_server(folder: Path) -> Iterator[MediaServer]:
    """A media server that runs."""
    made = MediaServer(folder)
    threading.Thread(target=made.serve_forever, daemon=True).start()
    try:
        yield made
    finally:
        made.end()
