"""What an upload endpoint must not do: each refusal with its code, and nothing left on the disk."""

import base64
import hashlib
import os
import zlib
from collections.abc import Callable
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

import pytest

from ofh.services.grants import UploadGrant
from ofh.services.rate_counters import Rate
from ofh.services.uploads import UploadRules
from tests.integration.s3.place import MIB, WORKSPACE, Place, running
from tests.integration.s3.raw import LATER, Answer, Raw, chunked, path_of, signed

PHOTO = os.urandom(70_000)
CRC32 = base64.b64encode(zlib.crc32(PHOTO).to_bytes(4, "big")).decode()
STREAMING = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
STREAMING_TRAILER = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
UNSIGNED_TRAILER = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"


def key_in(grant: UploadGrant, name: str = "photo.jpg") -> str:
    return f"{grant.object_key_prefix}/{name}"


def put(place: Place, grant: UploadGrant, key: str | None = None, body: bytes = PHOTO, **how: object) -> Raw:
    return signed(place, grant, "PUT", path_of(key or key_in(grant)), body=body, **how)  # type: ignore[arg-type]


def nothing_is_left(place: Place) -> None:
    assert place.files() == []


def test_what_holds_is_taken(place: Place, grant: UploadGrant) -> None:
    answer = put(place, grant).send()
    assert (answer.status, answer.headers["etag"]) == (200, f'"{hashlib.md5(PHOTO).hexdigest()}"')
    assert place.content(key_in(grant)) == PHOTO


def test_a_refusal_is_xml_with_the_id_of_the_request(place: Place, grant: UploadGrant) -> None:
    answer = put(place, grant, "elsewhere/x/photo.jpg").send()
    assert (answer.status, answer.code) == (403, "AccessDenied")
    assert answer.headers["content-type"] == "application/xml"
    assert answer.headers["x-amz-request-id"] == answer.headers["x-request-id"]
    assert f"<RequestId>{answer.headers['x-request-id']}</RequestId>".encode() in answer.body


# Whose credentials


def test_another_prefix_is_refused_be_it_of_the_same_workspace(place: Place, grant: UploadGrant) -> None:
    """Chapter 10: credentials can put below the prefix, and nothing else."""
    other = place.grant()
    assert put(place, other).send().status == 200
    prefix = grant.object_key_prefix
    for key in (key_in(other), f"{prefix}x/photo.jpg", prefix, prefix.partition("/")[0] + "/photo.jpg", "photo.jpg"):
        for method, query in (("PUT", ""), ("HEAD", ""), ("POST", "uploads"), ("GET", "uploadId=x")):
            answer = signed(place, grant, method, path_of(key, query)).send()
            assert (answer.status, answer.code or "AccessDenied") == (403, "AccessDenied")
    assert place.content(key_in(other)) == PHOTO


WRONG: dict[str, Callable[[Place, UploadGrant], Raw]] = {
    "secret": lambda place, grant: put(place, grant, secret="x" * 40),
    "another grant's secret": lambda place, grant: put(place, grant, secret=place.grant().access_key_secret),
    "no token": lambda place, grant: put(place, grant, token=""),
    "no token of ours": lambda place, grant: put(place, grant, token="AQoDYXdzEJr"),
    "changed token": lambda place, grant: put(place, grant, token=grant.security_token[:-1]),
    "changed claims": lambda place, grant: put(
        place, grant, token="A" + grant.security_token[1:].replace(".", "x.", 1)
    ),
    "another grant's token": lambda place, grant: put(place, grant, token=place.grant().security_token),
    "another key id": lambda place, grant: put(place, grant, key_id="ASIAANOTHERKEYID0000"),
}


@pytest.mark.parametrize("what", WRONG)
def test_wrong_credentials_are_refused(what: str, place: Place, grant: UploadGrant) -> None:
    answer = WRONG[what](place, grant).send()
    assert answer.status in (400, 403)
    assert answer.code in ("SignatureDoesNotMatch", "InvalidAccessKeyId", "InvalidToken")
    nothing_is_left(place)


