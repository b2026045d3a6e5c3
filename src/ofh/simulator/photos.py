"""The files that a shot leaves on the card: JPEG with EXIF and DJI's XMP, named as DJI names them.

A `Photo` is what is known before there is a file; `content` makes the file, the same bytes each time. What the picture
shows and what its metadata say is the same pose, rounded once.

Sources: Exif 2.32; the photo field tables of DJI's manuals (drone-dji); dji-pilot-2.md, chapter 3, for names and
fingerprints.
"""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from io import BytesIO
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from ofh.dji.products import PAYLOAD, model_key

from .camera import LENSES, Lens, Pose
from .models import AircraftModel
from .payload import Shot

JPEG_QUALITY = 88
_XMP = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about="DJI Meta Data"
    xmlns:tiff="http://ns.adobe.com/tiff/1.0/"
    xmlns:xmp="http://ns.adobe.com/xap/1.0/"
    xmlns:drone-dji="http://www.dji.com/drone-dji/1.0/"
{attributes}/>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Photo:
    """One lens's file of one shot."""

    serial: str
    """The aircraft's."""
    model: AircraftModel
    lens: Lens
    shot: Shot
    taken_at: datetime
    """To the second, with the offset of the camera's clock."""
    flight_began_at: datetime
    """The time of the flight's first shot: tells its flights apart, and names the folder."""
    place: tuple[float, float]
    seed: int

    @property
    def name(self) -> str:
        """The file's name."""
        return f"DJI_{self.taken_at:%Y%m%d%H%M%S}_{self.shot.number:04}_{self.lens.suffix}.JPG"

    @property
    def folder(self) -> str:
        """The wayline's folder; empty for what was taken by hand."""
        if not self.shot.is_wayline:
            return ""
        return f"DJI_{self.flight_began_at:%Y%m%d%H%M}_{self.shot.flight % 1000:03}_{self.shot.mission.capitalize()}"

    @property
    def group(self) -> str:
        """The id of the wayline task; empty for what was taken by hand."""
        return group_of(self.serial, self.shot.flight, self.flight_began_at) if self.shot.is_wayline else ""

    @property
    def tiny_fingerprint(self) -> str:
        """32 hexadecimal digits and the camera's time. How DJI makes the digits is unpublished; ours name a file."""
        digits = hashlib.md5(
            f"{self.serial}/{self.shot.flight}/{self.name}".encode(), usedforsecurity=False
        ).hexdigest()
        at = self.taken_at
        return f"{digits}_{at.year}_{at.month}_{at.day}_{at.hour}_{at.minute}_{at.second}"

    @property
    def payload_key(self) -> str:
        """DJI's model key of the payload."""
        return model_key(PAYLOAD, *(int(part) for part in self.model.payloads[0].index.split("-")[:2]))

    @property
    def pose(self) -> Pose:
        """The camera's, as precise as the metadata tell it."""
        shot = self.shot
        return Pose(
            longitude_deg=round(shot.longitude_deg, 9),
            latitude_deg=round(shot.latitude_deg, 9),
            elevation_m=round(shot.elevation_m, 3),
            yaw_deg=round(shot.heading_deg, 2),
            pitch_deg=round(shot.gimbal_pitch_deg, 2),
            roll_deg=0.0,
            width=self.lens.width,
            height=self.lens.height,
            focal_px=round(self.lens.focal_px, 4),
        )

    @property
    def metadata(self) -> dict[str, Any]:
        """What Pilot tells of it in `upload-callback`."""
        pose = self.pose
        return {
            "absolute_altitude": round(self.shot.height_m, 3),
            "created_time": self.taken_at.isoformat(),
            "gimbal_yaw_degree": pose.yaw_deg,
            "relative_altitude": pose.elevation_m,
            "shoot_position": {"lat": pose.latitude_deg, "lng": pose.longitude_deg},
        }

    def content(self) -> bytes:
        """The file. Takes some tenths of a second, so not for an event loop."""
        from .picture import draw  # Pillow is heavy, and most simulations take no photos

        picture = draw(self.pose, self.place, self.seed, is_thermal=self.lens.is_thermal)
        file = BytesIO()
        picture.save(file, "JPEG", quality=JPEG_QUALITY, exif=_exif(self), xmp=_xmp(self).encode())
        return file.getvalue()


