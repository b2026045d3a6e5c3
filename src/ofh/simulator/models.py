"""The aircraft and controllers that the simulator knows, and what each of them puts into its messages.

Keys and differences: dji-pilot-2.md, sections 5.8, 5.9 and 5.11; the shapes are those of captured messages.
"""

from dataclasses import dataclass

from ofh.dji.products import AIRCRAFT, model_key


@dataclass(frozen=True, slots=True, kw_only=True)
class ControllerModel:
    """A remote controller."""

    type: int
    thing_version: str
    domain_as_text: bool
    """The RC Plus writes domains as strings, newer ones as numbers."""
    firmware: str
    has_country: bool
    has_4g: bool
    """It has a 4G dongle, and knows its height."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload:
    """A camera on a gimbal."""

    index: str
    """`{type}-{subtype}-{gimbal}`."""
    has_zoom_factor: bool
    """The block of the payload names a zoom factor."""
    has_laser: bool
    """The block holds the laser range finder's target."""
    has_thermal: bool
    photo_settings: tuple[str, ...] = ()
    """What a photo stores; empty where the aircraft reports no `cameras`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AircraftModel:
    """An aircraft: what it can do and which properties it reports."""

    type: int
    sub_type: int
    controller: ControllerModel
    payloads: tuple[Payload, ...]
    has_fpv_camera: bool = False
    """A fixed forward camera stands among the `cameras`."""
    firmware: str
    batteries: int
    battery_firmware: str
    cells: int
    """Battery cells in series: sets the voltage."""
    landing_power_percent: int
    endurance_s: float
    """Hovering, from full to empty."""
    max_speed_mps: float
    float_flight_time: bool = False
    """`total_flight_time` has decimals."""
    float_zoom: bool = False
    """`zoom_factor` among the cameras is written as a float."""
    maintenance: bool = False
    """It reports `maintain_status`."""
    distance_limit_m: int | None = None
    """It reports `distance_limit_status`, with this limit."""
    near_distance_limit: bool = True
    """…with `is_near_distance_limit` in it."""
    rth_altitude_m: int | None = None
    """It reports this together with what it does when the link is lost."""
    firmware_in_osd: bool = True
    country: bool = True
    wireless_link: bool = False

    @property
    def key(self) -> str:
        """DJI's model key."""
        return model_key(AIRCRAFT, self.type, self.sub_type)


RC_PLUS = ControllerModel(
    type=119,
    thing_version="1.1.2",
    domain_as_text=True,
    firmware="05.02.1106",
    has_country=True,
    has_4g=False,
)
RC_PRO = ControllerModel(
    type=144,
    thing_version="1.1.2",
    domain_as_text=False,
    firmware="02.01.0507",
    has_country=False,
    has_4g=False,
)
RC_PLUS_2 = ControllerModel(
    type=174,
    thing_version="1.2.0",
    domain_as_text=False,
    firmware="01.41.0206",
    has_country=True,
    has_4g=True,
)

