"""Read a page's front matter into plain records; no dataframes here.

There are two paths with the same result. Fast path: the site writes the same six lines in every
page, with `meta` and `spec_details` as JSON on one line each. Such a page is only split; its JSON
is decoded later, many pages at once. Slow path, for any other page: entry by entry, from JSON or
YAML.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from pipeline.names import IS_NAME, NAME
from pipeline.sources.rejects import PageError, Reject, RejectCode, RejectedSpecs
from pipeline.sources.site.json_loader import load_details
from pipeline.sources.site.values import Faulty, describe, explain

if TYPE_CHECKING:
    from pipeline.sources.site.yaml_loader import FrontMatter

# Strings in a page's lists, with aliases resolved: these can make a small file enormous.
MAX_PAGE_VALUES = 20_000_000
INT64 = range(-(2**63), 2**63)
DETAILS_LINE = 6  # line of `spec_details` in a page of the site
NO_SIZE = "-"  # what the site writes for an unknown size

# A page as the site writes it, around its two lines of JSON, whose ends `bytes.find` finds faster.
# The tag is a plain scalar that YAML can only read as a string.
SITE_HEAD = re.compile(
    rb"---\n"
    rb'title: "(%s)"\n'
    rb"layout: cache\n"
    rb"categories: \[package, ((?:develop|v[0-9])[A-Za-z0-9._+-]{0,240})\]\n"
    rb"meta: (?=\{)" % NAME.encode()
)
SITE_DETAILS = re.compile(rb"\nspec_details: (?=\[)")
SITE_END = re.compile(rb"\n---(?:\n|\Z)")

Name = Annotated[str, msgspec.Meta(pattern=rf"^{NAME}\Z")]
Count = Annotated[int, msgspec.Meta(ge=INT64[0], le=INT64[-1])]


class Meta(msgspec.Struct, frozen=True, gc=False):
    """The summary that a page declares of its specs; all of it is optional."""

    num_specs: Count | None = None
    num_specs_by_stack: dict[str, Count] | None = None
    compilers: list[str] | None = None
    oss: list[str] | None = None
    platforms: list[str] | None = None
    stacks: list[str] | None = None
    targets: list[str] | None = None
    versions: list[str] | None = None


class Page(msgspec.Struct, frozen=True):
    """The keys of a page that are read."""

    title: Name
    categories: tuple[str, Name]
    meta: Meta
    spec_details: list[Any]


class SpecEntry(msgspec.Struct, frozen=True):
    """One entry of `spec_details`; unknown keys are ignored."""

    hash: str
    compiler: str
    versions: list[str]
    os: str
    platform: str
    target: str
    variants: list[str]
    stacks: list[str]
    size: int | str
    tarball: str | None = None


META_KEYS = Meta.__struct_fields__
META_DECODER = msgspec.json.Decoder(Meta)


class PageHead(msgspec.Struct, frozen=True, gc=False):
    """The page as a whole: its tag, package and summary; `byte_count` is its size."""

    package: str
    tag: str
    meta: Meta
    byte_count: int


class CutPage(msgspec.Struct, frozen=True, gc=False):
    """A page in the site's own format, with `details` still raw JSON."""

    head: PageHead
    details: bytes


Lines = Callable[[int], int]  # from an entry's item number to its line


@dataclass(frozen=True)
class ReadPage:
    """A page read on the slow path: its entries with item numbers and lines, and its rejects."""

    head: PageHead
    entry_count: int
    entries: Sequence[tuple[int, int, SpecEntry]]
    rejects: Sequence[Reject]


def cut_page(data: bytes) -> CutPage | None:
    """Split a page that is written exactly as the site does it; return None for any other."""
    if (
        not (head := SITE_HEAD.match(data))
        or not (details := SITE_DETAILS.match(data, data.find(b"\n", head.end())))
        or not (end := SITE_END.match(data, data.find(b"\n", details.end())))
    ):
        return None
    package, tag = head.groups()
    meta_line = data[head.end() : details.start()]
    try:
        # The rest of the file must be UTF-8 too.
        data[end.end() :].decode()
        meta = META_DECODER.decode(meta_line)
    except (UnicodeDecodeError, msgspec.DecodeError, RecursionError):
        return None
    if has_other_keys(meta_line, meta):
        return None
    page_head = PageHead(package.decode(), tag.decode(), meta, len(data))
    return CutPage(page_head, data[details.end() : end.start()])


def has_other_keys(line: bytes, meta: Meta) -> bool:
    """Return whether the JSON of `meta` may have an unknown or a duplicate key.

    The decoder ignores both. Colons are counted: one per known key; one in a string counts as well.
    """
    key_count = len(META_KEYS) - msgspec.structs.astuple(meta).count(None)
    return line.count(b":") != key_count + len(meta.num_specs_by_stack or ())