def test_a_grant_ends_after_its_term_and_not_before(place: Place, grant: UploadGrant) -> None:
    assert grant.expire_s == 12 * 3_600 - 300
    place.offset = timedelta(hours=11, minutes=59)
    assert put(place, grant).send().status == 200
    place.offset = LATER
    answer = put(place, grant, key_in(grant, "late.jpg")).send()
    assert (answer.status, answer.code) == (400, "ExpiredToken")
    assert place.stat(key_in(grant, "late.jpg")) is None


def test_a_grant_outlives_the_process_that_gave_it(place: Place, grant: UploadGrant, tmp_path: Path) -> None:
    with running(tmp_path / "other") as other:
        assert put(other, grant).send().status == 200


def test_a_clock_that_is_off_is_told_and_logged(
    place: Place, grant: UploadGrant, capsys: pytest.CaptureFixture[str]
) -> None:
    request = put(place, grant)
    place.offset = timedelta(minutes=20)
    answer = request.send()
    assert (answer.status, answer.code) == (403, "RequestTimeTooSkewed")
    assert b"<ServerTime>" in answer.body
    assert "a controller's clock is off" in capsys.readouterr().out
    nothing_is_left(place)


def test_version_two_is_told_which_one_is_understood(place: Place, grant: UploadGrant) -> None:
    host = {"host": f"127.0.0.1:{place.port}", "authorization": f"AWS {grant.access_key_id}:c2lnbmF0dXJl"}
    answer = Raw(place, "PUT", path_of(key_in(grant)), host, PHOTO).send()
    assert (answer.status, answer.code) == (400, "InvalidRequest")
    assert b"AWS4-HMAC-SHA256" in answer.body


def test_no_secret_reaches_the_log(place: Place, grant: UploadGrant, capsys: pytest.CaptureFixture[str]) -> None:
    right = put(place, grant)
    right.send()
    wrong = put(place, grant, secret="marker-secret-marker")
    wrong.send()
    Raw(place, "PUT", "/ofh-media/x", {"host": "h", "authorization": "AWS marker-id:marker-signature"}).send()
    Raw(place, "PUT", "/ofh-media/x", {"host": "h", "authorization": "AWS4-HMAC-SHA256 marker=marker"}).send()
    signed(place, grant, "GET", path_of(key_in(grant)) + "?X-Amz-Signature=marker-signature").send()
    logged = capsys.readouterr()
    text = logged.out + logged.err
    assert "SignatureDoesNotMatch" in text
    for secret in (grant.access_key_secret, grant.security_token, "marker"):
        assert secret not in text
    for request in (right, wrong):
        assert request.headers["Authorization"].rpartition("=")[2] not in text


# The request


def test_a_signature_holds_for_its_own_request_alone(place: Place, grant: UploadGrant) -> None:
    request = put(place, grant, headers={"content-type": "image/jpeg", "x-amz-acl": "private"})
    changes: list[Raw] = [
        Raw(place, "PUT", path_of(key_in(grant, "another.jpg")), request.headers, PHOTO),
        Raw(place, "PUT", request.path + "?partNumber=1&uploadId=x", request.headers, PHOTO),
        Raw(place, "POST", request.path + "?uploads", request.headers),
        Raw(place, "HEAD", request.path, request.headers),
        Raw(place, "PUT", request.path, {**request.headers, "content-type": "text/html"}, PHOTO),
        Raw(place, "PUT", request.path, {**request.headers, "x-amz-acl": "public-read"}, PHOTO),
        Raw(place, "PUT", request.path, {**request.headers, "host": f"localhost:{place.port}"}, PHOTO),
        Raw(place, "PUT", request.path, {**request.headers, "x-amz-meta-more": "x"}, PHOTO),
    ]
    for change in changes:
        answer = change.send()
        assert answer.status == 403
        assert answer.code in ("", "SignatureDoesNotMatch", "AccessDenied")
    nothing_is_left(place)


