"""Read front matter as YAML: plain data only, with the line of each entry.

Values are built directly from the parser's events: PyYAML's tree of nodes takes about a hundred
times the size of the file. A fault in one entry of `spec_details` affects only that entry, which
becomes `Faulty`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import yaml
from yaml.constructor import SafeConstructor
from yaml.resolver import Resolver

from pipeline.sources.rejects import PageError, RejectCode, shown
from pipeline.sources.site.json_loader import BAD_TEXT, MAX_DIGITS, TOO_LARGE
from pipeline.sources.site.values import Faulty, Unquoted, WrittenInt, describe
from pipeline.text import printable

MAX_DEPTH = 50  # of nesting; pages of the site have 4
MAX_SKIPPED_DEPTH = 1000  # of skipped content; beyond that libyaml takes quadratic time
MAX_CANONICAL = 20  # characters of a number that is parsed
FENCE = "---"
BYTE_ORDER_MARK = b"\xef\xbb\xbf"

# What YAML forbids verbatim, or as an escape in double quotes.
FORBIDDEN = re.compile(
    "[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)
BAD_ESCAPE = re.compile(r"(?<!\\)((?:\\\\)*)\\(?=u[dD][89a-fA-F]|[^0abt\tnvfre \"/\\N_LPxuU\n])")
# Unicode noncharacters: one that the page lacks marks what is forbidden.
MARKS = tuple(map(chr, range(0xFDD0, 0xFDF0)))

TAG = "tag:yaml.org,2002:"
# Scalars that are not a string, number or null; no value of a page may be one.
UNQUOTED = {
    f"{TAG}float": "number",
    f"{TAG}timestamp": "date",
    f"{TAG}bool": "boolean",
    f"{TAG}binary": "binary value",
}


@dataclass
class FrontMatter:
    """Front matter as values, with the lines of its keys and entries."""

    values: dict[Any, Any] = field(default_factory=dict)
    lines: dict[Any, int] = field(default_factory=dict)
    item_lines: list[int] = field(default_factory=list)

    def item_line(self, item: int) -> int:
        """Return the line of an entry of `spec_details`; for an alias, that of the key."""
        return self.item_lines[item] if self.item_lines else self.lines["spec_details"]


def load_front_matter(data: bytes) -> FrontMatter:
    """Read a page's front matter as YAML.

    Raises
    ------
    PageError
        `not-utf8`, `no-front-matter`, `bad-yaml`, or `wrong-type` if it is not a mapping.
    """
    try:
        text = data.removeprefix(BYTE_ORDER_MARK).decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise PageError(
            RejectCode.NOT_UTF8,
            f"expected UTF-8, found byte 0x{data[error.start]:02x} at offset {error.start}",
            line,
        ) from error
    lines = text.replace("\r\n", "\n").split("\n")
    end = find_fences(lines, is_empty=not data)
    # The first line is blank in place of the fence, so that YAML's line numbers are the file's.
    front = "\n" + "\n".join(lines[1:end])
    try:
        return parse_front_matter(front)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise PageError(
            RejectCode.BAD_YAML,
            f"expected YAML, found: {_words(error.problem or error.context)}",
            min(mark.line + 1, len(lines)) if mark else 1,
        ) from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        # These have no line number.
        raise PageError(
            RejectCode.BAD_YAML, f"expected YAML, found: {_words(str(error))}"
        ) from error


def find_fences(lines: Sequence[str], *, is_empty: bool) -> int:
    """Return the number of the line that closes the front matter.

    Raises
    ------
    PageError
        `no-front-matter`: no line opens or closes it.
    """
    if lines[0].rstrip() != FENCE:
        found = "an empty file" if is_empty else shown(lines[0])
        raise PageError(
            RejectCode.NO_FRONT_MATTER, f"expected {FENCE!r} on the first line, found {found}"
        )
    end = next((n for n, line in enumerate(lines) if n and line.rstrip() == FENCE), None)
    if end is None:
        raise PageError(
            RejectCode.NO_FRONT_MATTER,
            f"expected a line {FENCE!r} that closes the front matter, found none",
            len(lines),
        )
    return end


def parse_front_matter(text: str) -> FrontMatter:
    """Parse YAML after marking what it forbids, so that only values with a mark are refused.

    Raises
    ------
    PageError
        There is a fault outside of the entries, or it is not a mapping.
    yaml.YAMLError, ValueError
        It is not YAML.
    """
    mark = next((mark for mark in MARKS if mark not in text), "")
    marked = FORBIDDEN.sub(mark, text) if mark else text
    try:
        return Builder(marked, mark).front_matter()
    except yaml.MarkedYAMLError:
        # A backslash is an escape only in double quotes, so mark these only where it must be one.
        escaped = BAD_ESCAPE.sub(rf"\1{mark}", marked) if mark else marked
        if escaped == marked:
            raise
        return Builder(escaped, mark).front_matter()


class Scalars(SafeConstructor, Resolver):
    """PyYAML's rules for the type of a scalar, and for integers."""

    def __init__(self) -> None:
        SafeConstructor.__init__(self)
        Resolver.__init__(self)


