"""Stand-ins for values that are not plain data, and messages on what was found where."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import msgspec

from pipeline.names import A_NAME
from pipeline.sources.rejects import RejectCode, shown

# Paths and types in msgspec's messages.
MISSING = re.compile(r"missing required field `(?P<key>\w+)`")
PATH = re.compile(r"- at .*`\$\.?(?P<path>[^`]*)`$")
EXPECTED = re.compile(r"^Expected `(?P<type>[^`]+)`(?P<limit>.*?)(?:, got `(?P<got>\w+)`)? - at")
STEP = re.compile(r"(\w+)|\[(\d+)\]")
WORDS = {
    "str": "text",
    "str | null": "text",
    "int": "a number",
    "int | null": "a number",
    "int | str": "'-' or a number of bytes",
    "array": "a list",
    "array | null": "a list",
    "object": "a mapping",
    "object | null": "a mapping",
}
QUOTABLE = (
    "the number",
    "the date",
    "the boolean",
)  # YAML in which the quotes of a string were forgotten


@dataclass(frozen=True, slots=True)
class Faulty:
    """Stands for an invalid value: the reason, its line and, for a spec, its hash."""

    reason: str
    line: int = 1
    hash: str | None = None


@dataclass(frozen=True, slots=True)
class Unquoted:
    """A scalar of a kind that pages do not have, as written: a fraction, date or boolean."""

    kind: str
    written: str


class WrittenInt(int):
    """An integer with its notation in the file, as `0x10` or `1:30`."""

    written: str


@dataclass(frozen=True)
class Explanation:
    """Why a value is rejected: the code, the top-level key, and the message."""

    code: RejectCode
    key: str
    message: str


def describe(value: object) -> str:
    """Describe a value for a message: as in the file, on one line, and short.

    >>> describe(Unquoted("number", "1.10")), describe(None), describe([1, 2])
    ('the number 1.10', 'null', 'a list of 2')
    """
    if value is None:
        return "null"
    if isinstance(value, Unquoted):
        return f"the {value.kind} {shown(value.written)[1:-1]}"
    if isinstance(value, bool):
        return f"the boolean {str(value).lower()}"
    if isinstance(value, WrittenInt):
        return f"the number {shown(value.written)[1:-1]}"
    if isinstance(value, int):
        text = shown(value)
        return text if text.startswith("a ") else f"the number {text}"
    return shown(value)


def explain(error: msgspec.ValidationError, values: dict[str, Any]) -> Explanation:
    """Explain in plain words what msgspec found wrong in `values`."""
    text = str(error)
    path_match = PATH.search(text)
    path = path_match["path"] if path_match else ""
    missing = MISSING.search(text)
    if missing:
        key = missing["key"]
        return Explanation(RejectCode.MISSING_KEY, key, f"expected key {key!r}, found none")
    key = re.split(r"\W", path)[0]
    name = "categories: tag" if path == "categories[1]" else re.sub(r"\[.*?\]", "", path)
    match = EXPECTED.search(text)
    if match is None:
        return Explanation(RejectCode.WRONG_TYPE, key, f"{name}: {text}")
    found = _found(values, path, match["got"])
    if "regex" in match["limit"]:
        return Explanation(RejectCode.BAD_VALUE, key, f"{name}: expected {A_NAME}, found {found}")
    if "length" in match["limit"]:
        return Explanation(
            RejectCode.BAD_VALUE, key, f"{name}: expected [package, TAG], found {found}"
        )
    limit = match["limit"].replace("<=", "of at most").replace(">=", "of at least")
    expected = WORDS.get(match["type"], match["type"]) + limit
    message = f"{name}: expected {expected}, found {found}"
    if expected == "text" and found.startswith(QUOTABLE):
        message += "; put it in quotes"
    return Explanation(RejectCode.WRONG_TYPE, key, message)


def _found(values: Any, path: str, got: str | None) -> str:
    """Describe the value at a path in msgspec's notation; inside a mapping, only its type."""
    if "[...]" in path:
        return got or "another"
    for key, index in STEP.findall(path):
        values = values[int(index)] if index else values[key]
    return describe(values)
