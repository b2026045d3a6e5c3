"""Signature version 4: the published examples, and everything that makes a signature worthless."""

import re
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ofh.edges.s3.refusals import S3Refusal
from ofh.edges.s3.signature import Request, Seal, canonical_path, check, claim_of
from tests.unit.edges.s3.published import (
    CHUNKED,
    CREDENTIAL,
    GET_OBJECT,
    KEY_ID,
    LIFECYCLE,
    LIST,
    NOW,
    PRESIGNED,
    PUT_OBJECT,
    SECRET,
    STAMP,
    WITH_TRAILER,
)

PUBLISHED = {
    "get": GET_OBJECT,
    "put, signed in another spelling than sent": PUT_OBJECT,
    "a parameter without a value": LIFECYCLE,
    "parameters": LIST,
    "presigned": PRESIGNED,
    "chunked": CHUNKED,
    "with a trailer": WITH_TRAILER,
}


def proven(request: Request, *, secret: str = SECRET, now: datetime = NOW) -> Seal:
    return check(request, claim_of(request), secret, now)


def refusal(request: Request, *, secret: str = SECRET, now: datetime = NOW) -> S3Refusal:
    with pytest.raises(S3Refusal) as caught:
        proven(request, secret=secret, now=now)
    assert secret not in caught.value.message
    return caught.value


def with_header(request: Request, name: str, value: str | None) -> Request:
    """The request with another value of a header; None: without it."""
    rest = [(given, old) for given, old in request.headers if given != name]
    return replace(request, headers=[*rest, (name, value)] if value is not None else rest)


def with_authorization(text: str) -> Request:
    return with_header(GET_OBJECT, "authorization", text)


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_published_examples_hold(name: str) -> None:
    request = PUBLISHED[name]
    assert claim_of(request).access_key_id == KEY_ID
    assert proven(request).scope == "20130524/us-east-1/s3/aws4_request"


@pytest.mark.parametrize("name", PUBLISHED)
def test_another_secret_does_not(name: str) -> None:
    assert refusal(PUBLISHED[name], secret=SECRET[:-1]).code == "SignatureDoesNotMatch"


@pytest.mark.parametrize(
    "changed",
    [
        replace(GET_OBJECT, method="PUT"),
        replace(GET_OBJECT, path="/test.txt/"),
        replace(GET_OBJECT, path="/other.txt"),
        replace(GET_OBJECT, query="uploads"),
        replace(LIST, query="max-keys=3&prefix=J"),
        replace(PRESIGNED, query=PRESIGNED.query.replace("86400", "86401")),
        replace(PRESIGNED, query=f"{PRESIGNED.query}&uploadId=1"),
        with_header(GET_OBJECT, "host", "other.example"),
        with_header(GET_OBJECT, "range", "bytes=0-8"),
        with_header(GET_OBJECT, "x-amz-content-sha256", "UNSIGNED-PAYLOAD"),
        with_header(GET_OBJECT, "x-amz-date", "20130524T000001Z"),
        with_header(GET_OBJECT, "x-amz-content-sha256", "0" * 64),
    ],
)
def test_whatever_is_changed_breaks_the_signature(changed: Request) -> None:
    assert refusal(changed).code == "SignatureDoesNotMatch"


def test_the_order_of_headers_and_parameters_does_not_matter_nor_do_spaces() -> None:
    proven(replace(GET_OBJECT, headers=list(reversed(GET_OBJECT.headers))))
    proven(replace(LIST, query="prefix=J&max-keys=2"))
    proven(with_header(GET_OBJECT, "range", "  bytes=0-9 "))
    loose = dict(GET_OBJECT.headers)["authorization"].replace(",", " ,  ")
    proven(with_authorization(loose))


@pytest.mark.parametrize("minutes", [-15, 0, 15])
def test_a_clock_may_be_off_by_a_quarter_of_an_hour(minutes: int) -> None:
    proven(GET_OBJECT, now=NOW + timedelta(minutes=minutes))


