"""The five endpoints by which Pilot 2 uploads, as its native client calls them (dji-pilot-2.md, chapters 2 and 3)."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx2

from .chaos import Chaos
from .errors import SignedOut, UploadFailed
from .photos import Photo
from .pilot import CloudAccess

TOKEN_HEADER = "X-Auth-Token"  # noqa: S105 - a header's name


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """Temporary credentials for the object storage."""

    endpoint: str
    bucket: str
    region: str
    prefix: str
    access_key_id: str
    secret: str = field(repr=False)
    session_token: str = field(repr=False)
    renew_at: float
    """On the monotonic clock."""


class MediaApi:
    """One controller's client.

    Args:
        http: its base URL plays no part.
        access: what the page handed over.
        chaos: what becomes of requests and answers.
    """

    def __init__(self, http: httpx2.AsyncClient, access: CloudAccess, chaos: Chaos) -> None:
        self.access = access
        """Changed when the page was opened again."""
        self._http = http
        self._chaos = chaos

    async def held(self, tiny_fingerprints: Sequence[str]) -> set[str]:
        """Those of the tiny fingerprints whose files the hub holds.

        Raises, as all that follow:
            UploadFailed: no answer, or none that lets Pilot go on.
            SignedOut: the token, or the workspace's uuid, is no longer good.
        """
        answer = await self._post("media", "files/tiny-fingerprints", {"tiny_fingerprints": list(tiny_fingerprints)})
        found = _done(answer, "tiny-fingerprints").get("tiny_fingerprints")
        return {item for item in found if isinstance(item, str)} if isinstance(found, list) else set()

    async def is_here(self, photo: Photo, fingerprint: str) -> bool:
        """Whether the hub holds this very file: `fast-upload`."""
        body = {"ext": _ext(photo), "fingerprint": fingerprint, "name": photo.name, "path": photo.folder}
        answer = await self._post("media", "fast-upload", body)
        return _code(answer, "fast-upload") == 0

    async def grant(self) -> Grant:
        """Credentials: `sts`."""
        data = _done(await self._post("storage", "sts", None), "sts")
        try:
            credentials = data["credentials"]
            return Grant(
                endpoint=str(data["endpoint"]),
                bucket=str(data["bucket"]),
                region=str(data["region"]),
                prefix=str(data["object_key_prefix"]),
                access_key_id=str(credentials["access_key_id"]),
                secret=str(credentials["access_key_secret"]),
                session_token=str(credentials["security_token"]),
                renew_at=time.monotonic() + float(credentials["expire"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise UploadFailed(f"sts answered without {error}") from error

    async def tell(self, photo: Photo, fingerprint: str, object_key: str, *, result: int = 0) -> None:
        """What became of an upload: `upload-callback`; 0 is success."""
        body = {
            "ext": {**_ext(photo), "file_group_id": photo.group},
            "fingerprint": fingerprint,
            "metadata": photo.metadata,
            "name": photo.name,
            "object_key": object_key,
            "path": photo.folder,
            "result": result,
            "sub_file_type": 0,
        }
        await self._tell("upload-callback", body)

    async def tell_group(self, group: str, *, files: int, uploaded: int) -> None:
        """How far a wayline task's files are: `group-upload-callback`."""
        body = {"file_group_id": group, "file_count": files, "file_uploaded_count": uploaded}
        await self._tell("group-upload-callback", body)

    async def topologies(self) -> int:
        """How many controllers the hub shows, as Pilot asks for its map."""
        path = f"/manage/api/v1/workspaces/{self.access.workspace_uuid}/devices/topologies"
        found = _done(await self._send("GET", path, None), "topologies").get("list")
        return len(found) if isinstance(found, list) else 0

    async def _tell(self, resource: str, body: Mapping[str, Any]) -> None:
        for _ in range(2 if self._chaos.repeats() else 1):
            _done(await self._post("media", resource, body), resource)

    async def _post(self, module: str, resource: str, body: Mapping[str, Any] | None) -> httpx2.Response:
        path = f"/{module}/api/v1/workspaces/{self.access.workspace_uuid}/{resource}"
        return await self._send("POST", path, body)

    async def _send(self, method: str, path: str, body: Mapping[str, Any] | None) -> httpx2.Response:
        await self._chaos.dawdle()
        if self._chaos.loses_request():
            raise UploadFailed("the request was lost on the way")
        try:
            response = await self._http.request(
                method, self.access.url + path, json=body, headers={TOKEN_HEADER: self.access.token}
            )
        except httpx2.TransportError as error:
            raise UploadFailed(f"no answer from {self.access.url} ({type(error).__name__})") from error
        if self._chaos.loses_answer():
            raise UploadFailed("the answer was lost on the way")
        if response.status_code in {401, 403}:
            raise SignedOut(f"{path} answered {response.status_code}")
        if response.status_code != 200:
            raise UploadFailed(f"{path} answered {response.status_code}")
        return response


def _ext(photo: Photo) -> dict[str, Any]:
    return {
        "drone_model_key": photo.model.key,
        "is_original": True,
        "payload_model_key": photo.payload_key,
        "sn": photo.serial,
        "tinny_fingerprint": photo.tiny_fingerprint,
    }


def _envelope(response: httpx2.Response, what: str) -> dict[str, Any]:
    try:
        found = response.json()
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise UploadFailed(f"{what} was answered without an envelope")
    return found


def _code(response: httpx2.Response, what: str) -> int:
    """As devices read it: a code that is no integer is a fault of the hub."""
    code = _envelope(response, what).get("code")
    if type(code) is not int:
        raise UploadFailed(f"{what} was answered without an integer as code")
    return code


def _done(response: httpx2.Response, what: str) -> dict[str, Any]:
    """The data of an answer that says so.

    Raises:
        UploadFailed: it says otherwise.
    """
    if (code := _code(response, what)) != 0:
        raise UploadFailed(f"{what}: {_envelope(response, what).get('message')} ({code})")
    data = _envelope(response, what).get("data")
    if not isinstance(data, dict):
        raise UploadFailed(f"{what} was answered without an object as data")
    return data
