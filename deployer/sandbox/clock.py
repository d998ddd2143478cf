"""The server's clock, which a test can move, and the identifiers it hands out."""

from __future__ import annotations

import os
import time


class Clock:
    """Wall time plus an offset in seconds."""

    def __init__(self, offset: float = 0.0) -> None:
        self.offset = offset
        self._second = 0
        self._prefix = ""
        self._date_second = 0
        self._date = b""

    def time(self) -> float:
        """Seconds since the epoch, by this server's clock."""
        return time.time() + self.offset

    def iso(self) -> str:
        """Now as Kibana prints times: `2026-09-01T12:00:00.123Z`."""
        now = time.time() + self.offset
        second = int(now)
        if second != self._second:
            self._prefix, self._second = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second)), second
        return f"{self._prefix}.{int((now - second) * 1000):03d}Z"

    def http_date(self) -> bytes:
        """Now as the `date` header has it."""
        second = int(time.time() + self.offset)
        if second != self._date_second:
            date = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(second))
            self._date, self._date_second = date.encode("ascii"), second
        return self._date


def new_uuid() -> str:
    """A random version 4 UUID; without the `uuid` module, whose import costs as much as the rest of the start."""
    digits = bytearray(os.urandom(16))
    digits[6] = digits[6] & 0x0F | 0x40
    digits[8] = digits[8] & 0x3F | 0x80
    text = digits.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
