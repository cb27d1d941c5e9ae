"""A YAML file as texts, lists and mappings, each with its line.

Every scalar is its text, whatever YAML takes it for: `1.2` and `true` are specs or keys here.
Values are built from the parser's events, with bounds, since anybody may write such a file: what
stands behind an alias is not copied.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from pipeline.sources.rejects import PageError, RejectCode, shown
from pipeline.text import printable

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 50
NULLS = {"", "~", "null", "Null", "NULL"}
MERGE = "<<"
TAGS = {
    f"tag:yaml.org,2002:{name}"
    for name in ("bool", "float", "int", "map", "null", "seq", "str", "timestamp")
}
MAX_VALUES = 100_000  # of plain configuration, aliases written out


@dataclass(frozen=True)
class Text:
    """A scalar, as it is written."""

    text: str
    line: int
    is_null: bool = False


@dataclass(frozen=True)
class Items:
    """A list."""

    values: list[Value]
    line: int


@dataclass(frozen=True)
class Entries:
    """A mapping, with the line of each key."""

    values: dict[str, Value]
    line: int
    lines: dict[str, int] = field(default_factory=dict)


Value = Text | Items | Entries


def read_document(data: bytes) -> Value:
    """Read the one document of a YAML file.

    Raises
    ------
    PageError
        `not-utf8`, `bad-yaml`, or `bad-value` where it exceeds a bound.
    """
    if len(data) > MAX_BYTES:
        raise PageError(
            RejectCode.BAD_VALUE, f"expected at most {MAX_BYTES} bytes, found {len(data)}"
        )
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise PageError(
            RejectCode.NOT_UTF8, f"expected UTF-8, found byte 0x{data[error.start]:02x}", line
        ) from error
    try:
        return Builder(text).document()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise bad_yaml(str(error.problem or error.context), mark.line + 1 if mark else 1) from error
    except (yaml.YAMLError, ValueError) as error:
        raise bad_yaml(str(error), 1) from error


def bad_yaml(problem: str, line: int) -> PageError:
    """Return the error for a file that is not YAML."""
    words = " ".join(printable(problem, keep="\n").split())
    return PageError(RejectCode.BAD_YAML, f"expected YAML, found: {words}", line)


def plain(value: Value) -> Any:
    """Return a value as dict, list, str and None.

    Raises
    ------
    PageError
        Aliases make it too large.
    """
    count = 0

    def written_out(part: Value) -> Any:
        nonlocal count
        count += 1
        if count > MAX_VALUES:
            raise PageError(
                RejectCode.BAD_VALUE,
                f"expected at most {MAX_VALUES:,} values, found more",
                value.line,
            )
        match part:
            case Text():
                return None if part.is_null else part.text
            case Items():
                return [written_out(item) for item in part.values]
            case Entries():
                return {key: written_out(item) for key, item in part.values.items()}

    return written_out(value)


class Builder:
    """The values of one text, built from YAML's events."""

    def __init__(self, text: str) -> None:
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        self.events: Iterator[Any] = yaml.parse(text, Loader=loader)
        self.anchors: dict[str, Value] = {}

    def document(self) -> Value:
        """Return the document; an empty file is null."""
        next(self.events)  # the stream's start
        event = next(self.events)
        if isinstance(event, yaml.StreamEndEvent):
            return Text("", 1, is_null=True)
        value = self.value(next(self.events), 0)
        next(self.events)  # the document's end
        event = next(self.events)
        if not isinstance(event, yaml.StreamEndEvent):
            raise bad_yaml("a second document", event.start_mark.line + 1)
        return value

    def value(self, event: Any, depth: int) -> Value:
        """Return the value that begins with an event."""
        line = event.start_mark.line + 1
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in self.anchors:
                raise bad_yaml(f"an alias of what is not complete, {shown(event.anchor)}", line)
            return self.anchors[event.anchor]
        if depth > MAX_DEPTH:
            raise PageError(
                RejectCode.BAD_VALUE, f"expected at most {MAX_DEPTH} levels, found more", line
            )
        if event.tag and event.tag != "!" and event.tag not in TAGS:
            raise bad_yaml(f"the tag {shown(event.tag)}", line)
        value: Value
        if isinstance(event, yaml.ScalarEvent):
            is_null = event.implicit[0] and not event.style and event.value in NULLS
            value = Text(event.value, line, is_null)
        elif isinstance(event, yaml.SequenceStartEvent):
            items = Items([], line)
            while not isinstance(below := next(self.events), yaml.SequenceEndEvent):
                items.values.append(self.value(below, depth + 1))
            value = items
        else:
            value = self.entries(line, depth)
        if event.anchor:
            self.anchors[event.anchor] = value
        return value

    def entries(self, line: int, depth: int) -> Entries:
        """Return a mapping; its own keys take precedence over merged ones."""
        entries = Entries({}, line)
        merged: list[Value] = []
        while not isinstance(below := next(self.events), yaml.MappingEndEvent):
            key = self.value(below, depth + 1)
            if not isinstance(key, Text):
                raise PageError(
                    RejectCode.WRONG_TYPE, "expected a key that is text, found a list", key.line
                )
            value = self.value(next(self.events), depth + 1)
            if key.text == MERGE:
                merged.extend(value.values if isinstance(value, Items) else [value])
            elif key.text in entries.values:
                raise PageError(
                    RejectCode.BAD_YAML,
                    f"expected a key once, found {shown(key.text)} again",
                    key.line,
                )
            else:
                entries.values[key.text] = value
                entries.lines[key.text] = key.line
        for value in merged:
            if not isinstance(value, Entries):
                raise PageError(
                    RejectCode.WRONG_TYPE, f"expected a mapping after {MERGE}", value.line
                )
            for name, inherited in value.values.items():
                entries.values.setdefault(name, inherited)
                entries.lines.setdefault(name, value.lines[name])
        return entries


SUFFIXED = re.compile(r"(?P<name>.*?)(?P<how>[:+-])", re.DOTALL)


def merge(low: Any, high: Any) -> Any:
    """Merge plain configuration of two scopes, as Spack does, the higher one on top.

    Mappings are merged by key, lists of the higher scope stand before those of the lower, all else
    is replaced. A key that ends in a colon (`require::` in the file) replaces in any case, `+`
    appends to the lower scope's list, `-` prepends (lib/spack/spack/config.py).
    """
    if isinstance(low, list) and isinstance(high, list):
        return high + low
    if not (isinstance(low, dict) and isinstance(high, dict)):
        return low if high is None else settled(high)
    merged = dict(low)
    for key, value in high.items():
        suffixed = SUFFIXED.fullmatch(key)
        name, how = (suffixed["name"], suffixed["how"]) if suffixed else (key, "")
        under = merged.get(name)
        if how == ":" or under is None:
            merged[name] = settled(value)
        elif how == "+" and isinstance(under, list) and isinstance(value, list):
            merged[name] = under + value
        else:
            merged[name] = merge(under, value)
    return merged


def settled(value: Any) -> Any:
    """Return configuration without the suffixes of keys that say how to merge."""
    return merge({}, value) if isinstance(value, dict) else value
