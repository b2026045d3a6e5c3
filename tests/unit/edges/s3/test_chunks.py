"""The chunked body: the published examples at any split of their bytes, and everything that is wrong with a body."""

import base64
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ofh.edges.s3.chunks import ChunkDecoder
from ofh.edges.s3.refusals import S3Refusal
from ofh.edges.s3.signature import Seal, check, claim_of
from ofh.services.checksums import digest
from tests.unit.edges.s3.published import (
    CHUNKED,
    CHUNKS,
    CHUNKS_AND_TRAILER,
    CONTENT,
    NOW,
    SECRET,
    WITH_TRAILER,
)

SEAL = check(CHUNKED, claim_of(CHUNKED), SECRET, NOW)
TRAILER_SEAL = check(WITH_TRAILER, claim_of(WITH_TRAILER), SECRET, NOW)
UNSIGNED = b"5\r\nhello\r\n6;ext=1\r\n world\r\n0\r\nx-amz-checksum-crc32:DUoRhQ==\r\n\r\n"


def decode(
    wire: bytes, *, seal: Seal | None = None, has_trailers: bool = False, cuts: list[int] | None = None
) -> tuple[bytes, dict[str, str]]:
    """The content and the trailing headers, the bytes coming in pieces."""
    decoder = ChunkDecoder(seal, has_trailers=has_trailers)
    edges = [0, *sorted(min(cut, len(wire)) for cut in cuts or []), len(wire)]
    content = b"".join(bytes(piece) for start, end in pairwise(edges) for piece in decoder.feed(wire[start:end]))
    decoder.finish()
    return content, decoder.trailers


def refused(wire: bytes, *, seal: Seal | None = None, has_trailers: bool = False) -> str:
    with pytest.raises(S3Refusal) as caught:
        decode(wire, seal=seal, has_trailers=has_trailers)
    return caught.value.code


CUTS = st.lists(st.integers(0, len(CHUNKS_AND_TRAILER)), max_size=12)


@given(CUTS)
def test_the_published_chunks_hold_at_any_split(cuts: list[int]) -> None:
    assert decode(CHUNKS, seal=SEAL, cuts=cuts) == (CONTENT, {})


@given(CUTS)
def test_the_published_trailer_holds_at_any_split(cuts: list[int]) -> None:
    content, trailers = decode(CHUNKS_AND_TRAILER, seal=TRAILER_SEAL, has_trailers=True, cuts=cuts)
    crc = digest("crc32c")
    crc.update(memoryview(CONTENT))
    assert (content, trailers) == (CONTENT, {"x-amz-checksum-crc32c": base64.b64encode(crc.digest()).decode()})


def test_a_byte_at_a_time_is_a_split_like_any_other() -> None:
    head = CHUNKS.index(b"\r\n") + 2
    cuts = [*range(head + 3), *range(len(CHUNKS) - 1_200, len(CHUNKS))]
    assert decode(CHUNKS, seal=SEAL, cuts=cuts) == (CONTENT, {})


@given(st.integers(0, len(CHUNKS) - 1), st.integers(1, 255))
def test_no_byte_can_be_changed(at: int, by: int) -> None:
    changed = bytearray(CHUNKS)
    changed[at] ^= by
    try:
        content, _ = decode(bytes(changed), seal=SEAL)
    except S3Refusal:
        return
    # What is left: the case of a hexadecimal digit, or the carriage return of a line.
    assert content == CONTENT
    assert bytes(changed[at : at + 1]).lower() == CHUNKS[at : at + 1].lower() or CHUNKS[at : at + 1] in b"\r"


@pytest.mark.parametrize("cut", [0, 1, 50, 90, 91, 1_000, 65_626, 65_628, 65_700, len(CHUNKS) - 90, len(CHUNKS) - 4])
def test_a_body_that_is_cut_off_is_incomplete(cut: int) -> None:
    assert refused(CHUNKS[:cut], seal=SEAL) == "IncompleteBody"


def test_some_clients_leave_out_the_last_line_break() -> None:
    assert decode(CHUNKS[:-2], seal=SEAL) == (CONTENT, {})