_M30T = AircraftModel(
    type=67,
    sub_type=1,
    controller=RC_PLUS,
    payloads=(
        Payload(
            index="53-0-0",
            has_zoom_factor=False,
            has_laser=True,
            has_thermal=True,
            photo_settings=("current", "ir"),
        ),
    ),
    firmware="10.01.0504",
    batteries=2,
    battery_firmware="04.04.04.34",
    cells=6,
    landing_power_percent=9,
    endurance_s=2160,
    max_speed_mps=15,
    float_flight_time=True,
    maintenance=True,
    distance_limit_m=5000,
    rth_altitude_m=60,
)
_M30 = AircraftModel(
    type=67,
    sub_type=0,
    controller=RC_PLUS,
    payloads=(
        Payload(
            index="52-0-0",
            has_zoom_factor=True,
            has_laser=True,
            has_thermal=False,
            photo_settings=("current", "wide", "zoom"),
        ),
    ),
    firmware="10.01.0504",
    batteries=2,
    battery_firmware="04.04.04.34",
    cells=6,
    landing_power_percent=9,
    endurance_s=2160,
    max_speed_mps=15,
    maintenance=True,
    firmware_in_osd=False,
)
_M350 = AircraftModel(
    type=89,
    sub_type=0,
    controller=RC_PLUS,
    payloads=(
        Payload(
            index="83-0-0",
            has_zoom_factor=True,
            has_laser=True,
            has_thermal=True,
            photo_settings=("current", "ir"),
        ),
        Payload(
            index="82-0-1",
            has_zoom_factor=True,
            has_laser=True,
            has_thermal=False,
            photo_settings=("current", "wide"),
        ),
    ),
    has_fpv_camera=True,
    firmware="10.01.0042",
    batteries=2,
    battery_firmware="01.00.08.21",
    cells=12,
    landing_power_percent=7,
    endurance_s=2700,
    max_speed_mps=17,
    maintenance=True,
)
_M3E = AircraftModel(
    type=77,
    sub_type=0,
    controller=RC_PRO,
    payloads=(
        Payload(
            index="66-0-0",
            has_zoom_factor=True,
            has_laser=True,
            has_thermal=False,
            photo_settings=("current", "visible"),
        ),
    ),
    firmware="07.01.1019",
    batteries=1,
    battery_firmware="08.75.02.23",
    cells=4,
    landing_power_percent=10,
    endurance_s=2340,
    max_speed_mps=15,
    float_zoom=True,
    distance_limit_m=3000,
    rth_altitude_m=100,
)
_M3T = AircraftModel(
    type=77,
    sub_type=1,
    controller=RC_PRO,
    payloads=(
        Payload(
            index="67-0-0",
            has_zoom_factor=True,
            has_laser=False,
            has_thermal=True,
            photo_settings=("current", "ir"),
        ),
    ),
    firmware="07.01.1019",
    batteries=1,
    battery_firmware="08.75.02.23",
    cells=4,
    landing_power_percent=10,
    endurance_s=2340,
    max_speed_mps=15,
    float_zoom=True,
    distance_limit_m=3000,
    rth_altitude_m=100,
)
_M3M = AircraftModel(
    type=77,
    sub_type=2,
    controller=RC_PRO,
    payloads=(Payload(index="68-0-0", has_zoom_factor=True, has_laser=False, has_thermal=False),),
    firmware="07.01.1019",
    batteries=1,
    battery_firmware="08.75.02.23",
    cells=4,
    landing_power_percent=9,
    endurance_s=2220,
    max_speed_mps=15,
    distance_limit_m=5000,
    near_distance_limit=False,
    firmware_in_osd=False,
    country=False,
    wireless_link=True,
)
_M4E = AircraftModel(
    type=99,
    sub_type=0,
    controller=RC_PLUS_2,
    payloads=(Payload(index="88-0-0", has_zoom_factor=True, has_laser=False, has_thermal=False),),
    firmware="12.00.0106",
    batteries=1,
    battery_firmware="05.00.12.02",
    cells=4,
    landing_power_percent=6,
    endurance_s=2520,
    max_speed_mps=15,
    float_flight_time=True,
)
_M4T = AircraftModel(
    type=99,
    sub_type=1,
    controller=RC_PLUS_2,
    payloads=(Payload(index="89-0-0", has_zoom_factor=True, has_laser=False, has_thermal=False),),
    firmware="12.00.0106",
    batteries=1,
    battery_firmware="05.00.12.02",
    cells=4,
    landing_power_percent=6,
    endurance_s=2520,
    max_speed_mps=15,
    float_flight_time=True,
)

AIRCRAFT_MODELS: tuple[AircraftModel, ...] = (_M30T, _M3E, _M350, _M4T, _M3T, _M30, _M3M, _M4E)
"""In the order in which a fleet is made up."""
