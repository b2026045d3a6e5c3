"""The protocol's XML: what is answered, and the one document that is read.

Reading is bounded: no document type, so no entities of the sender's own, little depth, and only what a list of parts
can have.
"""

from collections.abc import Iterable, Sequence
from urllib.parse import quote
from xml.parsers import expat
from xml.sax.saxutils import escape

from ofh.backends.ports import ObjectInfo, PartInfo, UploadInfo

from .refusals import S3Refusal

NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
MAX_LIST_BYTES = 3 * 1024 * 1024
"""Ten thousand parts, each with a checksum, and some more."""
MAX_DEPTH = 4
MAX_TEXT = 256
_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'

Fields = Iterable[tuple[str, object]]


def error(refusal: S3Refusal, resource: str, request_id: str) -> bytes:
    """The answer to what is refused."""
    fields = [("Code", refusal.code), ("Message", refusal.message), *refusal.fields.items()]
    return _document("Error", [*fields, ("Resource", resource), ("RequestId", request_id)], namespace=False)


def location(region: str) -> bytes:
    """Of GetBucketLocation; the first region has no name there."""
    name = "" if region == "us-east-1" else escape(region)
    return f'{_HEAD}<LocationConstraint xmlns="{NAMESPACE}">{name}</LocationConstraint>'.encode()


def begun(bucket: str, key: str, upload_id: str) -> bytes:
    """Of CreateMultipartUpload."""
    return _document("InitiateMultipartUploadResult", [("Bucket", bucket), ("Key", key), ("UploadId", upload_id)])


def completed(url: str, bucket: str, info: ObjectInfo) -> bytes:
    """Of CompleteMultipartUpload."""
    fields = [("Location", url), ("Bucket", bucket), ("Key", info.key), ("ETag", f'"{info.etag}"')]
    return _document("CompleteMultipartUploadResult", fields)


def parts(
    bucket: str, key: str, upload_id: str, there: Sequence[PartInfo], *, marker: int, most: int, is_encoded: bool
) -> bytes:
    """Of ListParts: those behind the marker, at most so many."""
    behind = [part for part in there if part.number > marker]
    shown = behind[:most]
    fields: list[tuple[str, object]] = [
        ("Bucket", bucket),
        *_key(key, is_encoded),
        ("UploadId", upload_id),
        ("StorageClass", "STANDARD"),
        ("PartNumberMarker", marker),
        ("NextPartNumberMarker", shown[-1].number if shown else 0),
        ("MaxParts", most),
        ("IsTruncated", str(len(behind) > len(shown)).lower()),
    ]
    for part in shown:
        at = part.modified_at.strftime("%Y-%m-%dT%H:%M:%S.000Z")
        about = [("PartNumber", part.number), ("LastModified", at), ("ETag", f'"{part.etag}"')]
        fields.append(("Part", [*about, ("Size", part.size_bytes)]))
    return _document("ListPartsResult", fields)


def uploads(
    bucket: str,
    prefix: str,
    there: Sequence[UploadInfo],
    *,
    key_marker: str,
    id_marker: str,
    most: int,
    is_encoded: bool,
) -> bytes:
    """Of ListMultipartUploads: those behind the markers, at most so many."""
    behind = _behind(there, key_marker, id_marker)
    shown = behind[:most]
    is_truncated = len(behind) > len(shown)
    fields: list[tuple[str, object]] = [
        ("Bucket", bucket),
        ("KeyMarker", _spelt(key_marker, is_encoded)),
        ("UploadIdMarker", id_marker),
        ("Prefix", _spelt(prefix, is_encoded)),
        ("MaxUploads", most),
        ("IsTruncated", str(is_truncated).lower()),
    ]
    if is_truncated and shown:
        fields += [("NextKeyMarker", _spelt(shown[-1].key, is_encoded)), ("NextUploadIdMarker", shown[-1].upload_id)]
    if is_encoded:
        fields.append(("EncodingType", "url"))
    for upload in shown:
        at = upload.begun_at.strftime("%Y-%m-%dT%H:%M:%S.000Z")
        about = [("Key", _spelt(upload.key, is_encoded)), ("UploadId", upload.upload_id)]
        fields.append(("Upload", [*about, ("StorageClass", "STANDARD"), ("Initiated", at)]))
    return _document("ListMultipartUploadsResult", fields)


def read_parts(body: bytes) -> list[tuple[int, str]]:
    """Number and ETag of each part in the list that completes an upload.

    Raises:
        S3Refusal: MalformedXML.
    """
    reader = _PartsReader()
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    parser.StartDoctypeDeclHandler = _refuse
    parser.EntityDeclHandler = _refuse
    parser.ProcessingInstructionHandler = _refuse
    try:
        parser.Parse(body, True)
    except (expat.ExpatError, LookupError, ValueError):
        raise malformed() from None
    if not reader.found:
        raise malformed()
    return reader.found


def malformed() -> S3Refusal:
    """What is no list of parts."""
    return S3Refusal(
        "MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema"
    )


class _PartsReader:
    def __init__(self) -> None:
        self.found: list[tuple[int, str]] = []
        self._way: list[str] = []
        self._text = ""
        self._part: dict[str, str] = {}

    def start(self, name: str, _attributes: object) -> None:
        local = name.rpartition(" ")[2]
        if (not self._way and local != "CompleteMultipartUpload") or len(self._way) >= MAX_DEPTH:
            raise malformed()
        self._way.append(local)
        self._text = ""
        if self._way[1:] == ["Part"]:
            self._part = {}

    def text(self, data: str) -> None:
        self._text += data
        if len(self._text) > MAX_TEXT:
            raise malformed()

    def end(self, _name: str) -> None:
        match self._way:
            case [_, "Part", ("PartNumber" | "ETag") as field]:
                if field in self._part:
                    raise malformed()
                self._part[field] = self._text.strip()
            case [_, "Part"]:
                self._end_part()
        self._way.pop()
        self._text = ""

    def _end_part(self) -> None:
        number, etag = self._part.get("PartNumber", ""), self._part.get("ETag", "").strip('"')
        if not (number.isascii() and number.isdigit() and len(number) <= 5 and etag):
            raise malformed()
        self.found.append((int(number), etag))


def _refuse(*_: object) -> None:
    raise malformed()


def _behind(there: Sequence[UploadInfo], key_marker: str, id_marker: str) -> list[UploadInfo]:
    if not key_marker:
        return list(there)
    for at, upload in enumerate(there):
        if upload.key == key_marker and upload.upload_id == id_marker:
            return list(there[at + 1 :])
    return [upload for upload in there if upload.key > key_marker]


def _key(key: str, is_encoded: bool) -> list[tuple[str, object]]:
    found: list[tuple[str, object]] = [("Key", _spelt(key, is_encoded))]
    return [*found, ("EncodingType", "url")] if is_encoded else found


def _spelt(text: str, is_encoded: bool) -> str:
    return quote(text, safe="/-_.~") if is_encoded else text


def _document(name: str, fields: Fields, *, namespace: bool = True) -> bytes:
    about = f' xmlns="{NAMESPACE}"' if namespace else ""
    return f"{_HEAD}<{name}{about}>{_elements(fields)}</{name}>".encode("utf-8", "replace")


def _elements(fields: Fields) -> str:
    return "".join(
        f"<{name}>{_elements(value) if isinstance(value, list) else escape(_clean(str(value)))}</{name}>"
        for name, value in fields
    )


def _clean(text: str) -> str:
    """Without what XML cannot hold."""
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text)
