"""
TOML data: what can be written, and when two values are the same.

Python says `1 == True == 1.0` and `nan != nan`; a file that changed from one to the other has changed, or has not.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date, datetime, time
from typing import Any

from deployer.core.toml.place import Path, path_text

_SCALARS = (bool, int, float, datetime, date, time)


def plain(value: Any, path: Path = ()) -> Any:
    """
    Return a value with plain dicts, lists and strings in place of mappings, tuples and their subclasses.

    Raises TypeError for what TOML cannot hold: null, bytes, sets, keys that are not text.
    """
    if isinstance(value, str):
        return str.__str__(value)
    if type(value) in _SCALARS:
        return value
    if isinstance(value, Mapping):
        return {_name(key, path): plain(item, (*path, key)) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item, (*path, index)) for index, item in enumerate(value)]
    raise TypeError(f"TOML cannot hold {type(value).__name__} at {path_text(path) or 'the top'}")


def _name(key: Any, path: Path) -> str:
    if not isinstance(key, str):
        raise TypeError(f"TOML keys are text, not {type(key).__name__}, at {path_text(path) or 'the top'}")
    return str.__str__(key)


def same_data(a: Any, b: Any) -> bool:
    """Say whether two plain values are the same TOML data: types count, the order of keys does not."""
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same_data(item, b[key]) for key, item in a.items())
    if isinstance(a, list):
        return len(a) == len(b) and all(map(same_data, a, b))
    if isinstance(a, float):
        return (a == b and math.copysign(1, a) == math.copysign(1, b)) or (math.isnan(a) and math.isnan(b))
    if isinstance(a, datetime):
        return bool(a == b) and a.utcoffset() == b.utcoffset()
    return bool(a == b)