@pytest.mark.parametrize(
    "tail",
    [
        "..",
        "../photo.jpg",
        "../../photo.jpg",
        "x/../photo.jpg",
        "./photo.jpg",
        "%2e%2e/photo.jpg",
        "%2E%2E%2Fphoto.jpg",
        "..%2fphoto.jpg",
        "/photo.jpg",
        "x//photo.jpg",
        "x%2f%2fphoto.jpg",
        "x/",
        "..%5cphoto.jpg",
        "..\\photo.jpg",
        "photo.jpg%00",
        "photo%0a.jpg",
        "%252e%252e/photo.jpg",
        "photo%ff.jpg",
        "x" * 1_000,
    ],
)
def test_no_way_through_folders_is_a_key(tail: str, place: Place, grant: UploadGrant) -> None:
    answer = signed(place, grant, "PUT", f"/ofh-media/{grant.object_key_prefix}/{tail}", body=PHOTO).send()
    assert 400 <= answer.status < 500
    nothing_is_left(place)


@pytest.mark.parametrize("path", ["//ofh-media/x", "/ofh-media/../ofh-media/x", "/ofh-media//x", "/%6ffh-media/x/y/z"])
def test_no_other_spelling_of_the_bucket_gets_around_the_prefix(path: str, place: Place, grant: UploadGrant) -> None:
    answer = signed(place, grant, "PUT", path, body=PHOTO).send()
    assert 400 <= answer.status < 500
    nothing_is_left(place)


@pytest.mark.parametrize(
    ("method", "query"),
    [
        ("GET", ""),
        ("GET", "acl"),
        ("GET", "tagging"),
        ("GET", "attributes"),
        ("DELETE", ""),
        ("DELETE", "versionId=1"),
        ("PUT", "acl"),
        ("PUT", "tagging"),
        ("PUT", "retention"),
        ("PUT", "uploadId=x"),
        ("PUT", "partNumber=1"),
        ("POST", ""),
        ("POST", "restore"),
        ("POST", "select&select-type=2"),
        ("POST", "uploads&uploadId=x"),
        ("OPTIONS", ""),
        ("PATCH", ""),
    ],
)
def test_nothing_but_uploading_is_allowed(method: str, query: str, place: Place, grant: UploadGrant) -> None:
    """security.md, S4."""
    put(place, grant).send()
    answer = signed(place, grant, method, path_of(key_in(grant), query)).send()
    assert (answer.status, answer.code) == (403, "AccessDenied")
    assert PHOTO not in answer.body
    assert place.content(key_in(grant)) == PHOTO


@pytest.mark.parametrize(
    ("method", "query"),
    [
        ("GET", ""),
        ("GET", "list-type=2"),
        ("GET", "versions"),
        ("GET", "policy"),
        ("PUT", ""),
        ("DELETE", ""),
        ("POST", "delete"),
        ("PUT", "policy"),
        ("GET", "uploads&prefix=elsewhere"),
        ("HEAD", "versions"),
    ],
)
def test_the_bucket_tells_next_to_nothing(method: str, query: str, place: Place, grant: UploadGrant) -> None:
    for path in (f"/ofh-media?{query}", f"/ofh-media/?{query}"):
        answer = signed(place, grant, method, path).send()
        assert (answer.status, answer.code or "AccessDenied") == (403, "AccessDenied")


def test_uploads_of_others_are_not_listed(place: Place, grant: UploadGrant) -> None:
    other = place.grant()
    signed(place, other, "POST", path_of(key_in(other), "uploads")).send()
    signed(place, grant, "POST", path_of(key_in(grant), "uploads")).send()
    workspace = grant.object_key_prefix.partition("/")[0]
    for query in (
        "uploads",
        f"uploads&prefix={workspace}",
        f"uploads&prefix={quote(grant.object_key_prefix, safe='')}%2F",
    ):
        answer = signed(place, grant, "GET", f"/ofh-media?{query}").send()
        assert answer.status == 200
        assert grant.object_key_prefix.encode() in answer.body
        assert other.object_key_prefix.encode() not in answer.body


def test_a_copy_would_be_reading(place: Place, grant: UploadGrant) -> None:
    headers = {"x-amz-copy-source": "/ofh-media/other/x/photo.jpg"}
    assert put(place, grant, body=b"", headers=headers).send().code == "AccessDenied"
    nothing_is_left(place)


