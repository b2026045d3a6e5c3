"""Forms piece by piece: whatever the cuts, the same events; whatever the bytes, events or the one error."""

import contextlib
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ofh.edges.multipart import (
    MAX_HEADERS,
    MAX_PARTS,
    BadMultipart,
    MultipartReader,
    PartBegin,
    PartData,
    PartEnd,
    boundary_of,
)

Parts = list[tuple[str, str | None, bytes]]


def form(*parts: tuple[str, str | None, bytes], boundary: str = "xyz") -> bytes:
    made = b""
    for name, file_name, content in parts:
        extra = "" if file_name is None else f'; filename="{file_name}"'
        made += f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"{extra}\r\n\r\n'.encode()
        made += content + b"\r\n"
    return made + f"--{boundary}--\r\n".encode()


def read(*pieces: bytes, boundary: bytes | None = b"xyz") -> Parts:
    reader = MultipartReader(boundary)
    found: Parts = []
    content = b""
    for piece in pieces:
        for event in reader.feed(piece):
            match event:
                case PartBegin():
                    found.append((event.name, event.file_name, b""))
                    content = b""
                case PartData():
                    content += event.data
                case PartEnd():
                    found[-1] = (*found[-1][:2], content)
    reader.finish()
    return found


PARTS: Parts = [("filename", None, b"a.jpg"), ("file", "x.jpg", b"\r\n--xy\r\n--xyz"[:-1] + bytes(range(256)))]


def test_a_form_is_read() -> None:
    assert read(form(*PARTS)) == PARTS


def test_a_form_is_read_byte_by_byte() -> None:
    assert read(*(bytes([byte]) for byte in form(*PARTS))) == PARTS


@given(
    parts=st.lists(
        st.tuples(
            st.sampled_from(["file", "filename", "x"]),
            st.sampled_from([None, "", "a.jpg"]),
            st.binary(max_size=40) | st.lists(st.sampled_from([b"\r", b"\n", b"-", b"--xyz"[:4], b"x"])).map(b"".join),
        ),
        max_size=4,
    ),
    cuts=st.lists(st.integers(0, 400), max_size=8),
    is_named=st.booleans(),
)
def test_however_a_form_is_cut_it_reads_the_same(parts: Parts, cuts: list[int], is_named: bool) -> None:
    whole = form(*parts)
    places = sorted({0, len(whole), *(cut for cut in cuts if cut < len(whole))})
    pieces = [whole[start:end] for start, end in pairwise(places)]
    if is_named or parts:
        assert read(*pieces, boundary=b"xyz" if is_named else None) == parts


@given(st.lists(st.binary(max_size=60) | st.sampled_from([b"--xyz", b"\r\n", b"--", b"\r\n\r\n", form(*PARTS)])))
def test_any_bytes_give_events_or_the_one_error(pieces: list[bytes]) -> None:
    for boundary in (b"xyz", None):
        with contextlib.suppress(BadMultipart):
            read(*pieces, boundary=boundary)


def test_the_boundary_may_stand_in_the_first_line_alone() -> None:
    boundary = "----WebKitFormBoundary7MA4YWxkTrZu0gW"
    assert read(form(*PARTS, boundary=boundary), boundary=None) == PARTS


