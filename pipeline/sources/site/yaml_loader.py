"""A page's text to plain values: strict JSON, or YAML as data, with the line of each entry.

Limits and refusals that concern the text alone are here; what the values mean is not.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import msgspec
import yaml

from pipeline.sources.rejects import PageError, RejectCode, shown
from pipeline.text import printable

MAX_DEPTH = 50  # of nesting; a page as the site writes it has 4
MAX_DIGITS = 4000  # of a number that is taken at its word; Python itself reads 4,300
TOO_LARGE = 10**MAX_DIGITS  # stands for any number longer than that
FENCE = "---"
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def load_json(text: bytes) -> Any:
    """Decode strict JSON in which no key stands twice.

    Raises
    ------
    ValueError
        It is not.
    """
    try:
        msgspec.json.decode(text)  # refuses what `json` lets pass: NaN, half surrogates
    except RecursionError as error:
        raise ValueError("nested too deep") from error
    return json.loads(text, object_pairs_hook=_unique_keys, parse_int=_integer)


def _integer(text: str) -> int:
    return int(text) if len(text) <= MAX_DIGITS else TOO_LARGE


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) != len(pairs):
        raise ValueError("a key stands twice")
    return values


class FrontMatterLoader(yaml.CSafeLoader):
    """PyYAML's safe loader, which refuses a key that stands twice in a mapping."""

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Refuse merge keys: a few, nested, would cost all memory there is."""
        for key, _ in node.value:
            if key.tag == "tag:yaml.org,2002:merge":
                raise yaml.constructor.ConstructorError(
                    None, None, "merge keys (<<) are not taken", key.start_mark
                )

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Construct a mapping whose keys are all different."""
        mapping: dict[Any, Any] = super().construct_mapping(node, deep=deep)
        if len(mapping) != len(node.value):
            seen = set()
            for key, _ in node.value:
                if key.value in seen:
                    raise yaml.constructor.ConstructorError(
                        None, None, f"key {shown(key.value)} stands twice", key.start_mark
                    )
                seen.add(key.value)
        return mapping


def _construct_number(loader: FrontMatterLoader, node: yaml.ScalarNode) -> Any:
    if len(node.value) > MAX_DIGITS:
        return TOO_LARGE
    is_int = node.tag.endswith(":int")
    return _located(loader.construct_yaml_int if is_int else loader.construct_yaml_float, node)


def _construct_timestamp(loader: FrontMatterLoader, node: yaml.ScalarNode) -> Any:
    return _located(loader.construct_yaml_timestamp, node)


def _located(construct: Callable[[yaml.ScalarNode], Any], node: yaml.ScalarNode) -> Any:
    """Construct a value; what YAML's own form of it forbids is refused where it stands."""
    try:
        return construct(node)
    except (ValueError, OverflowError, LookupError) as error:
        raise yaml.constructor.ConstructorError(
            None, None, f"{shown(node.value)}: {error}", node.start_mark
        ) from error


for _kind, _construct in (
    ("int", _construct_number),
    ("float", _construct_number),
    ("timestamp", _construct_timestamp),
):
    FrontMatterLoader.add_constructor(f"tag:yaml.org,2002:{_kind}", _construct)


def check_depth(front: str) -> None:
    """Refuse YAML nested deeper than any page's; composing it would overflow the C stack.

    Raises
    ------
    yaml.MarkedYAMLError
        It is, or is no YAML at all.
    """
    depth = 0
    for event in yaml.parse(front, Loader=yaml.CSafeLoader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAX_DEPTH:
            raise yaml.MarkedYAMLError(
                problem=f"nested deeper than {MAX_DEPTH}",
                problem_mark=cast("yaml.Mark", event.start_mark),
            )


@dataclass(frozen=True)
class FrontMatter:
    """Front matter read as YAML: its values, and the lines on which they stand."""

    values: dict[str, Any]
    lines: dict[str, int]
    item_lines: Sequence[int]

    def item_line(self, item: int) -> int:
        """Give the line of an entry of `spec_details`."""
        return self.item_lines[item]


def load_front_matter(data: bytes) -> FrontMatter:
    """Read a page's front matter as YAML.

    Raises
    ------
    PageError
        `not-utf8`, `no-front-matter`, `bad-yaml`, or `wrong-type` where it is no mapping.
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
    if lines[0].rstrip() != FENCE:
        raise PageError(
            RejectCode.NO_FRONT_MATTER,
            f"expected {FENCE!r} on the first line, found {shown(lines[0])}",
        )
    end = next((n for n, line in enumerate(lines) if n and line.rstrip() == FENCE), None)
    if end is None:
        raise PageError(
            RejectCode.NO_FRONT_MATTER,
            f"expected a line {FENCE!r} that closes the front matter, found none",
            len(lines),
        )
    # The blank first line stands for the fence, so that YAML counts lines as the file does.
    front = "\n" + "\n".join(lines[1:end])
    loader = None
    try:
        check_depth(front)
        loader = FrontMatterLoader(front)
        node = loader.get_single_node()
        values = loader.construct_document(node) if node is not None else {}
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise PageError(
            RejectCode.BAD_YAML,
            f"expected YAML, found: {_words(error.problem or error.context)}",
            min(mark.line + 1, len(lines)) if mark else 1,
        ) from error
    except (yaml.YAMLError, ValueError, RecursionError, OverflowError, TypeError) as error:
        # A character that YAML forbids; of all else that is no YAML, no line is known.
        position = error.position if isinstance(error, yaml.reader.ReaderError) else 0
        raise PageError(
            RejectCode.BAD_YAML,
            f"expected YAML, found: {_words(str(error))}",
            front.count("\n", 0, position) + 1,
        ) from error
    finally:
        if loader is not None:
            loader.dispose()
    if values is None:
        values = {}
    if not isinstance(values, dict):
        raise PageError(
            RejectCode.WRONG_TYPE, f"expected a mapping as front matter, found {shown(values)}"
        )
    return FrontMatter(values, *_lines_of(node))


def _words(problem: str | None) -> str:
    """Give a reader's words in one line; they may repeat the page's at any length."""
    return printable(" ".join(str(problem).split())[:200])


def _lines_of(node: yaml.Node | None) -> tuple[dict[str, int], list[int]]:
    if not isinstance(node, yaml.MappingNode):
        return {}, []
    lines = {key.value: key.start_mark.line + 1 for key, _ in node.value}
    for key, value in node.value:
        if key.value == "spec_details" and isinstance(value, yaml.SequenceNode):
            return lines, [item.start_mark.line + 1 for item in value.value]
    return lines, []