def test_a_missing_object_is_404_below_the_own_prefix_alone(place: Place, grant: UploadGrant) -> None:
    assert signed(place, grant, "HEAD", path_of(key_in(grant, "missing"))).send().status == 404
    other = place.grant()
    put(place, other).send()
    for name in ("photo.jpg", "missing"):
        assert signed(place, grant, "HEAD", path_of(key_in(other, name))).send().status == 403


def test_only_new_objects_where_the_sender_says_so(place: Place, grant: UploadGrant) -> None:
    assert put(place, grant, headers={"if-none-match": "*"}).send().status == 200
    again = put(place, grant, body=b"other", headers={"if-none-match": "*"}).send()
    assert (again.status, again.code) == (412, "PreconditionFailed")
    assert place.content(key_in(grant)) == PHOTO


# The body


def body_put(place: Place, grant: UploadGrant, payload: str, **headers: str) -> Raw:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return put(place, grant, payload=payload, headers={"x-amz-decoded-content-length": str(len(PHOTO)), **given})


PIECES = [PHOTO[:65_536], PHOTO[65_536:]]


def test_signed_chunks_are_taken_with_and_without_a_trailer(place: Place, grant: UploadGrant) -> None:
    request = body_put(place, grant, STREAMING, content_encoding="aws-chunked")
    request.body = chunked(grant, request, PIECES)
    assert request.send().status == 200
    assert place.content(key_in(grant)) == PHOTO
    request = body_put(place, grant, STREAMING_TRAILER, x_amz_trailer="x-amz-checksum-crc32")
    request.body = chunked(grant, request, PIECES, {"x-amz-checksum-crc32": CRC32})
    answer = request.send()
    assert (answer.status, answer.headers["x-amz-checksum-crc32"]) == (200, CRC32)


def altered_chunk(place: Place, grant: UploadGrant) -> Raw:
    request = body_put(place, grant, STREAMING)
    wire = bytearray(chunked(grant, request, PIECES))
    wire[40_000] ^= 1
    request.body = bytes(wire)
    return request


def missing_trailer(place: Place, grant: UploadGrant) -> Raw:
    request = body_put(place, grant, STREAMING_TRAILER, x_amz_trailer="x-amz-checksum-crc32")
    request.body = chunked(grant, request, PIECES, {})
    return request


def unannounced_trailer(place: Place, grant: UploadGrant) -> Raw:
    request = body_put(place, grant, STREAMING_TRAILER)
    request.body = chunked(grant, request, PIECES, {"x-amz-checksum-crc32": CRC32})
    return request


def wrong_trailer(place: Place, grant: UploadGrant) -> Raw:
    request = body_put(place, grant, UNSIGNED_TRAILER, x_amz_trailer="x-amz-checksum-crc32")
    request.body = f"{len(PHOTO):x}\r\n".encode() + PHOTO + b"\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n"
    return request


def fewer_bytes_than_said(place: Place, grant: UploadGrant) -> Raw:
    request = body_put(place, grant, STREAMING)
    request.body = chunked(grant, request, PIECES[:1])
    return request


def no_decoded_length(place: Place, grant: UploadGrant) -> Raw:
    request = put(place, grant, payload=STREAMING)
    request.body = chunked(grant, request, PIECES)
    return request


WRONG_BODIES: dict[str, tuple[Callable[[Place, UploadGrant], Raw], str]] = {
    "altered chunk": (altered_chunk, "SignatureDoesNotMatch"),
    "missing trailer": (missing_trailer, "MalformedTrailerError"),
    "unannounced trailer": (unannounced_trailer, "MalformedTrailerError"),
    "wrong trailer": (wrong_trailer, "BadDigest"),
    "fewer bytes than said": (fewer_bytes_than_said, "IncompleteBody"),
    "no decoded length": (no_decoded_length, "MissingContentLength"),
    "not chunked": (lambda place, grant: body_put(place, grant, STREAMING), "MissingContentLength"),
    "another sha256": (lambda place, grant: put(place, grant, payload="0" * 64), "XAmzContentSHA256Mismatch"),
    "another md5": (lambda place, grant: put(place, grant, headers={"content-md5": "A" * 22 + "=="}), "BadDigest"),
    "no md5": (lambda place, grant: put(place, grant, headers={"content-md5": "md5"}), "InvalidDigest"),
    **{
        f"another {name}": (
            lambda place, grant, name=name, length=length: put(
                place,
                grant,
                headers={f"x-amz-checksum-{name}": base64.b64encode(bytes(length)).decode()},
            ),
            "BadDigest",
        )
        for name, length in (("crc32", 4), ("crc32c", 4), ("crc64nvme", 8), ("sha1", 20), ("sha256", 32))
    },
    "no checksum": (lambda place, grant: put(place, grant, headers={"x-amz-checksum-crc32": "x"}), "InvalidRequest"),
    "unknown checksum": (
        lambda place, grant: put(place, grant, headers={"x-amz-checksum-adler": "AAAA"}),
        "InvalidRequest",
    ),
}
WRONG_BODIES["not chunked"] = (lambda place, grant: body_put(place, grant, STREAMING), "IncompleteBody")


