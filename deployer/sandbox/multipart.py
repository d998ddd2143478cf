"""`multipart/form-data`, as far as uploads of one file need it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from deployer.sandbox.errors import PlatformError, SiemError
from deployer.sandbox.messages import Request

_NAME = re.compile(r'\bname="((?:[^"\\]|\\.)*)"|\bname=([^\s;"]+)')
_FILE_NAME = re.compile(r'\bfilename="((?:[^"\\]|\\.)*)"|\bfilename=([^\s;"]+)')


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a form; `file_name` is "" where it is no file."""

    name: str
    file_name: str
    content: bytes


def read_form(request: Request) -> dict[str, Part]:
    """The parts by name, the last of each name. Raises the platform 400 for what is no form."""
    boundary = _boundary(request.headers.get("content-type", ""))
    pieces = (b"\r\n" + request.body).split(b"\r\n--" + boundary)
    if len(pieces) < 2 or pieces[0].strip() or pieces[-1].strip()[:2] != b"--":
        raise _malformed()
    parts = [_part(piece) for piece in pieces[1:-1]]
    return {part.name: part for part in parts}


def read_file_part(request: Request, extension: str = ".ndjson") -> bytes:
    """
    The content of the part `file`, whose name must end as `extension` says (facts.md section 5.3).

    Raises the SIEM errors of Kibana: 500 where the part is missing, because its handlers stumble over that instead of
    refusing it (kibana#291548), and 400 for another file.
    """
    part = read_form(request).get("file") if request.body else None
    if part is None:
        raise SiemError(500, "Cannot read properties of undefined (reading 'hapi')")
    if not part.file_name.lower().endswith(extension):
        dot = part.file_name.rfind(".")
        raise SiemError(400, f"Invalid file extension {part.file_name[dot:] if dot >= 0 else ''}")
    return part.content


def _boundary(content_type: str) -> bytes:
    found = re.search(r'boundary=(?:"([^"]{1,70})"|([^\s;"]{1,70}))', content_type)
    if found is None:
        raise PlatformError(400, "Invalid content-type header: multipart missing boundary")
    return (found[1] or found[2]).encode("latin-1")


def _part(piece: bytes) -> Part:
    head, separator, content = piece.partition(b"\r\n\r\n")
    if not separator:
        raise _malformed()
    disposition = next(
        (
            line
            for line in head.decode("utf-8", "replace").split("\r\n")
            if line.lower().startswith("content-disposition:")
        ),
        "",
    )
    name, file_name = _NAME.search(disposition.replace("filename=", "\0=")), _FILE_NAME.search(disposition)
    if name is None:
        raise _malformed()
    return Part(name[1] or name[2] or "", (file_name[1] or file_name[2] or "") if file_name else "", content)


def _malformed() -> PlatformError:
    return PlatformError(400, "Invalid multipart payload format")