@pytest.mark.parametrize("seconds", [-901, 901, 10**8])
def test_and_by_no_more(seconds: int) -> None:
    found = refusal(GET_OBJECT, now=NOW + timedelta(seconds=seconds))
    assert (found.code, found.status) == ("RequestTimeTooSkewed", 403)
    assert found.fields["RequestTime"] == STAMP
    assert found.fields["MaxAllowedSkewMilliseconds"] == "900000"


def test_a_presigned_url_holds_until_it_expires() -> None:
    proven(PRESIGNED, now=NOW + timedelta(seconds=86_400))
    late = refusal(PRESIGNED, now=NOW + timedelta(seconds=86_401))
    assert (late.code, late.message) == ("AccessDenied", "Request has expired")
    assert refusal(PRESIGNED, now=NOW - timedelta(minutes=16)).code == "RequestTimeTooSkewed"


def test_every_header_of_s3s_own_has_to_be_signed() -> None:
    for name in ("x-amz-copy-source", "x-amz-acl", "x-amz-security-token", "x-amz-decoded-content-length"):
        found = refusal(with_header(GET_OBJECT, name, "x"))
        assert found.code == "AccessDenied"
        assert name in found.message


def test_what_a_proxy_adds_needs_no_signature() -> None:
    proven(with_header(GET_OBJECT, "x-amz-cf-id", "x"))
    proven(with_header(GET_OBJECT, "x-amzn-trace-id", "x"))


def test_the_host_has_to_be_signed_and_what_is_signed_has_to_be_there() -> None:
    text = dict(GET_OBJECT.headers)["authorization"]
    assert refusal(with_authorization(text.replace("host;range;", "range;"))).code == "AccessDenied"
    assert refusal(with_header(GET_OBJECT, "range", None)).code == "AccessDenied"


@pytest.mark.parametrize(
    "text", ["AWS AKIAIOSFODNN7EXAMPLE:frJIUN8DYpKDtOLCwo//yllqDzg=", "AWS4-ECDSA-P256-SHA256 x", "Bearer x", ""]
)
def test_other_authorizations_are_told_which_one_is_understood(text: str) -> None:
    found = refusal(with_authorization(text))
    assert (found.code, found.status) == ("InvalidRequest", 400)
    assert "AWS4-HMAC-SHA256" in found.message
    assert "frJIUN8DYpKDtOLCwo" not in found.message


def test_version_two_in_the_query_is_told_so_as_well() -> None:
    old = Request(
        method="GET", path="/x", query="AWSAccessKeyId=AKIA&Expires=1&Signature=s%3D", headers=[("host", "h")]
    )
    assert "AWS4-HMAC-SHA256" in refusal(old).message


SIGNED = "SignedHeaders=host;x-amz-date"
SIGNATURE = "Signature=" + "0" * 64