@pytest.mark.parametrize("what", WRONG_BODIES)
def test_a_body_that_is_not_what_was_promised_is_no_object(what: str, place: Place, grant: UploadGrant) -> None:
    make, code = WRONG_BODIES[what]
    answer = make(place, grant).send()
    assert answer.code == code
    assert 400 <= answer.status < 500
    assert place.stat(key_in(grant)) is None
    nothing_is_left(place)


# Parts


def parts_xml(*parts: tuple[int, str]) -> bytes:
    inside = "".join(f"<Part><PartNumber>{n}</PartNumber><ETag>{etag}</ETag></Part>" for n, etag in parts)
    return f"<CompleteMultipartUpload>{inside}</CompleteMultipartUpload>".encode()


class Upload:
    """An upload in parts, by hand."""

    def __init__(self, place: Place, grant: UploadGrant) -> None:
        self.place, self.grant, self.key = place, grant, key_in(grant, "video.mp4")
        begun = self.ask("POST", "uploads").body.decode()
        self.id = begun.partition("<UploadId>")[2].partition("</UploadId>")[0]

    def ask(self, method: str, query: str, body: bytes = b"", **headers: str) -> Answer:
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        request = signed(self.place, self.grant, method, path_of(self.key, query), body=body, headers=given)
        return request.send()

    def part(self, number: int, content: bytes) -> str:
        answer = self.ask("PUT", f"partNumber={number}&uploadId={self.id}", content)
        assert answer.status == 200, answer.body
        return answer.headers["etag"].strip('"')

    def complete(self, body: bytes, **headers: str) -> Answer:
        return self.ask("POST", f"uploadId={self.id}", body, **headers)


LARGE, SMALL = b"a" * (5 * MIB), b"b" * 100


def test_parts_that_are_not_right_complete_nothing(place: Place, grant: UploadGrant) -> None:
    upload = Upload(place, grant)
    large, small = upload.part(1, LARGE), upload.part(2, SMALL)
    wrong = {
        "InvalidPart": [[(1, small)], [(1, large), (3, small)], [(1, "0" * 32)], [(1, "nothing")]],
        "InvalidPartOrder": [[(2, small), (1, large)], [(1, large), (1, large)]],
    }
    for code, lists in wrong.items():
        for parts in lists:
            assert upload.complete(parts_xml(*parts)).code == code
    for body in (b"", b"<x/>", parts_xml(), b"<!DOCTYPE x [<!ENTITY a 'b'>]>" + parts_xml((1, "&a;"))):
        assert upload.complete(body).code == "MalformedXML"
    right = parts_xml((1, large), (2, small))
    assert upload.complete(right, x_amz_mp_object_size="7").code == "InvalidArgument"
    assert upload.complete(right, x_amz_checksum_crc32="AAAAAA==").code == "NotImplemented"
    assert place.stat(upload.key) is None
    done = upload.complete(right, x_amz_mp_object_size=str(len(LARGE + SMALL)))
    assert done.status == 200
    assert place.content(upload.key) == LARGE + SMALL


def test_only_the_last_part_may_be_small(place: Place, grant: UploadGrant) -> None:
    upload = Upload(place, grant)
    parts = [(1, upload.part(1, SMALL)), (2, upload.part(2, LARGE))]
    assert upload.complete(parts_xml(*parts)).code == "EntityTooSmall"
    assert upload.complete(parts_xml(parts[1])).status == 200


