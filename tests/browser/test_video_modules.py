"""Live video in the dashboard without a browser, by Node's own test runner (`video/*.test.mjs`)."""

from pathlib import Path

from tests.browser.modules import copied, run

CLAIMS = Path(__file__).parent / "video"
HLS = """
export default class Hls {
  static made = [];
  static can = true;
  static isSupported = () => Hls.can;
  static Events = { ERROR: "error", LEVEL_UPDATED: "updated" };
  static ErrorTypes = { NETWORK_ERROR: "network", MEDIA_ERROR: "media" };
  static ErrorDetails = { MANIFEST_INCOMPATIBLE_CODECS_ERROR: "manifest", BUFFER_ADD_CODEC_ERROR: "codec" };
  listeners = {};
  mended = 0;
  constructor(config) { this.config = config; Hls.made.push(this); }
  on(event, listener) { this.listeners[event] = listener; }
  tell(event, data) { this.listeners[event](event, data); }
  loadSource(url) { this.url = url; }
  attachMedia(video) { this.video = video; }
  recoverMediaError() { this.mended += 1; }
  destroy() { this.isDestroyed = true; }
}
"""
"""What the tests have for hls.js: it is told what happens."""


def test_what_is_shown_as_live_is_and_nothing_stays_open(tmp_path: Path) -> None:
    copied(tmp_path, "model")
    package = tmp_path / "node_modules" / "hls.js"
    package.mkdir(parents=True)
    (package / "package.json").write_text('{"type": "module", "exports": "./index.js"}')
    (package / "index.js").write_text(HLS)
    run(tmp_path, CLAIMS)
