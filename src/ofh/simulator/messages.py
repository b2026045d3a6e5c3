"""What devices write: the payloads of MQTT messages, in the shapes of the captured ones.

Pure: the state of the simulated devices in, JSON objects out. Sources: dji-pilot-2.md, section 5; the test data beside
`tests/unit/simulator` holds the samples whose keys these have.
"""

from collections.abc import Iterable
from math import hypot
from typing import Any

from .aircraft import Aircraft
from .models import AircraftModel, ControllerModel, Payload

NO_ID = "00000000-0000-0000-0000-000000000000"
"""`tid` and `bid` of osd and state: devices leave them empty."""

Json = dict[str, Any]


def envelope(
    *,
    data: Json,
    timestamp_ms: int,
    gateway: str | None = None,
    method: str | None = None,
    tid: str = NO_ID,
    bid: str = NO_ID,
    need_reply: int | None = None,
) -> Json:
    """The outer members of a message of a device."""
    message: Json = {"tid": tid, "bid": bid, "timestamp": timestamp_ms}
    if gateway is not None:
        message["gateway"] = gateway
    if need_reply is not None:
        message["need_reply"] = need_reply
    if method is not None:
        message["method"] = method
    message["data"] = data
    return message


def topology(controller: ControllerModel, linked: Iterable[Aircraft]) -> Json:
    """`data` of `update_topo`: the controller and all aircraft that it hears."""
    common = {"device_secret": "secret", "nonce": "nonce", "thing_version": controller.thing_version}
    return {
        "domain": "2" if controller.domain_as_text else 2,
        "type": controller.type,
        "sub_type": 0,
        **common,
        "sub_devices": [
            {
                "sn": aircraft.serial,
                "domain": "0" if controller.domain_as_text else 0,
                "type": aircraft.model.type,
                "sub_type": aircraft.model.sub_type,
                "index": "A",
                **common,
            }
            for aircraft in linked
        ],
    }


# The controller


def controller_osd(
    controller: ControllerModel, *, longitude_deg: float, latitude_deg: float, height_m: float, charge_percent: int
) -> Json:
    """The controller's own position, battery and radio. Its height is 0 where it does not know it."""
    data: Json = {
        "capacity_percent": charge_percent,
        "height": round(height_m, 1) if controller.has_4g else 0,
        "latitude": round(latitude_deg, 7),
        "longitude": round(longitude_deg, 7),
        "wireless_link": wireless_link(has_4g=controller.has_4g, band_ghz=2.4 if controller.domain_as_text else 5.8),
    }
    if controller.has_country:
        data["country"] = "DE"
    return data


def controller_state(controller: ControllerModel, linked: Iterable[Aircraft]) -> list[Json]:
    """What the controller says once: its firmware, and which cameras could be streamed."""
    devices = [_live_device(aircraft) for aircraft in linked]
    cameras = sum(device["available_video_number"] for device in devices)
    capacity = {"available_video_number": cameras, "coexist_video_number_max": 1, "device_list": devices}
    return [{"firmware_version": controller.firmware}, {"live_capacity": capacity}]


def _live_device(aircraft: Aircraft) -> Json:
    cameras: list[Json] = []
    for payload in aircraft.model.payloads:
        video: Json = {"video_index": "normal-0", "video_type": "normal"}
        if lenses := _lenses(payload):
            video["switchable_video_types"] = lenses
        cameras.append(
            {
                "camera_index": payload.index,
                "available_video_number": 1,
                "coexist_video_number_max": 1,
                "video_list": [video],
            }
        )
    return {
        "sn": aircraft.serial,
        "available_video_number": len(cameras),
        "coexist_video_number_max": 1,
        "camera_list": cameras,
    }


def _lenses(payload: Payload) -> list[str]:
    if not payload.photo_settings:
        return []
    return ["wide", "zoom", "ir"] if payload.has_thermal else ["wide", "zoom"]


def wireless_link(*, has_4g: bool, band_ghz: float) -> Json:
    """Quality of the radio links, 0 to 5."""
    quality = 4 if has_4g else 0
    return {
        "4g_freq_band": 5.8,
        "4g_gnd_quality": quality,
        "4g_link_state": int(has_4g),
        "4g_quality": quality,
        "4g_uav_quality": quality,
        "dongle_number": int(has_4g),
        "link_workmode": int(has_4g),
        "sdr_freq_band": band_ghz,
        "sdr_link_state": 1,
        "sdr_quality": 5,
    }


# The aircraft