class Builder:
    """Builds plain values from YAML's events; a container with `Faulty` in it is `Faulty`.

    An alias is the same object as its anchor, so aliases of aliases cost nothing.
    """

    def __init__(self, text: str, mark: str) -> None:
        self.events = yaml.parse(text, Loader=yaml.CSafeLoader)
        self.mark = mark
        self.scalars = Scalars()
        self.resolve: Callable[..., str] = self.scalars.resolve
        self.anchors: dict[str, Any] = {}
        self.depth = 0

    def front_matter(self) -> FrontMatter:
        """Build the only document.

        Raises
        ------
        PageError
            It is not a mapping, or has a fault outside of the entries.
        """
        front = FrontMatter()
        next(self.events)  # start of the stream
        if isinstance(next(self.events), yaml.StreamEndEvent):
            return front
        event = next(self.events)
        if isinstance(event, yaml.MappingStartEvent):
            fault = self.fill(event, front.values, front)
        else:
            fault = None
            value = self.value(event)
            if isinstance(value, Faulty):
                fault = value
            elif value is not None:
                raise PageError(
                    RejectCode.WRONG_TYPE,
                    f"expected a mapping as front matter, found {describe(value)}",
                )
        next(self.events)  # end of the document
        event = next(self.events)
        if not isinstance(event, yaml.StreamEndEvent):
            fault = fault or Faulty("a second document", _line(event))
        if fault:
            raise PageError(
                RejectCode.BAD_YAML, f"expected YAML, found: {fault.reason}", fault.line
            )
        return front

    def value(self, event: Any) -> Any:
        """Build the value that starts with an event."""
        if isinstance(event, yaml.AliasEvent):
            anchor = str(event.anchor)
            if anchor in self.anchors:
                return self.anchors[anchor]
            return Faulty(f"undefined alias {shown(anchor)}", _line(event))
        if isinstance(event, yaml.ScalarEvent):
            value = self.scalar(event)
        elif self.depth >= MAX_DEPTH:
            value = self.skip(event)
        else:
            value = [] if isinstance(event, yaml.SequenceStartEvent) else {}
            if event.anchor:
                self.anchors[event.anchor] = value  # it may contain itself
            value = self.fill(event, value) or value
        if event.anchor:
            self.anchors[event.anchor] = value
        return value

    def fill(self, event: Any, values: Any, front: FrontMatter | None = None) -> Faulty | None:
        """Fill the container that starts with an event; return the first fault."""
        self.depth += 1
        if isinstance(values, list):
            fault = self.fill_list(values)
        else:
            fault = self.fill_mapping(values, front)
        self.depth -= 1
        kind = "seq" if isinstance(values, list) else "map"
        if event.tag not in (None, "!", f"{TAG}{kind}"):
            return Faulty(f"tag {shown(event.tag)} is not supported", _line(event))
        return fault

    def fill_list(self, values: list[Any], item_lines: list[int] | None = None) -> Faulty | None:
        """Build a list's values; return the first fault.

        With `item_lines`, it is the list of entries, whose faults stay in the entries.
        """
        fault = None
        while not isinstance(event := next(self.events), yaml.SequenceEndEvent):
            value = self.value(event)
            values.append(value)
            if item_lines is not None:
                item_lines.append(_line(event))
            elif fault is None and isinstance(value, Faulty):
                fault = value
        return fault

    def fill_mapping(self, values: dict[Any, Any], front: FrontMatter | None) -> Faulty | None:
        """Build a mapping's keys and values; return the first fault."""
        faults = []
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            key = self.value(event)
            value = self.entry_value(key, front)
            if isinstance(key, list | dict):
                faults.append(Faulty(f"{describe(key)} as a key", _line(event)))
            elif key in values:
                faults.append(Faulty(f"duplicate key {shown(key)}", _line(event)))
            else:
                values[key] = value
                if front:
                    front.lines[key] = _line(event)
            faults += [part for part in (key, value) if isinstance(part, Faulty)]
            del faults[1:]
        if not faults:
            return None
        spec_hash = values.get("hash")
        return replace(faults[0], hash=spec_hash if isinstance(spec_hash, str) else None)

    def entry_value(self, key: Any, front: FrontMatter | None) -> Any:
        """Build the value of a key; that of `spec_details` with the lines of its entries."""
        event = next(self.events)
        is_details = (
            front is not None
            and key == "spec_details"
            and isinstance(event, yaml.SequenceStartEvent)
            and event.implicit
            and not event.anchor
        )
        if front is None or not is_details:
            return self.value(event)
        values: list[Any] = []
        self.depth += 1
        self.fill_list(values, front.item_lines)
        self.depth -= 1
        return values

    def scalar(self, event: yaml.ScalarEvent) -> Any:
        """Build a scalar: a string, integer or null, or a stand-in for anything else."""
        value: str = event.value
        if self.mark and self.mark in value:
            return Faulty(BAD_TEXT, _line(event))
        tag = event.tag
        if tag in (None, "!"):
            tag = self.resolve(yaml.ScalarNode, value, event.implicit)
        if tag == f"{TAG}str":
            return value
        if tag == f"{TAG}int":
            return self.integer(event)
        if tag == f"{TAG}null":
            return None
        if tag in UNQUOTED:
            return Unquoted(UNQUOTED[tag], value)
        if tag == f"{TAG}merge":
            return Faulty("merge keys (<<) are not supported", _line(event))
        return Faulty(f"tag {shown(tag)} is not supported", _line(event))

    def integer(self, event: yaml.ScalarEvent) -> Any:
        """Build an integer, with its notation in the file if that is not decimal."""
        value: str = event.value
        if len(value) > MAX_DIGITS:
            return TOO_LARGE
        try:
            number = self.scalars.construct_yaml_int(yaml.ScalarNode(f"{TAG}int", value))
        except (ValueError, IndexError) as error:
            return Faulty(f"{shown(value)}: {error}", _line(event))
        if len(value) > MAX_CANONICAL or str(number) == value:
            return number
        written = WrittenInt(number)
        written.written = value
        return written

    def skip(self, event: Any) -> Faulty:
        """Skip what is nested too deep.

        Raises
        ------
        yaml.MarkedYAMLError
            It is too long.
        """
        reason = f"nested deeper than {MAX_DEPTH}"
        depth = 1
        while depth:
            part = next(self.events)
            if isinstance(part, yaml.CollectionStartEvent):
                depth += 1
            elif isinstance(part, yaml.CollectionEndEvent):
                depth -= 1
            if depth > MAX_SKIPPED_DEPTH:
                raise yaml.MarkedYAMLError(problem=reason, problem_mark=event.start_mark)
        return Faulty(reason, _line(event))


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1


def _words(problem: str | None) -> str:
    """Return a parser's message on one line, shortened, since it may quote the page."""
    return printable(" ".join(str(problem).split())[:200])
