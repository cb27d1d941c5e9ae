"""Read the JSON of `spec_details`, keeping the faults of one entry to that entry."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any, NoReturn

from pipeline.sources.rejects import shown
from pipeline.sources.site.values import Faulty, Unquoted

MAX_DIGITS = 4000  # of a number that is read; the limit of Python itself is 4,300
TOO_LARGE = 10**MAX_DIGITS  # stands for any longer number
HALF = "\ud800"  # stands for a raw control character, which JSON forbids
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
ESCAPED_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
SURROGATE = re.compile("[\ud800-\udfff]")
BAD_TEXT = "text with a control character or a lone surrogate"


class RepeatedKey(dict[str, Any]):
    """A mapping with a duplicate key."""

    key: str


def load_details(data: bytes) -> list[Any]:
    """Read a JSON list; an entry with a fault of its own becomes `Faulty`.

    Such faults are a duplicate key, a control character, and a lone surrogate.

    Raises
    ------
    ValueError
        It is otherwise invalid JSON, not UTF-8, or nested too deep.
    """
    text = data.decode()
    marked = CONTROL.sub(HALF, text)
    has_repeated_keys = False

    def make_mapping(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal has_repeated_keys
        values = dict(pairs)
        if len(values) == len(pairs):
            return values
        has_repeated_keys = True
        repeated = RepeatedKey(reversed(pairs))  # of two values, keep the first
        counts = Counter(key for key, _ in pairs)
        repeated.key = next(key for key, count in counts.items() if count > 1)
        return repeated

    try:
        details: list[Any] = json.loads(
            marked,
            object_pairs_hook=make_mapping,
            parse_int=_parse_int,
            parse_float=lambda written: Unquoted("number", written),
            parse_constant=_refuse_constant,
        )
    except RecursionError as error:
        raise ValueError("nested too deep") from error
    if has_repeated_keys or marked != text or ESCAPED_SURROGATE.search(text):
        return [find_fault(entry) or entry for entry in details]
    return details


def find_fault(entry: Any) -> Faulty | None:
    """Return the first fault in an entry, if it has one."""
    spec_hash = entry.get("hash") if isinstance(entry, dict) else None
    if not isinstance(spec_hash, str) or SURROGATE.search(spec_hash):
        spec_hash = None
    waiting = [entry]
    while waiting:
        value = waiting.pop()
        if isinstance(value, RepeatedKey):
            return Faulty(f"duplicate key {shown(value.key)}", hash=spec_hash)
        if isinstance(value, str) and SURROGATE.search(value):
            return Faulty(BAD_TEXT, hash=spec_hash)
        if isinstance(value, dict):
            waiting += [*value.values(), *value]
        elif isinstance(value, list):
            waiting += value
    return None


def _parse_int(text: str) -> int:
    return int(text) if len(text) <= MAX_DIGITS else TOO_LARGE


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not JSON")
