"""
What a value of each type of value list may be, how it reads back, and which values it stands for (facts.md section 7.3;
`transform_list_item_to_elastic_query.ts`, `find_source_value.ts` and `get_query_filter_from_type_value.ts` of the lists
plugin). What Elasticsearch's mapping would refuse is refused here.
"""

from __future__ import annotations

import base64
import math
import re
import socket
from collections.abc import Callable
from typing import Any, Final

_WHOLE: Final = {"byte": 8, "short": 16, "integer": 32, "long": 64}
_NUMERIC: Final = frozenset({*_WHOLE, "double", "float", "half_float"})
_RANGES: Final = {
    "integer_range": "integer",
    "long_range": "long",
    "float_range": "float",
    "double_range": "double",
    "date_range": "date",
    "ip_range": "ip",
}
_DATE: Final = re.compile(
    r"\d{4}(-\d{2}(-\d{2}(T\d{2}(:\d{2}(:\d{2}([.,]\d{1,9})?)?)?(Z|[+-]\d{2}(:?\d{2})?)?)?)?)?", re.ASCII
)
_POINT: Final = re.compile(r"POINT ?\( ?(?P<lon>[-+.\deE]+) +(?P<lat>[-+.\deE]+) ?\)", re.IGNORECASE)
_SHAPE: Final = re.compile(
    r"(POINT|LINESTRING|POLYGON|MULTIPOINT|MULTILINESTRING|MULTIPOLYGON|GEOMETRYCOLLECTION|BBOX|ENVELOPE) ?\(.*\)",
    re.IGNORECASE | re.DOTALL,
)
# With a comma between the ends of dates, which have dashes of their own.
_ENDS: Final = re.compile(r"(?P<gte>.+)-(?P<lte>.+)")
_DATE_ENDS: Final = re.compile(r"(?P<gte>.+),(?P<lte>.+)")


class ValueRefusedError(ValueError):
    """The mapping of this type does not take the value; the text is Elasticsearch's, roughly."""


def stored(type_: str, value: str) -> str:
    """The text under which a value is kept and read. Raises ValueRefusedError."""
    lines = value.strip().splitlines()
    text = lines[0].strip() if lines else value
    try:
        return _stored(type_, text)
    except ValueError as exc:
        raise ValueRefusedError(
            f"document_parsing_exception: failed to parse field [{type_}] of type [{type_}]. "
            f"Preview of field's value: '{text[:100]}'"
        ) from exc


def _stored(type_: str, text: str) -> str:
    if type_ in _RANGES:
        ends = _range(type_, text)
        if ends is None:
            return text
        separator = "," if type_ == "date_range" else "-"
        return separator.join(ends)
    if type_ in ("geo_point", "geo_shape", "shape"):
        return _place(type_, text)
    scalar(type_, text)
    return text


def key(type_: str, text: str) -> str:
    """
    What equal values have in common: `1.0` is `1` among numbers, and an address has many spellings. Raises
    ValueRefusedError for a value that this type cannot have.
    """
    if type_ in _RANGES or type_.startswith("geo") or type_ == "shape":
        return text
    try:
        return str(scalar(type_, text))
    except ValueError as exc:
        raise ValueRefusedError(f'query_shard_exception: failed to create query: For input string: "{text}"') from exc


def matcher(type_: str, wanted: str) -> Callable[[str], bool] | None:
    """
    Whether a stored value stands for `wanted`, for the types where that is more than an equal `key`: a range stands for
    what lies in it, analysed text for what has all its words. None for the other types. Raises ValueRefusedError.
    """
    if type_ == "text":
        words = _words(wanted)
        return lambda text: bool(words) and words <= _words(text)
    if type_ not in _RANGES:
        return None
    try:
        probe = scalar(_RANGES[type_], wanted)
    except ValueError as exc:
        raise ValueRefusedError(f"query_shard_exception: failed to create query: '{wanted}'") from exc
    return lambda text: _within(type_, text, probe)


def _within(type_: str, text: str, probe: Any) -> bool:
    if type_ == "ip_range" and "/" in text:
        address, _, length = text.partition("/")
        network: bytes = scalar("ip", address)
        shift = _longest(address) - int(length)
        return int.from_bytes(network) >> shift == int.from_bytes(probe) >> shift
    found = (_DATE_ENDS if type_ == "date_range" else _ENDS).fullmatch(text)
    if found is None:
        return False
    base = _RANGES[type_]
    return bool(scalar(base, found["gte"]) <= probe <= scalar(base, found["lte"]))


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.lower()))


def scalar(type_: str, text: str) -> Any:
    """One value in a form that compares, numbers as numbers and addresses as 16 bytes. Raises ValueError."""
    if "_" in text and type_ in _NUMERIC:
        raise ValueError(text)  # which Python would take
    if type_ in _WHOLE:
        number = float(text) if re.search(r"[.eE]", text) else int(text)
        limit = 2 ** (_WHOLE[type_] - 1)
        if not -limit <= number < limit:
            raise ValueError(text)
        return int(number)
    if type_ in _NUMERIC:
        if not math.isfinite(float(text)):
            raise ValueError(text)
        return float(text)
    if type_ == "boolean" and text not in ("true", "false"):
        raise ValueError(text)
    if type_ == "binary":
        base64.b64decode(text, validate=True)
    if type_ in ("date", "date_nanos") and not (_DATE.fullmatch(text) or re.fullmatch(r"-?\d{1,19}", text)):
        raise ValueError(text)
    return _address(text) if type_ == "ip" else text


def _address(text: str) -> bytes:
    family = socket.AF_INET6 if ":" in text else socket.AF_INET
    try:
        packed = socket.inet_pton(family, text)
    except (OSError, ValueError) as exc:
        raise ValueError(text) from exc
    return packed if len(packed) == 16 else bytes(10) + b"\xff\xff" + packed


def _longest(address: str) -> int:
    return 128 if ":" in address else 32


def _range(type_: str, text: str) -> tuple[str, str] | None:
    """Both ends of a range, a value alone being both; None for a network. Raises ValueError."""
    found = (_DATE_ENDS if type_ == "date_range" else _ENDS).fullmatch(text)
    if found is None and type_ == "ip_range" and "/" in text:
        address, _, length = text.partition("/")
        _address(address)
        if not length.isdecimal() or int(length) > _longest(address):
            raise ValueError(text)
        return None
    ends = (found["gte"].strip(), found["lte"].strip()) if found else (text, text)
    base = _RANGES[type_]
    if scalar(base, ends[0]) > scalar(base, ends[1]):
        raise ValueError(text)
    return ends


def _place(type_: str, text: str) -> str:
    pair = re.fullmatch(r"([^,()]+),([^,()]+)", text)
    if pair:
        latitude, longitude = pair[1].strip(), pair[2].strip()
        _check_point(latitude, longitude)
        return f"{latitude},{longitude}" if type_ == "geo_point" else f"POINT ({longitude} {latitude})"
    point = _POINT.fullmatch(text)
    if point:
        _check_point(point["lat"], point["lon"])
    elif type_ == "geo_point" or not _SHAPE.fullmatch(text):
        raise ValueError(text)
    return text


def _check_point(latitude: str, longitude: str) -> None:
    if not (abs(float(latitude)) <= 90 and abs(float(longitude)) <= 180):
        raise ValueError(latitude)