def test_chunks_cannot_be_left_out_swapped_or_taken_from_elsewhere() -> None:
    first_end = CHUNKS.index(b"\r\n400;") + 2
    last = CHUNKS.rindex(b"\r\n0;") + 2
    assert refused(CHUNKS[first_end:], seal=SEAL) == "SignatureDoesNotMatch"
    assert refused(CHUNKS[:first_end] + CHUNKS[last:], seal=SEAL) == "SignatureDoesNotMatch"
    assert refused(CHUNKS[first_end:last] + CHUNKS[:first_end] + CHUNKS[last:], seal=SEAL) == "SignatureDoesNotMatch"
    assert refused(CHUNKS, seal=TRAILER_SEAL) == "SignatureDoesNotMatch"
    assert refused(b"5\r\nhello\r\n0\r\n\r\n", seal=SEAL) == "SignatureDoesNotMatch"


def test_unsigned_chunks_with_a_trailer() -> None:
    trailers = {"x-amz-checksum-crc32": "DUoRhQ=="}
    assert decode(UNSIGNED, has_trailers=True) == (b"hello world", trailers)
    with_signature = UNSIGNED.removesuffix(b"\r\n") + b"x-amz-trailer-signature:0\r\n\r\n"
    assert decode(with_signature, has_trailers=True) == (b"hello world", trailers)


def test_a_trailer_is_signed_where_chunks_are() -> None:
    end = CHUNKS_AND_TRAILER.index(b"x-amz-trailer-signature")
    without = CHUNKS_AND_TRAILER[:end] + b"\r\n"
    assert refused(without, seal=TRAILER_SEAL, has_trailers=True) == "IncompleteBody"
    changed = CHUNKS_AND_TRAILER.replace(b"sOO8/Q==", b"sOO8/A==")
    assert refused(changed, seal=TRAILER_SEAL, has_trailers=True) == "SignatureDoesNotMatch"
    twice = CHUNKS_AND_TRAILER[:-2] + CHUNKS_AND_TRAILER[end:]
    assert refused(twice, seal=TRAILER_SEAL, has_trailers=True) == "MalformedTrailerError"


def test_a_missing_trailer_is_seen() -> None:
    assert decode(b"0\r\n\r\n", has_trailers=True) == (b"", {})  # whoever announced one compares
    assert refused(b"0\r\n", has_trailers=True) == "IncompleteBody"
    assert refused(b"0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n") == "MalformedTrailerError"


@pytest.mark.parametrize(
    "wire",
    [
        b"",
        b"\r\n",
        b"x\r\n",
        b"-5\r\nhello\r\n0\r\n\r\n",
        b"0x5\r\nhello\r\n0\r\n\r\n",
        b"5\r\nhello, too long\r\n0\r\n\r\n",
        b"f" * 17 + b"\r\n",
        b"5;" + b"x" * 2_000,
        b"0\r\n\r\nmore",
        b"5\r\nhello\r\n",
    ],
)
def test_a_malformed_body_is_incomplete(wire: bytes) -> None:
    assert refused(wire) == "IncompleteBody"


@pytest.mark.parametrize(
    "lines",
    [
        b"no colon\r\n",
        b"na me:x\r\n",
        b"a:1\r\na:2\r\n",
        b"a:\x00\r\n",
        b"".join(b"h%d:x\r\n" % number for number in range(11)),
    ],
)
def test_malformed_trailers_are_called_so(lines: bytes) -> None:
    assert refused(b"0\r\n" + lines + b"\r\n", has_trailers=True) == "MalformedTrailerError"


def test_a_trailer_without_end_is_bounded() -> None:
    assert refused(b"0\r\na:" + b"x" * 5_000, has_trailers=True) == "IncompleteBody"


@given(st.binary(max_size=200), st.booleans(), st.booleans())
def test_any_bytes_are_content_or_a_refusal(wire: bytes, is_signed: bool, has_trailers: bool) -> None:
    try:
        content, _ = decode(wire, seal=SEAL if is_signed else None, has_trailers=has_trailers)
    except S3Refusal:
        return
    assert not is_signed
    assert len(content) < len(wire)