def aircraft_osd(aircraft: Aircraft) -> Json:
    """All that an aircraft reports at a fixed rate."""
    model = aircraft.model
    longitude_deg, latitude_deg = aircraft.position
    data: Json = {
        "activation_time": aircraft.activated_at_s,
        "attitude_head": round(aircraft.heading_deg, 1),
        "attitude_pitch": round(aircraft.pitch_deg, 1),
        "attitude_roll": round(aircraft.roll_deg, 1),
        "elevation": round(aircraft.elevation_m, 1),
        "gear": 1,
        "height": round(aircraft.height_m, 1),
        "height_limit": 120,
        "home_distance": round(aircraft.home_distance_m, 2),
        "horizontal_speed": round(aircraft.horizontal_speed_mps, 1),
        "is_near_area_limit": 0,
        "is_near_height_limit": int(aircraft.elevation_m > 115),
        "latitude": round(latitude_deg, 8),
        "longitude": round(longitude_deg, 8),
        "mode_code": aircraft.mode_code,
        "night_lights_state": 0,
        "obstacle_avoidance": {"downside": 1, "horizon": 1, "upside": 1},
        "position_state": {
            "gps_number": aircraft.satellites,
            "is_fixed": 0,
            "quality": 5,
            "rtk_number": aircraft.satellites + 12,
        },
        "storage": {"total": aircraft.payload.total_kb, "used": int(aircraft.payload.used_kb)},
        "total_flight_distance": round(aircraft.flown_m, 3),
        "total_flight_sorties": aircraft.flights,
        "total_flight_time": (
            round(aircraft.flight_time_s, 3) if model.float_flight_time else int(aircraft.flight_time_s)
        ),
        "track_id": "",
        "vertical_speed": round(aircraft.climb_mps, 1),
        "wind_direction": _wind_direction(aircraft),
        "wind_speed": round(aircraft.wind_mps * 10),
        "battery": _battery(aircraft),
    }
    for payload in model.payloads:
        data[payload.index] = _payload_block(aircraft, payload)
    if any(payload.photo_settings for payload in model.payloads):
        data["cameras"] = [_camera(aircraft, payload) for payload in model.payloads]
        if model.has_fpv_camera:
            data["cameras"].append(_fpv_camera())
    data.update(_optional(model, aircraft))
    return data


def _optional(model: AircraftModel, aircraft: Aircraft) -> Json:
    """What only some models report."""
    data: Json = {}
    if model.country:
        data["country"] = "DE"
    if model.firmware_in_osd:
        data["firmware_version"] = model.firmware
    if model.maintenance:
        data["maintain_status"] = {
            "maintain_status_array": [
                {
                    "last_maintain_flight_sorties": 12,
                    "last_maintain_flight_time": 2,
                    "last_maintain_time": aircraft.activated_at_s + 5_000_000,
                    "last_maintain_type": kind,
                    "state": 1,
                }
                for kind in (1, 2, 3)
            ]
        }
    if (limit := model.distance_limit_m) is not None:
        status: Json = {"distance_limit": limit, "state": int(limit < 5000)}
        if model.near_distance_limit:
            status["is_near_distance_limit"] = int(aircraft.home_distance_m > limit - 100)
        data["distance_limit_status"] = status
    if model.rth_altitude_m is not None:
        data.update(rth_altitude=model.rth_altitude_m, rc_lost_action=2, exit_wayline_when_rc_lost=1)
    if model.wireless_link:
        data["wireless_link"] = wireless_link(has_4g=False, band_ghz=2.4)
    return data


def aircraft_state(aircraft: Aircraft) -> dict[str, Json]:
    """What an aircraft says once and then on change: groups of properties that travel together, by a name of ours."""
    model = aircraft.model
    groups: dict[str, Json] = {
        "constant": {
            "control_source": "A",
            "firmware_version": model.firmware,
            "firmware_upgrade_status": 0,
            "compatible_status": 0,
            "low_battery_warning_threshold": 30,
            "serious_low_battery_warning_threshold": 10,
            "payloads": [
                {
                    "control_source": "A",
                    "firmware_version": model.firmware,
                    "payload_index": payload.index,
                    "sn": f"{aircraft.serial[-8:]}CAM{number}",
                }
                for number, payload in enumerate(model.payloads, 1)
            ],
        },
        "mode": {"mode_code_reason": aircraft.mode_code_reason},
    }
    if aircraft.home is not None:
        groups["home"] = {
            "home_latitude": round(aircraft.home[1], 7),
            "home_longitude": round(aircraft.home[0], 7),
        }
    return groups


def _wind_direction(aircraft: Aircraft) -> int:
    """1 north, clockwise to 8 north-west; 0 none."""
    if not aircraft.is_airborne:
        return 0
    return round(aircraft.wind_from_deg / 45) % 8 + 1


def _battery(aircraft: Aircraft) -> Json:
    model = aircraft.model
    batteries: list[Json] = []
    for index in range(model.batteries):
        charge = max(aircraft.charge_percent - 0.4 * index, 0)
        sag_mv = 90 if aircraft.motors_run else 0
        batteries.append(
            {
                "capacity_percent": int(charge),
                "firmware_version": model.battery_firmware,
                "high_voltage_storage_days": 3,
                "index": index,
                "loop_times": aircraft.loop_times,
                "sn": f"{aircraft.serial[-6:]}B{aircraft.battery_set:03}{index}",
                "sub_type": 0,
                "temperature": round(aircraft.battery_celsius + 0.4 * index, 1),
                "type": 0,
                "voltage": round(model.cells * (3_350 + 8.6 * charge - sag_mv)),
            }
        )
    return {
        "batteries": batteries,
        "capacity_percent": int(sum(battery["capacity_percent"] for battery in batteries) / len(batteries)),
        "landing_power": model.landing_power_percent,
        "remain_flight_time": aircraft.remaining_flight_time_s,
        "return_home_power": aircraft.return_home_power_percent,
    }