@pytest.mark.parametrize("number", ["0", "10001", "-1", "x", "1.5", "99999999999999", ""])
def test_a_part_has_a_number_up_to_ten_thousand(number: str, place: Place, grant: UploadGrant) -> None:
    upload = Upload(place, grant)
    assert upload.ask("PUT", f"partNumber={number}&uploadId={upload.id}", SMALL).code == "InvalidArgument"


def test_an_upload_is_known_under_its_own_key_alone(place: Place, grant: UploadGrant) -> None:
    upload = Upload(place, grant)
    etag = upload.part(1, SMALL)
    for key, id in ((upload.key, "0" * 32), (key_in(grant, "other.mp4"), upload.id)):
        upload.key = key
        assert upload.ask("PUT", f"partNumber=1&uploadId={id}", SMALL).code == "NoSuchUpload"
        assert upload.ask("GET", f"uploadId={id}").code == "NoSuchUpload"
        assert upload.ask("POST", f"uploadId={id}", parts_xml((1, etag))).code == "NoSuchUpload"
        assert upload.ask("DELETE", f"uploadId={id}").status == 204
    other = place.grant()
    stranger = Upload.__new__(Upload)
    stranger.place, stranger.grant, stranger.key, stranger.id = place, other, key_in(grant, "video.mp4"), upload.id
    assert stranger.ask("PUT", f"partNumber=1&uploadId={upload.id}", SMALL).code == "AccessDenied"
    assert stranger.ask("DELETE", f"uploadId={upload.id}").code == "AccessDenied"


@pytest.mark.parametrize("found", [0, 1])
def test_a_grant_ends_with_its_connection_also_while_a_body_comes_in(
    place: Place, grant: UploadGrant, found: int
) -> None:
    upload = Upload(place, grant)
    for send in (put(place, grant).send, lambda: upload.ask("PUT", f"partNumber=1&uploadId={upload.id}", SMALL)):
        place.ends_after[grant.object_key_prefix] = found
        answer = send()
        assert (answer.status, answer.code) == (400, "ExpiredToken")
    place.ends_after.clear()
    assert place.stat(key_in(grant)) is None
    assert b"<Part>" not in upload.ask("GET", f"uploadId={upload.id}").body
    assert put(place, grant).send().status == 200


# Limits


def small_rules(**numbers: int) -> UploadRules:
    return UploadRules(**{"object_bytes": 100, "put_bytes": 60, "part_bytes": 10, "parts": 3, **numbers})


def test_too_much_is_refused_as_soon_as_it_is_known(tmp_path: Path) -> None:
    with running(tmp_path / "data", rules=small_rules()) as place:
        grant = place.grant()
        assert put(place, grant, body=b"x" * 60).send().status == 200
        key = key_in(grant, "large")
        announced = put(place, grant, key, body=b"", headers={"content-length": str(10**12)}).send()
        assert (announced.status, announced.code) == (413, "EntityTooLarge")
        request = put(place, grant, key, body=b"28\r\n" + b"x" * 40 + b"\r\n28\r\n" + b"x" * 40 + b"\r\n0\r\n\r\n")
        request.headers["transfer-encoding"] = "chunked"
        answer = request.send(length=False)
        assert (answer.status, answer.code) == (413, "EntityTooLarge")
        assert place.stat(key) is None


def test_parts_together_are_bounded_too(tmp_path: Path) -> None:
    with running(tmp_path / "data", rules=small_rules()) as place:
        upload = Upload(place, place.grant())
        upload.part(1, b"x" * 50)
        upload.part(1, b"y" * 60)
        upload.part(2, b"x" * 40)
        query = f"uploadId={upload.id}&partNumber="
        assert upload.ask("PUT", f"{query}3", b"x").code == "EntityTooLarge"
        assert upload.ask("PUT", f"{query}4", b"").code == "InvalidArgument"
        upload.part(2, b"x")
        upload.part(3, b"x" * 10)


