"""The camera of a simulated aircraft as a thing with a rhythm and a card: when it takes a photo, what room there is."""

from collections import deque
from dataclasses import dataclass
from math import inf

PHOTO_EVERY_S = 6.0
STILL_EVERY_S = 15.0
"""Between photos while a video is recorded."""
PHOTO_KB = 9_600
CARD_SHOTS = 1_000
"""Shots that wait to be fetched, as happens while the link is down; older ones are given up."""
VIDEO_KB_PER_S = 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """A photo as the aircraft takes it: when, where and how it flew."""

    at_s: float
    """Simulated time since the beginning."""
    flight: int
    """The aircraft's count of its flights."""
    number: int
    """In this flight, from 1."""
    mission: str
    is_wayline: bool
    longitude_deg: float
    latitude_deg: float
    height_m: float
    """Above the WGS 84 ellipsoid."""
    elevation_m: float
    """Above the take-off point, thus above the flat ground."""
    heading_deg: float
    """Also the gimbal's yaw."""
    pitch_deg: float
    roll_deg: float
    gimbal_pitch_deg: float
    east_mps: float
    north_mps: float
    climb_mps: float


class Payload:
    """A camera with its card.

    Args:
        used_kb: what is on the card at the beginning.
    """

    def __init__(self, *, used_kb: float) -> None:
        self.total_kb = 121_610_000
        self.used_kb = used_kb
        self.recording_s = 0.0
        """Length of the video that is being recorded; 0: none."""
        self.shots: deque[Shot] = deque(maxlen=CARD_SHOTS)
        """Those that nobody has fetched, oldest first."""
        self._photo_in_s = 0.0
        self._photo_ago_s = inf
        self._flight_shots = 0

    @property
    def takes_photo(self) -> bool:
        """A photo is just being taken."""
        return self._photo_ago_s < 0.5

    @property
    def photos_left(self) -> int:
        """How many photos the card still takes."""
        return int((self.total_kb - self.used_kb) / PHOTO_KB)

    def begin_flight(self) -> None:
        """Count anew; the first photo is due at once."""
        self._photo_in_s = 0.0
        self._flight_shots = 0

    def wait(self, seconds: float) -> None:
        """Let time pass, whether or not it is used."""
        self._photo_ago_s += seconds

    def use(self, seconds: float, *, records: bool) -> int:
        """Take photos for a while, or a video with a photo now and then; the number of one taken now in this flight,
        0 for none.
        """
        if records:
            self.recording_s += seconds
            self.used_kb += VIDEO_KB_PER_S * seconds
        self._photo_in_s -= seconds
        if self._photo_in_s > 0:
            return 0
        self._photo_in_s = STILL_EVERY_S if records else PHOTO_EVERY_S
        self._photo_ago_s = 0.0
        self.used_kb += PHOTO_KB
        self._flight_shots += 1
        return self._flight_shots

    def make_room(self) -> None:
        """Put another card in where there is little room left."""
        if self.photos_left < 400:
            self.used_kb = 2_000_000.0

    def fetch_shots(self) -> list[Shot]:
        """The shots since the last time, oldest first."""
        shots = list(self.shots)
        self.shots.clear()
        return shots