@pytest.mark.parametrize(
    "rest",
    [
        "",
        "nothing",
        f"Credential={CREDENTIAL}",
        f"Credential={CREDENTIAL},{SIGNED}",
        f"Credential={CREDENTIAL},{SIGNED},{SIGNATURE},{SIGNATURE}",
        f"Credential={CREDENTIAL},{SIGNED},{SIGNATURE},More=x",
        f"Credential={CREDENTIAL}/more,{SIGNED},{SIGNATURE}",
        f"Credential={CREDENTIAL.replace('s3', 'sts')},{SIGNED},{SIGNATURE}",
        f"Credential={CREDENTIAL.replace('aws4_request', 'aws5')},{SIGNED},{SIGNATURE}",
        f"Credential={CREDENTIAL.replace('20130524', '20130525')},{SIGNED},{SIGNATURE}",
        f"Credential=/20130524/us-east-1/s3/aws4_request,{SIGNED},{SIGNATURE}",
        f"Credential={CREDENTIAL},SignedHeaders=x-amz-date;host,{SIGNATURE}",
        f"Credential={CREDENTIAL},SignedHeaders=host;host,{SIGNATURE}",
        f"Credential={CREDENTIAL},SignedHeaders=Host,{SIGNATURE}",
        f"Credential={CREDENTIAL},SignedHeaders=,{SIGNATURE}",
        f"Credential={CREDENTIAL},SignedHeaders={';'.join(f'h{n:03}' for n in range(61))},{SIGNATURE}",
        f"Credential={CREDENTIAL},{SIGNED},Signature=" + "0" * 63,
        f"Credential={CREDENTIAL},{SIGNED},Signature=" + "G" * 64,
    ],
)
def test_a_malformed_authorization_is_called_so(rest: str) -> None:
    assert refusal(with_authorization(f"AWS4-HMAC-SHA256 {rest}")).code == "AuthorizationHeaderMalformed"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("AWS4-HMAC-SHA256", "AWS4-HMAC-SHA1"),
        ("X-Amz-Expires=86400", "X-Amz-Expires=0"),
        ("X-Amz-Expires=86400", "X-Amz-Expires=604801"),
        ("X-Amz-Expires=86400", "X-Amz-Expires=-1"),
        ("X-Amz-Expires=86400", "X-Amz-Expires=x"),
        ("X-Amz-Expires=86400&", ""),
        ("X-Amz-Date=", "X-Amz-Dat="),
        ("X-Amz-SignedHeaders=host", "X-Amz-SignedHeaders=host&X-Amz-SignedHeaders=host"),
    ],
)
def test_a_malformed_presigned_url_is_called_so(old: str, new: str) -> None:
    assert old in PRESIGNED.query
    found = refusal(replace(PRESIGNED, query=PRESIGNED.query.replace(old, new)))
    assert found.code == "AuthorizationQueryParametersError"


@pytest.mark.parametrize("stamp", ["", "yesterday", "20131324T000000Z", "20130524T000000", "2013-05-24T00:00:00Z"])
def test_a_time_that_is_none_is_refused(stamp: str) -> None:
    assert refusal(with_header(GET_OBJECT, "x-amz-date", stamp)).code == "AccessDenied"


def test_no_signature_two_signatures_and_no_payload_hash_are_refused() -> None:
    assert refusal(with_header(GET_OBJECT, "authorization", None)).code == "AccessDenied"
    both = replace(PRESIGNED, headers=[*PRESIGNED.headers, *GET_OBJECT.headers])
    assert refusal(both).code == "InvalidArgument"
    twice = replace(GET_OBJECT, headers=[*GET_OBJECT.headers, GET_OBJECT.headers[-1]])
    assert refusal(twice).code == "InvalidArgument"
    assert refusal(with_header(GET_OBJECT, "x-amz-content-sha256", None)).code == "InvalidRequest"
    for payload in ("", "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD", "E" * 64, "0" * 63):
        assert refusal(with_header(GET_OBJECT, "x-amz-content-sha256", payload)).code == "InvalidArgument"


def test_a_path_keeps_its_encoding() -> None:
    assert canonical_path("/b/a%20b%2Bc") == "/b/a%20b%2Bc"
    assert canonical_path("/b/(1)$~") == "/b/%281%29%24~"
    assert canonical_path("/b/%2e%2E/x//y") == "/b/../x//y"


TEXTS = st.text(st.characters(max_codepoint=255), max_size=40)


@given(TEXTS, TEXTS, st.lists(st.tuples(st.sampled_from(["authorization", "x-amz-date", "date", "host"]), TEXTS)))
def test_any_request_is_refused_in_the_protocols_words(path: str, query: str, headers: Any) -> None:
    request = Request(method="PUT", path=path, query=query, headers=headers)
    found = refusal(request)
    assert re.fullmatch(r"[A-Za-z]+", found.code)
    assert 400 <= found.status < 500
