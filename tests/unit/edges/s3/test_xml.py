"""The list that completes an upload: what is read, and what an attacker may send instead."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ofh.edges.s3 import xml
from ofh.edges.s3.refusals import S3Refusal

NAMESPACE = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'


def part(number: object, etag: str) -> str:
    return f"<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>"


def parts(inside: str, about: str = "") -> bytes:
    return f"<CompleteMultipartUpload {about}>{inside}</CompleteMultipartUpload>".encode()


@pytest.mark.parametrize("about", ["", NAMESPACE])
def test_a_list_is_read_with_and_without_its_namespace_and_quotes(about: str) -> None:
    body = parts(part(1, "&quot;aa&quot;") + "\n  " + part(20, "bb"), about)
    assert xml.read_parts(body) == [(1, "aa"), (20, "bb")]


def test_checksums_in_the_list_are_passed_over() -> None:
    inside = "<Part><ChecksumCRC32>AAAAAA==</ChecksumCRC32><ETag>aa</ETag><PartNumber>7</PartNumber></Part>"
    assert xml.read_parts(parts(inside)) == [(7, "aa")]


ENTITIES = '<!DOCTYPE x [<!ENTITY a "aa"><!ENTITY b "&a;&a;&a;&a;">]>' + parts(part(1, "&b;")).decode()
OUTSIDE = '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>' + parts(part(1, "&a;")).decode()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no xml",
        b"<CompleteMultipartUpload>",
        parts(""),
        b"<Other/>",
        f"<Other>{part(1, 'aa')}</Other>".encode(),
        parts(part("one", "aa")),
        parts(part(-1, "aa")),
        parts(part("1" * 6, "aa")),
        parts(part("١", "aa")),
        parts(part(1, "")),
        parts("<Part><ETag>aa</ETag></Part>"),
        parts("<Part><PartNumber>1</PartNumber></Part>"),
        parts("<Part><PartNumber>1</PartNumber><PartNumber>2</PartNumber><ETag>aa</ETag></Part>"),
        parts(part(1, "a" * 300)),
        parts(f"<Part>{'<a>' * 10_000}"),
        parts("<Part><ETag><b><c><d>aa</d></c></b></ETag></Part>"),
        ENTITIES.encode(),
        OUTSIDE.encode(),
        b"<?php x?>" + parts(part(1, "aa")),
        b'<?xml version="1.0" encoding="nothing"?>' + parts(part(1, "aa")),
        parts(part(1, "aa")) + b"more",
        "<CompleteMultipartUpload>\ud800".encode("utf-8", "surrogatepass"),
    ],
)
def test_what_is_no_list_is_malformed(body: bytes) -> None:
    with pytest.raises(S3Refusal) as caught:
        xml.read_parts(body)
    assert caught.value.code == "MalformedXML"


@given(st.one_of(st.binary(max_size=200), st.text(max_size=100).map(lambda text: parts(part(1, text)))))
def test_any_bytes_are_a_list_or_malformed(body: bytes) -> None:
    try:
        found = xml.read_parts(body)
    except S3Refusal:
        return
    assert found
    assert all(number >= 0 and etag for number, etag in found)


def test_an_error_holds_nothing_that_xml_cannot() -> None:
    text = xml.error(S3Refusal("AccessDenied", "a <b> & \x00 \ud800"), "/x\x01", "id").decode()
    assert "<Code>AccessDenied</Code>" in text
    assert "a &lt;b&gt; &amp; \ufffd" in text
    assert "\x00" not in text
    assert "\x01" not in text
    assert text.endswith("<RequestId>id</RequestId></Error>")