def test_too_many_at_once_are_told_to_slow_down(tmp_path: Path) -> None:
    with running(tmp_path / "data", rules=UploadRules(at_once=1, parts_at_once=2)) as place:
        grant = place.grant()
        upload = Upload(place, grant)
        with place.uploads._slot(upload.key, grant.object_key_prefix):
            upload.part(1, SMALL)  # of the same object
            busy = put(place, grant).send()
            assert (busy.status, busy.code) == (503, "SlowDown")
            assert int(busy.headers["retry-after"]) > 0
            with place.uploads._slot(upload.key, grant.object_key_prefix):
                assert upload.ask("PUT", f"partNumber=2&uploadId={upload.id}", SMALL).code == "SlowDown"
        assert place.uploads.under_way == 0
        assert put(place, grant).send().status == 200


def test_one_controller_uploads_four_objects_at_once_and_others_still_can(tmp_path: Path) -> None:
    with running(tmp_path / "data") as place, ExitStack() as held:
        first = place.do(place.grants.grant(WORKSPACE, 7, 11))
        again = place.do(place.grants.grant(WORKSPACE, 7, 11))
        other = place.do(place.grants.grant(WORKSPACE, 7, 12))
        for name in ("a", "b", "c", "d"):
            bearer = place.grants.verify(first.access_key_id, first.security_token)
            held.enter_context(place.uploads._slot(key_in(first, name), bearer.session))
        for grant in (first, again):  # another grant is no way around it
            busy = put(place, grant).send()
            assert (busy.status, busy.code) == (503, "SlowDown")
        assert put(place, first, key_in(first, "a")).send().status == 200  # one of the four
        assert put(place, other).send().status == 200
        held.close()
        assert put(place, again).send().status == 200
        assert not place.uploads._of_session


def test_a_workspace_begins_so_many_uploads_and_no_more_whatever_grants_it_has(tmp_path: Path) -> None:
    with running(tmp_path / "data", rules=UploadRules(begun=3)) as place:
        grants = [place.grant() for _ in range(4)]
        begun = [Upload(place, grant) for grant in grants[:3]]
        query = path_of(key_in(grants[3], "video.mp4"), "uploads")
        refused = signed(place, grants[3], "POST", query).send()
        assert (refused.status, refused.code) == (503, "SlowDown")
        assert put(place, grants[3]).send().status == 200  # an object in one piece leaves nothing
        assert Upload(place, place.grant(WORKSPACE.replace("8", "9"))).id  # another workspace
        assert begun[0].ask("DELETE", f"uploadId={begun[0].id}").status == 204
        begun[1].complete(parts_xml((1, begun[1].part(1, SMALL))))
        assert Upload(place, grants[3]).id
        assert Upload(place, grants[3]).id
        assert signed(place, grants[0], "POST", path_of(key_in(grants[0], "x"), "uploads")).send().code == "SlowDown"


def test_a_full_disk_is_told_in_time_and_shown(tmp_path: Path) -> None:
    with running(tmp_path / "data", reserve_bytes=10**18) as place:
        grant = place.grant()
        answer = put(place, grant).send()
        assert (answer.status, answer.code) == (503, "ServiceUnavailable")
        assert int(answer.headers["retry-after"]) > 0
        assert place.uploads.is_almost_full
        assert place.uploads.counts()["full"] == 1
        nothing_is_left(place)


def test_who_proves_nothing_is_slowed_down(tmp_path: Path) -> None:
    with running(tmp_path / "data", anonymous=Rate(per_second=0.001, burst=3)) as place:
        grant = place.grant()
        codes = [put(place, grant, secret="wrong").send().code for _ in range(5)]
        assert codes == ["SignatureDoesNotMatch"] * 3 + ["SlowDown"] * 2
        assert put(place, grant).send().status == 200


def test_nothing_may_be_asked_for_that_would_be_ignored(place: Place, grant: UploadGrant) -> None:
    for name in ("if-match", "x-amz-write-offset-bytes", "x-amz-server-side-encryption-customer-algorithm"):
        answer = put(place, grant, headers={name: "0"}).send()
        assert (answer.status, answer.code) == (501, "NotImplemented")
    nothing_is_left(place)