def fingerprint(content: bytes) -> str:
    """What Pilot sends as `fingerprint`: very likely the MD5, in upper case."""
    return hashlib.md5(content, usedforsecurity=False).hexdigest().upper()


def group_of(serial: str, flight: int, flight_began_at: datetime) -> str:
    """The id of a wayline task."""
    return str(uuid5(NAMESPACE_OID, f"{serial}/{flight}/{flight_began_at.isoformat()}"))


def camera_time(at: datetime, longitude_deg: float) -> datetime:
    """A moment on the camera's clock, which is set to the sea's time zone of its longitude; to the second."""
    return at.astimezone(timezone(timedelta(hours=round(longitude_deg / 15)))).replace(microsecond=0)


def photos_of(
    shot: Shot,
    *,
    serial: str,
    model: AircraftModel,
    taken_at: datetime,
    flight_began_at: datetime,
    place: tuple[float, float],
    seed: int,
) -> list[Photo]:
    """The files of a shot: one for each lens of the aircraft's first payload.

    Args:
        shot: what the aircraft did.
        serial: the aircraft's.
        model: what it is.
        taken_at: by `camera_time`, like `flight_began_at`.
        flight_began_at: when the first shot of the flight was.
        place: longitude and latitude of the ground's middle.
        seed: of the ground.
    """
    payload_type = int(model.payloads[0].index.split("-")[0])
    return [
        Photo(
            serial=serial,
            model=model,
            lens=lens,
            shot=shot,
            taken_at=taken_at,
            flight_began_at=flight_began_at,
            place=place,
            seed=seed,
        )
        for lens in LENSES[payload_type]
    ]


def _exif(photo: Photo) -> Any:
    from PIL import ExifTags, Image

    lens, pose = photo.lens, photo.pose
    base, gps = ExifTags.Base, ExifTags.GPS
    at = photo.taken_at
    time, zone = at.strftime("%Y:%m:%d %H:%M:%S"), at.isoformat()[-6:]
    per_cm = _rational(lens.focal_px / lens.focal_mm * 10, 1000)
    exif = Image.Exif()
    exif[base.Make] = "DJI"
    exif[base.Model] = lens.camera
    exif[base.Orientation] = 1
    exif[base.Software] = photo.model.firmware
    exif[base.DateTime] = time
    detail = exif.get_ifd(ExifTags.IFD.Exif)
    detail[base.ExifVersion] = b"0232"
    detail[base.DateTimeOriginal] = detail[base.DateTimeDigitized] = time
    detail[base.OffsetTime] = detail[base.OffsetTimeOriginal] = detail[base.OffsetTimeDigitized] = zone
    detail[base.FocalLength] = _rational(lens.focal_mm, 100)
    detail[base.FocalLengthIn35mmFilm] = lens.equivalent_mm
    detail[base.DigitalZoomRatio] = _rational(1, 1)
    detail[base.ExifImageWidth], detail[base.ExifImageHeight] = lens.width, lens.height
    detail[base.FocalPlaneXResolution] = detail[base.FocalPlaneYResolution] = per_cm
    detail[base.FocalPlaneResolutionUnit] = 3
    detail[base.BodySerialNumber] = photo.serial
    if not lens.is_thermal:
        detail[base.ExposureTime] = _rational(0.001, 1000)
        detail[base.FNumber] = _rational(2.8, 10)
        detail[base.ISOSpeedRatings] = 100
    place = exif.get_ifd(ExifTags.IFD.GPSInfo)
    place[gps.GPSVersionID] = b"\x02\x03\x00\x00"
    place[gps.GPSLatitudeRef] = "N" if pose.latitude_deg >= 0 else "S"
    place[gps.GPSLatitude] = _sexagesimal(pose.latitude_deg)
    place[gps.GPSLongitudeRef] = "E" if pose.longitude_deg >= 0 else "W"
    place[gps.GPSLongitude] = _sexagesimal(pose.longitude_deg)
    place[gps.GPSAltitudeRef] = b"\x00" if photo.shot.height_m >= 0 else b"\x01"
    place[gps.GPSAltitude] = _rational(abs(photo.shot.height_m), 1000)
    place[gps.GPSMapDatum] = "WGS-84"
    utc = at.astimezone(UTC)
    place[gps.GPSDateStamp] = utc.strftime("%Y:%m:%d")
    place[gps.GPSTimeStamp] = tuple(_rational(part, 1) for part in (utc.hour, utc.minute, utc.second))
    return exif