def _payload_block(aircraft: Aircraft, payload: Payload) -> Json:
    block: Json = {
        "gimbal_pitch": round(aircraft.gimbal_pitch_deg, 1),
        "gimbal_roll": 0,
        "gimbal_yaw": round(aircraft.heading_deg, 1),
        "payload_index": payload.index,
    }
    if payload.has_laser:
        block.update(_laser(aircraft))
    if payload.has_zoom_factor:
        block["zoom_factor"] = 2.0
    if payload.has_thermal:
        block.update(
            thermal_current_palette_style=1,
            thermal_gain_mode=1,
            thermal_global_temperature_max=round(33 + aircraft.elevation_m / 20, 2),
            thermal_global_temperature_min=round(4 - aircraft.elevation_m / 30, 2),
            thermal_isotherm_lower_limit=0,
            thermal_isotherm_state=0,
            thermal_isotherm_upper_limit=500,
        )
    return block


def _laser(aircraft: Aircraft) -> Json:
    """The range finder's target: what a circling aircraft looks at, else none."""
    look_at = aircraft.mission.look_at
    if look_at is None or aircraft.payload.recording_s <= 0:
        return {
            "measure_target_altitude": 0,
            "measure_target_distance": 0,
            "measure_target_error_state": 3,
            "measure_target_latitude": 0,
            "measure_target_longitude": 0,
        }
    longitude_deg, latitude_deg = aircraft.place_of(*look_at)
    along_m = hypot(look_at[0] - aircraft.east_m, look_at[1] - aircraft.north_m)
    return {
        "measure_target_altitude": round(aircraft.base.height_m, 1),
        "measure_target_distance": round(hypot(along_m, aircraft.elevation_m), 1),
        "measure_target_error_state": 0,
        "measure_target_latitude": round(latitude_deg, 7),
        "measure_target_longitude": round(longitude_deg, 7),
    }


def _camera(aircraft: Aircraft, payload: Payload) -> Json:
    records = aircraft.payload.recording_s > 0
    zoom = 2.0 if aircraft.model.float_zoom else 2
    camera: Json = {
        "camera_mode": int(records),
        "liveview_world_region": {"bottom": 0.61, "left": 0.4, "right": 0.6, "top": 0.41},
        "payload_index": payload.index,
        "photo_state": int(aircraft.payload.takes_photo),
        "photo_storage_settings": list(payload.photo_settings),
        "record_time": int(aircraft.payload.recording_s),
        "recording_state": int(records),
        "remain_photo_num": aircraft.payload.photos_left,
        "remain_record_duration": 5_400 - int(aircraft.payload.recording_s) if records else 0,
        "screen_split_enable": False,
        "video_storage_settings": ["current"],
        "zoom_calibrate_farthest_focus_value": 34,
        "zoom_calibrate_nearest_focus_value": 64,
        "zoom_factor": zoom,
        "zoom_focus_mode": 2,
        "zoom_focus_state": 0,
        "zoom_focus_value": 34,
        "zoom_max_focus_value": 64,
        "zoom_min_focus_value": 34,
    }
    for lens in ("wide", "zoom"):
        camera[f"{lens}_exposure_mode"] = 1
        camera[f"{lens}_exposure_value"] = 16
        camera[f"{lens}_iso"] = 3
        camera[f"{lens}_shutter_speed"] = 21
    if payload.has_thermal:
        temperature = round(24 + aircraft.elevation_m / 25, 2)
        camera["ir_metering_mode"] = 1
        camera["ir_metering_point"] = {"temperature": temperature, "x": 0.5, "y": 0.5}
        camera["ir_zoom_factor"] = 2
    return camera


def _fpv_camera() -> Json:
    return {
        "payload_index": "39-0-7",
        "camera_mode": 0,
        "photo_state": 0,
        "recording_state": 0,
        "remain_photo_num": 0,
        "remain_record_duration": 0,
        "record_time": 0,
        "screen_split_enable": False,
    }


# Events


def health_event(aircraft: Aircraft) -> Json:
    """`data` of an `hms` event in the present form: a notice about the aircraft."""
    return {
        "list": [
            {
                "code": "0x16100083",
                "device_type": aircraft.model.key,
                "imminent": 1,
                "in_the_sky": int(aircraft.is_airborne),
                "level": 0,
                "module": 3,
                "args": {"component_index": 0, "sensor_index": 0},
            }
        ]
    }


def health_event_2023() -> Json:
    """`data` of an `hms` event as older Pilots write it: the name inside, nothing to tell."""
    return {"event": "hms", "method": "hms", "output": {"codes": []}}
