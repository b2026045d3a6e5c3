"""A simulated aircraft: a point mass that flies its missions, with battery, link and weather.

All follows from a seed and the simulated time: no clock, no I/O, and random generators made anew for each flight. Time
runs in steps of `STEP_S`, so how callers slice it makes no difference.

On the ground plan the aircraft lives in metres east and north of its home; longitude and latitude are derived.
The ground is flat: elevation is never below 0.
"""

from dataclasses import dataclass
from enum import Enum
from math import atan2, ceil, cos, degrees, hypot, pi, radians, sin, sqrt
from random import Random

from ofh.domain.geodesy import offset

from .missions import KINDS, WAYLINE, Mission, Waypoint, distance_m
from .models import AircraftModel
from .payload import Payload, Shot

STEP_S = 0.1
"""The simulated time of one step."""

MAX_ACCELERATION_MPS2 = 3.0
BRAKING_MPS2 = 1.5
MAX_CLIMB_ACCELERATION_MPS2 = 1.5
CLIMB_MPS, DESCENT_MPS = 4.0, 3.0
RETURN_MPS = 10.0
"""Over ground on the way home."""
TAKE_OFF_ELEVATION_M = 1.2
"""Where an automatic take-off ends."""
LAST_METRES_M = 0.7
"""Below this elevation a landing goes on in DJI's mode 11, as captured."""
LOW_BATTERY_PERCENT = 22.0
"""The aircraft turns home at this charge, or earlier where the way home takes more."""
SWAP_BELOW_PERCENT = 45.0
"""On the ground, batteries with less than this are exchanged for full ones."""
TROUBLE_EVERY = 5
"""Of so many aircraft the second starts with batteries that the last flight left half empty, and the third loses its
link in its first flight: so every fleet of three or more shows within ten minutes what becomes of that."""
TIRED_PERCENT = 34.0


class Phase(Enum):
    """What the aircraft is about; `Aircraft.mode_code` gives DJI's number."""

    STANDBY = "standby"
    PREPARING = "preparing"
    READY = "ready"
    TAKING_OFF = "taking off"
    ON_MISSION = "on mission"
    RETURNING = "returning"
    LANDING = "landing"
    STOPPING = "stopping"
    """Landed, the motors still running."""


class Reason:
    """Values of DJI's `mode_code_reason`."""

    NONE, LOW_BATTERY, CONTROLLER, APP, SIGNAL_LOST, WAYLINE, ABOVE_HOME = 0, 1, 4, 5, 6, 11, 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """Where an aircraft starts from."""

    longitude_deg: float
    latitude_deg: float
    height_m: float
    """Of the ground, above the WGS 84 ellipsoid."""