def read_page(page: str, data: bytes) -> ReadPage:
    """Read a page of any format, entry by entry.

    Raises
    ------
    PageError
        The page is rejected as a whole.
    """
    cut = cut_page(data)
    if cut is not None:
        try:
            details = load_details(cut.details)
        except ValueError:
            pass  # YAML allows more, and has better error messages.
        else:
            return check_entries(page, cut.head, details, lambda item: DETAILS_LINE)
    # PyYAML is slow to import, and few pages need it.
    from pipeline.sources.site.yaml_loader import load_front_matter

    front = load_front_matter(data)
    head, details = read_head(front, len(data))
    return check_entries(page, head, details, front.item_line)


def read_head(front: FrontMatter, byte_count: int) -> tuple[PageHead, list[Any]]:
    """Read the head of a page and its entries from front matter.

    Raises
    ------
    PageError
        A key is missing, or its value is invalid.
    """
    values = {key: value for key, value in front.values.items() if isinstance(key, str)}
    package = _name_or_none(values.get("title"))
    categories = values.get("categories")
    is_pair = isinstance(categories, list) and len(categories) == 2
    tag = _name_or_none(categories[1]) if isinstance(categories, list) and is_pair else None

    def refuse(code: RejectCode, key: str, message: str) -> PageError:
        return PageError(code, message, front.lines.get(key, 1), tag=tag, package=package)

    if "spec_files" in values and "spec_details" not in values:
        raise refuse(
            RejectCode.LEGACY_LAYOUT,
            "spec_files",
            "expected spec_details, found the oldest layout, with spec_files: "
            "it has neither hashes nor stacks",
        )
    try:
        read = msgspec.convert(values, Page)
    except msgspec.ValidationError as error:
        why = explain(error, values)
        raise refuse(why.code, why.key, why.message) from error
    return PageHead(read.title, read.categories[1], read.meta, byte_count), read.spec_details


def check_entries(page: str, head: PageHead, details: list[Any], lines: Lines) -> ReadPage:
    """Separate entries with all keys, of the right types, from invalid ones.

    Raises
    ------
    PageError
        Together they have too many values for memory.
    """
    entries: list[tuple[int, int, SpecEntry]] = []
    rejected = RejectedSpecs()
    value_count = 0
    for item, values in enumerate(details):
        try:
            entry = read_entry(values)
        except PageError as error:
            rejected.add(partial(_reject_entry, error, page, head, lines(item), item, values))
        else:
            entries.append((item, lines(item), entry))
            value_count += len(entry.variants) + len(entry.stacks)
            if value_count > MAX_PAGE_VALUES:
                raise PageError(
                    RejectCode.BAD_VALUE,
                    f"expected at most {MAX_PAGE_VALUES} variants and stacks, found more",
                    lines(item),
                    tag=head.tag,
                    package=head.package,
                )
    return ReadPage(head, len(details), entries, rejected.rows())


def _reject_entry(
    error: PageError, page: str, head: PageHead, line: int, item: int, values: object
) -> Reject:
    return Reject(
        page,
        line,
        error.code,
        error.message,
        tag=head.tag,
        package=head.package,
        item=item,
        hash=hash_of(values),
    )


def read_entry(values: object) -> SpecEntry:
    """Read one entry of `spec_details`.

    Raises
    ------
    PageError
        A key is missing, or its value has another type; this concerns only the entry.
    """
    if isinstance(values, Faulty):
        raise PageError(RejectCode.BAD_YAML, f"expected YAML, found: {values.reason}")
    if not isinstance(values, dict):
        raise PageError(RejectCode.WRONG_TYPE, f"expected a mapping, found {describe(values)}")
    try:
        entry = msgspec.convert(values, SpecEntry)
    except msgspec.ValidationError as error:
        known = {key: value for key, value in values.items() if isinstance(key, str)}
        if len(known) < len(values):
            return read_entry(known)  # msgspec needs string keys; any others are unknown ones.
        why = explain(error, values)
        raise PageError(why.code, why.message) from error
    if isinstance(entry.size, str) and entry.size != NO_SIZE:
        raise PageError(
            RejectCode.WRONG_TYPE,
            f"size: expected {NO_SIZE!r} or a number of bytes, found {describe(entry.size)}",
        )
    if isinstance(entry.size, int) and entry.size not in INT64:
        raise PageError(
            RejectCode.BAD_VALUE, f"size: expected a number of bytes, found {describe(entry.size)}"
        )
    return entry


def hash_of(values: object) -> str | None:
    """Return the hash of a rejected entry, valid or not."""
    found = values.hash if isinstance(values, Faulty) else None
    if isinstance(values, dict):
        found = values.get("hash")
    return found if isinstance(found, str) else None


def _name_or_none(value: object) -> str | None:
    return value if isinstance(value, str) and IS_NAME.fullmatch(value) else None