def _xmp(photo: Photo) -> str:
    """DJI's XMP. Angles are those of the pose; heights are above the ellipsoid and above the take-off point."""
    shot, pose, lens = photo.shot, photo.pose, photo.lens
    time = photo.taken_at.isoformat()
    fields = {
        "tiff:Make": "DJI",
        "tiff:Model": lens.camera,
        "xmp:CreateDate": time,
        "xmp:ModifyDate": time,
        "drone-dji:Version": "1.5",
        "drone-dji:ImageSource": lens.source,
        "drone-dji:GpsStatus": "Normal",
        "drone-dji:AltitudeType": "GpsFusionAlt",
        "drone-dji:GpsLatitude": f"{pose.latitude_deg:+.9f}",
        "drone-dji:GpsLongitude": f"{pose.longitude_deg:+.9f}",
        "drone-dji:AbsoluteAltitude": f"{shot.height_m:+.3f}",
        "drone-dji:RelativeAltitude": f"{pose.elevation_m:+.3f}",
        "drone-dji:GimbalRollDegree": f"{pose.roll_deg:+.2f}",
        "drone-dji:GimbalYawDegree": f"{pose.yaw_deg:+.2f}",
        "drone-dji:GimbalPitchDegree": f"{pose.pitch_deg:+.2f}",
        "drone-dji:FlightRollDegree": f"{shot.roll_deg:+.2f}",
        "drone-dji:FlightYawDegree": f"{shot.heading_deg:+.2f}",
        "drone-dji:FlightPitchDegree": f"{shot.pitch_deg:+.2f}",
        "drone-dji:FlightXSpeed": f"{shot.north_mps:+.1f}",
        "drone-dji:FlightYSpeed": f"{shot.east_mps:+.1f}",
        "drone-dji:FlightZSpeed": f"{-shot.climb_mps:+.1f}",
        "drone-dji:CamReverse": "0",
        "drone-dji:GimbalReverse": "0",
        "drone-dji:CalibratedFocalLength": f"{pose.focal_px:.4f}",
        "drone-dji:CalibratedOpticalCenterX": f"{pose.width / 2:.2f}",
        "drone-dji:CalibratedOpticalCenterY": f"{pose.height / 2:.2f}",
        "drone-dji:DroneModel": lens.camera,
        "drone-dji:DroneSerialNumber": photo.serial,
        "drone-dji:UTCAtExposure": photo.taken_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S"),
    }
    return _XMP.format(attributes="\n".join(f'    {name}="{value}"' for name, value in fields.items()))


def _sexagesimal(degrees: float) -> tuple[Any, Any, Any]:
    """Degrees, minutes and seconds to a hundred-thousandth (0.3 mm)."""
    whole = round(abs(degrees) * 360_000_000)
    minutes, seconds = divmod(whole, 6_000_000)
    return _rational(minutes // 60, 1), _rational(minutes % 60, 1), _rational(seconds / 100_000, 100_000)


def _rational(value: float, denominator: int) -> Any:
    from PIL.TiffImagePlugin import IFDRational

    return IFDRational(round(value * denominator), denominator)