class Aircraft:
    """One aircraft with its batteries, flying one mission after the other.

    Args:
        model: what it is.
        serial: its serial number.
        base: its take-off point.
        seed: of everything random about it, with `index`.
        index: its number in the fleet; the first ones take off soonest.
    """

    def __init__(self, *, model: AircraftModel, serial: str, base: Base, seed: int, index: int) -> None:
        self.model = model
        self.serial = serial
        self.base = base
        self._seed = f"{seed}:{index}"
        random = self._generator()
        self._kind = (index + seed) % len(KINDS)
        self._elapsed_s = 0.0
        self._steps = 0
        self._phase_since_s = 0.0
        self.phase = Phase.STANDBY
        self._stays_s = random.uniform(3, 8) if index == 0 else random.uniform(5, 60)
        """How long the present phase lasts, where time decides."""

        self.east_m = self.north_m = self.elevation_m = 0.0
        self.east_mps = self.north_mps = self.climb_mps = 0.0
        self.heading_deg = random.uniform(-180, 180)
        self.pitch_deg = self.roll_deg = 0.0
        self.gimbal_pitch_deg = 0.0
        self.mode_code_reason = Reason.NONE
        self.home: tuple[float, float] | None = None
        """Longitude and latitude of the home point; None before the first take-off."""
        self.is_linked = True
        """Whether the controller hears it."""

        self._wind_base_mps = random.uniform(2, 7)
        self._wind_from_deg = random.uniform(0, 360)
        self._phase_shift = random.uniform(0, 2 * pi)
        self.wind_mps = self.wind_from_deg = 0.0
        self.charge_percent = random.uniform(72, 100)
        """Of all batteries together."""
        if index % TROUBLE_EVERY == 1:
            self.charge_percent = TIRED_PERCENT
            self._stays_s = min(self._stays_s, 15.0)  # before somebody exchanges them
        self._loses_link = index % TROUBLE_EVERY == 2
        """In the coming flight, whatever chance says."""
        self.battery_set = random.randint(1, 40)
        """Which set of batteries is in it."""
        self.loop_times = random.randint(5, 80)
        self.battery_celsius = 21.0
        self.drain_percent_per_s = 0.0

        self.flights = random.randint(20, 240)
        self.flight_time_s = self.flights * random.uniform(500, 700)
        self.flown_m = self.flight_time_s * random.uniform(4, 6)
        self.activated_at_s = 1_670_000_000 + random.randint(0, 30_000_000)
        self.payload = Payload(used_kb=float(random.randint(2_000_000, 60_000_000)))
        self.mission = self._draw_mission()
        self._next = 0
        self._link_lost: tuple[float, float] | None = None
        """Between which seconds of the mission the link is lost."""
        self._mission_s = 0.0

    # What it says about itself

    @property
    def time_s(self) -> float:
        """Simulated time since the beginning."""
        return self._steps * STEP_S

    @property
    def position(self) -> tuple[float, float]:
        """Longitude and latitude, degrees."""
        return self.place_of(self.east_m, self.north_m)

    @property
    def height_m(self) -> float:
        """Above the WGS 84 ellipsoid."""
        return self.base.height_m + self.elevation_m

    @property
    def horizontal_speed_mps(self) -> float:
        """Over ground."""
        return hypot(self.east_mps, self.north_mps)

    @property
    def home_distance_m(self) -> float:
        """Along the ground plan."""
        return hypot(self.east_m, self.north_m)

    @property
    def is_airborne(self) -> bool:
        """Off the ground."""
        return self.phase in {Phase.TAKING_OFF, Phase.ON_MISSION, Phase.RETURNING, Phase.LANDING}

    @property
    def motors_run(self) -> bool:
        """Flight time counts."""
        return self.is_airborne or self.phase in {Phase.READY, Phase.STOPPING}

    @property
    def mode_code(self) -> int:
        """DJI's number of the flight mode."""
        match self.phase:
            case Phase.STANDBY:
                return 0
            case Phase.PREPARING:
                return 1
            case Phase.READY:
                return 2
            case Phase.TAKING_OFF:
                return 4
            case Phase.ON_MISSION:
                return self.mission.mode_code
            case Phase.RETURNING:
                return 9
            case Phase.LANDING:
                return 10 if self.elevation_m > LAST_METRES_M else 11
            case Phase.STOPPING:
                return 11

    @property
    def satellites(self) -> int:
        """GNSS satellites in use."""
        return round(21 + 3 * sin(self.time_s / 97 + self._phase_shift) + 1.5 * sin(self.time_s / 23))

    @property
    def return_home_power_percent(self) -> int:
        """The charge that the way home takes, landing included."""
        seconds = self.home_distance_m / RETURN_MPS + self.elevation_m / DESCENT_MPS + 25
        return self.model.landing_power_percent + ceil(1.3 * 100 * seconds / self.model.endurance_s) + 4

    @property
    def remaining_flight_time_s(self) -> int:
        """Until the landing would be forced; 0 on the ground."""
        if not self.motors_run:
            return 0
        usable = max(self.charge_percent - self.model.landing_power_percent, 0)
        return round(usable / 100 * self.model.endurance_s)

    def place_of(self, east_m: float, north_m: float) -> tuple[float, float]:
        """Longitude and latitude of a point on its ground plan."""
        return offset(self.base.longitude_deg, self.base.latitude_deg, east_m=east_m, north_m=north_m)

    def fetch_shots(self) -> list[Shot]:
        """The shots since the last time, oldest first."""
        return self.payload.fetch_shots()

    # The way through time

    def advance(self, seconds: float) -> None:
        """Let so much simulated time pass."""
        self._elapsed_s += seconds
        while (self._steps + 1) * STEP_S <= self._elapsed_s + 1e-9:
            self._steps += 1
            self._step()

    def _step(self) -> None:
        was_airborne = self.is_airborne
        self.payload.wait(STEP_S)
        match self.phase:
            case Phase.STANDBY:
                self._rest()
            case Phase.PREPARING:
                if self._phase_over():
                    self._begin(Phase.READY, stays_s=3)
                    self.flights += 1
            case Phase.READY:
                if self._phase_over():
                    self._begin(Phase.TAKING_OFF)
            case Phase.TAKING_OFF:
                self._fly(0, 0, TAKE_OFF_ELEVATION_M, RETURN_MPS, stops=True, gimbal_pitch_deg=0)
                if self.elevation_m > TAKE_OFF_ELEVATION_M - 0.15:
                    self._begin(Phase.ON_MISSION)
            case Phase.ON_MISSION:
                self._follow_mission()
            case Phase.RETURNING:
                self._return_home()
            case Phase.LANDING:
                self._land()
            case Phase.STOPPING:
                if self._phase_over():
                    self._end_flight()
        if self.motors_run:
            self.flight_time_s += STEP_S
            self.flown_m += hypot(self.horizontal_speed_mps, self.climb_mps) * STEP_S
        self._weather(was_airborne)
        self._drain()

    def _begin(self, phase: Phase, *, stays_s: float = 0.0) -> None:
        self.phase = phase
        self._phase_since_s = self.time_s
        self._stays_s = stays_s

    def _phase_over(self) -> bool:
        return self.time_s - self._phase_since_s >= self._stays_s

    def _generator(self, purpose: str = "") -> Random:
        """Random numbers for one purpose in the present flight."""
        seed = f"{self._seed}:{purpose}:{self.flights}" if purpose else self._seed
        return Random(seed)  # noqa: S311 - nothing here is a secret

    # On the ground

    def _rest(self) -> None:
        if self.charge_percent < SWAP_BELOW_PERCENT and self.time_s - self._phase_since_s > 30:
            random = self._generator("battery")
            self.charge_percent = random.uniform(96, 100)
            self.battery_set += 1
            self.loop_times = random.randint(5, 80)
            self.battery_celsius = 21.0
        if self._phase_over():
            self.mission = self._draw_mission()
            self._next = 0
            self._mission_s = 0.0
            self.payload.begin_flight()
            self.home = self.position
            self.mode_code_reason = Reason.WAYLINE if self.mission.mode_code == WAYLINE else Reason.CONTROLLER
            self._begin(Phase.PREPARING, stays_s=3)

    def _draw_mission(self) -> Mission:
        random = self._generator("mission")
        kind = self._kind if random.random() < 0.7 else random.randrange(len(KINDS))
        mission = KINDS[kind](random)
        start_s = random.uniform(30, 120)
        lasts_s, is_unlucky = random.uniform(25, 60), random.random() < 0.12
        self._link_lost = (start_s, start_s + lasts_s) if is_unlucky or self._loses_link else None
        return mission

    def _end_flight(self) -> None:
        random = self._generator("rest")
        self.payload.make_room()
        self._begin(Phase.STANDBY, stays_s=random.uniform(80, 200))
        self._loses_link = False
        self.mode_code_reason = Reason.NONE
        self.is_linked = True

    # In the air

    def _follow_mission(self) -> None:
        self._mission_s += STEP_S
        if self._turns_home():
            return
        waypoint = self.mission.waypoints[self._next]
        self._fly_to(waypoint)
        if self._next > 0 and (number := self.payload.use(STEP_S, records=not self.mission.takes_photos)):
            self.payload.shots.append(self._shot(number))
        if self._reached(waypoint):
            self._next += 1
            if self._next == len(self.mission.waypoints):
                self._turn_home(Reason.APP if self.mission.mode_code == WAYLINE else Reason.CONTROLLER)

    def _turns_home(self) -> bool:
        if self.charge_percent <= max(LOW_BATTERY_PERCENT, self.return_home_power_percent):
            self._turn_home(Reason.LOW_BATTERY)
        elif self._link_lost is not None and self._mission_s >= self._link_lost[0]:
            self.is_linked = False
            self._turn_home(Reason.SIGNAL_LOST)
        return self.phase is Phase.RETURNING

    def _turn_home(self, reason: int) -> None:
        self.mode_code_reason = reason
        self.payload.recording_s = 0.0
        self._begin(Phase.RETURNING)

    def _return_home(self) -> None:
        self._hear_again()
        lowest_m = float(min(self.model.rth_altitude_m or 40, 60))
        if self.home_distance_m > 50 and self.elevation_m < lowest_m - 1:
            self._fly(self.east_m, self.north_m, lowest_m, RETURN_MPS, stops=True, gimbal_pitch_deg=-15)
            return
        self._fly(0, 0, max(self.elevation_m, 0), RETURN_MPS, stops=True, gimbal_pitch_deg=-15)
        if self.home_distance_m < 0.4 and self.horizontal_speed_mps < 0.4:
            self.mode_code_reason = Reason.ABOVE_HOME
            self._begin(Phase.LANDING)

    def _hear_again(self) -> None:
        if not self.is_linked:
            self._mission_s += STEP_S
            self.is_linked = self._link_lost is None or self._mission_s >= self._link_lost[1]

    def _land(self) -> None:
        self._hear_again()
        self._fly(0, 0, -0.2, RETURN_MPS, stops=True, gimbal_pitch_deg=0)
        if self.elevation_m <= 0:
            self.elevation_m = 0.0
            self.east_mps = self.north_mps = self.climb_mps = 0.0
            self.pitch_deg = self.roll_deg = 0.0
            self._begin(Phase.STOPPING, stays_s=2)

    def _fly_to(self, waypoint: Waypoint) -> None:
        self._fly(
            waypoint.east_m,
            waypoint.north_m,
            waypoint.elevation_m,
            min(waypoint.speed_mps, self.model.max_speed_mps),
            stops=waypoint.stops,
            gimbal_pitch_deg=waypoint.gimbal_pitch_deg,
        )

    def _reached(self, waypoint: Waypoint) -> bool:
        away_m = distance_m(waypoint, self.east_m, self.north_m)
        if abs(waypoint.elevation_m - self.elevation_m) > 3:
            return False
        if waypoint.stops:
            return away_m < 1 and self.horizontal_speed_mps < 1.5
        return away_m < max(3, self.horizontal_speed_mps)

    def _fly(
        self,
        east_m: float,
        north_m: float,
        elevation_m: float,
        speed_mps: float,
        *,
        stops: bool,
        gimbal_pitch_deg: float,
    ) -> None:
        """One step towards a point: wanted speed by the distance left, change of speed within what the aircraft can."""
        to_east_m, to_north_m = east_m - self.east_m, north_m - self.north_m
        away_m = hypot(to_east_m, to_north_m)
        wanted_mps = min(speed_mps, sqrt(2 * BRAKING_MPS2 * away_m), away_m) if stops else speed_mps
        wanted_east_mps = wanted_mps * to_east_m / away_m if away_m > 1e-6 else 0.0
        wanted_north_mps = wanted_mps * to_north_m / away_m if away_m > 1e-6 else 0.0
        change_east, change_north = wanted_east_mps - self.east_mps, wanted_north_mps - self.north_mps
        change = hypot(change_east, change_north)
        if change > (most := MAX_ACCELERATION_MPS2 * STEP_S):
            change_east, change_north = change_east * most / change, change_north * most / change
        self.east_mps += change_east
        self.north_mps += change_north

        to_climb_m = elevation_m - self.elevation_m
        gently = max(0.3, sqrt(1.2 * abs(to_climb_m)) * 0.8)
        wanted_climb = min(CLIMB_MPS, gently, to_climb_m / STEP_S) if to_climb_m > 0 else 0.0
        if to_climb_m < 0:
            wanted_climb = -min(DESCENT_MPS, gently, -to_climb_m / STEP_S)
        most = MAX_CLIMB_ACCELERATION_MPS2 * STEP_S
        self.climb_mps += min(max(wanted_climb - self.climb_mps, -most), most)

        self.east_m += self.east_mps * STEP_S
        self.north_m += self.north_mps * STEP_S
        self.elevation_m = max(self.elevation_m + self.climb_mps * STEP_S, 0.0)
        self._turn(change_east / STEP_S, change_north / STEP_S)
        self.gimbal_pitch_deg += min(max(gimbal_pitch_deg - self.gimbal_pitch_deg, -3), 3)

    def _turn(self, east_mps2: float, north_mps2: float) -> None:
        """Nose along the course or towards the point of interest; lean against wind, drag and acceleration."""
        if self.phase is Phase.ON_MISSION and self.mission.look_at is not None:
            to_east_m, to_north_m = self.mission.look_at[0] - self.east_m, self.mission.look_at[1] - self.north_m
            wanted_deg = degrees(atan2(to_east_m, to_north_m))
        elif self.horizontal_speed_mps > 0.8:
            wanted_deg = degrees(atan2(self.east_mps, self.north_mps))
        else:
            wanted_deg = self.heading_deg
        turn_deg = (wanted_deg - self.heading_deg + 540) % 360 - 180
        self.heading_deg += min(max(turn_deg, -60 * STEP_S), 60 * STEP_S)
        self.heading_deg = (self.heading_deg + 540) % 360 - 180

        wind = radians(self.wind_from_deg)
        push_east = east_mps2 + 0.12 * (self.east_mps + self.wind_mps * sin(wind))
        push_north = north_mps2 + 0.12 * (self.north_mps + self.wind_mps * cos(wind))
        nose = radians(self.heading_deg)
        ahead = push_east * sin(nose) + push_north * cos(nose)
        right = push_east * cos(nose) - push_north * sin(nose)
        self.pitch_deg += (max(min(-degrees(atan2(ahead, 9.81)), 28), -28) - self.pitch_deg) * 0.3
        self.roll_deg += (max(min(degrees(atan2(right, 9.81)), 28), -28) - self.roll_deg) * 0.3

    def _shot(self, number: int) -> Shot:
        longitude_deg, latitude_deg = self.position
        return Shot(
            at_s=self.time_s,
            flight=self.flights,
            number=number,
            mission=self.mission.kind,
            is_wayline=self.mission.mode_code == WAYLINE,
            longitude_deg=longitude_deg,
            latitude_deg=latitude_deg,
            height_m=self.height_m,
            elevation_m=self.elevation_m,
            heading_deg=self.heading_deg,
            pitch_deg=self.pitch_deg,
            roll_deg=self.roll_deg,
            gimbal_pitch_deg=self.gimbal_pitch_deg,
            east_mps=self.east_mps,
            north_mps=self.north_mps,
            climb_mps=self.climb_mps,
        )

    # Weather and battery

    def _weather(self, was_airborne: bool) -> None:
        if not self.is_airborne:
            self.wind_mps = self.wind_from_deg = 0.0
            return
        time_s = self.time_s
        gust = 1.1 * sin(time_s / 17 + self._phase_shift) + 0.5 * sin(time_s / 5.3)
        self.wind_mps = max(self._wind_base_mps * (1 + min(self.elevation_m, 100) / 250) + gust, 0.2)
        self.wind_from_deg = (self._wind_from_deg + 18 * sin(time_s / 140 + self._phase_shift)) % 360
        if not was_airborne:
            self.pitch_deg = self.roll_deg = 0.0

    def _drain(self) -> None:
        if not self.motors_run:
            self.drain_percent_per_s = 0.0
            self.battery_celsius += (21 - self.battery_celsius) * STEP_S / 900
            return
        load = 0.25
        if self.is_airborne:
            airspeed = hypot(self.horizontal_speed_mps, self.wind_mps)
            load = 0.93 + 0.0012 * airspeed * airspeed + 0.08 * max(self.climb_mps, 0)
        self.drain_percent_per_s = 100 * load / self.model.endurance_s
        self.charge_percent = max(self.charge_percent - self.drain_percent_per_s * STEP_S, 0.0)
        self.battery_celsius += (37 - self.battery_celsius) * STEP_S / 400