def test_names_of_files_come_as_browsers_write_them() -> None:
    head = '--xyz\r\ncontent-disposition: form-data; name="file"; filename={}\r\n\r\n\r\n--xyz--'
    for written, name in (
        ('"a\\"b.jpg"', 'a"b.jpg'),
        ('"ü.jpg"', "ü.jpg"),
        ("plain.jpg", "plain.jpg"),
        ('""', ""),
        ("\"x\"; filename*=UTF-8''%C3%BC.jpg", "ü.jpg"),
    ):
        assert read(head.format(written).encode()) == [("file", name, b"")]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"--xyz",
        b"--xyz\r\n",
        b"preamble\r\n" + form(*PARTS),
        b"\r\n" + form(*PARTS),
        form(*PARTS)[:-4],
        form(*PARTS)[:-20],
        form(*PARTS) + b"epilogue",
        form(*PARTS) + form(*PARTS),
        form(*PARTS).replace(b"\r\n", b"\n"),
        b"--xyz\r\n\r\n\r\n--xyz--\r\n",
        b"--xyz\r\nContent-Type: text/plain\r\n\r\nx\r\n--xyz--\r\n",
        b"--xyz\r\nContent-Disposition: attachment; name=a\r\n\r\nx\r\n--xyz--\r\n",
        b"--xyz\r\nContent-Disposition: form-data\r\n\r\nx\r\n--xyz--\r\n",
        b'--xyz\r\nContent-Disposition: form-data; name="a"; name="b"\r\n\r\nx\r\n--xyz--\r\n',
        b'--xyz\r\nContent-Disposition: form-data; name="a\r\n\r\nx\r\n--xyz--\r\n',
        b"--xyz\r\nContent-Disposition: form-data; name=\xff\r\n\r\nx\r\n--xyz--\r\n",
        b"--xyz\r\nno colon\r\nContent-Disposition: form-data; name=a\r\n\r\nx\r\n--xyz--\r\n",
        b"--xyz\r\nContent-Disposition: form-data; name=a\r\nContent-Transfer-Encoding: base64\r\n\r\nx\r\n--xyz--\r\n",
        b"--xyzzy\r\nContent-Disposition: form-data; name=a\r\n\r\nx\r\n--xyzzy--\r\n",
    ],
)
def test_u7_what_is_not_well_formed_is_refused(body: bytes) -> None:
    with pytest.raises(BadMultipart):
        read(body)


@pytest.mark.parametrize(
    "body", [b"", b"--\r\nx", b"no boundary\r\n", b"--" + b"x" * 71 + b"\r\n", b'{"json": 1}', b"--a\0b\r\n"]
)
def test_u7_a_first_line_that_is_no_boundary_is_refused(body: bytes) -> None:
    with pytest.raises(BadMultipart):
        read(body, boundary=None)


def test_u7_too_many_parts_are_refused() -> None:
    assert len(read(form(*[("x", None, b"")] * MAX_PARTS))) == MAX_PARTS
    with pytest.raises(BadMultipart):
        read(form(*[("x", None, b"")] * (MAX_PARTS + 1)))


def test_u7_headers_without_end_are_refused_once_they_are_too_long() -> None:
    reader = MultipartReader(b"xyz")
    assert list(reader.feed(b"--xyz\r\n" + b"A: b\r\n" * ((MAX_HEADERS - 100) // 6))) == []
    with pytest.raises(BadMultipart):
        list(reader.feed(b"A: b\r\n" * 1_000))


@pytest.mark.parametrize("filling", [b"\r\n--xy", b"-" * 7, b"\r\n" * 3, b"--xyz"])
def test_megabytes_of_what_looks_like_boundaries_are_content(filling: bytes) -> None:
    body = form(("file", "a", filling * 400_000))
    found = read(*(body[start : start + 65_536] for start in range(0, len(body), 65_536)))
    assert found == [("file", "a", filling * 400_000)]


@pytest.mark.parametrize("filling", [b"\r\n--xyz", b"\r\n--xyz\r\n\r\n"])
def test_u7_megabytes_of_boundaries_are_refused(filling: bytes) -> None:
    body = form(("file", "a", filling * 400_000))
    with pytest.raises(BadMultipart):
        read(*(body[start : start + 65_536] for start in range(0, len(body), 65_536)))


@pytest.mark.parametrize(
    ("header", "boundary"),
    [
        ("multipart/form-data; boundary=xyz", b"xyz"),
        ('Multipart/Form-Data; charset=utf-8; boundary="a b"', b"a b"),
        ("multipart/form-data;boundary=xyz; charset=utf-8", b"xyz"),
        ("multipart/form-data", None),
        ("multipart/mixed; boundary=xyz", None),
        ("application/json; boundary=xyz", None),
        (f"multipart/form-data; boundary={'x' * 71}", None),
        ("multipart/form-data; boundary=", None),
        ("", None),
    ],
)
def test_the_boundary_of_a_header(header: str, boundary: bytes | None) -> None:
    assert boundary_of(header) == boundary
