"""Read a page's front matter into plain records; no dataframes here.

A page is read in one of two ways that give the same content. The fast way: the site writes the same
six lines in every page, `meta` and `spec_details` as JSON on one line each. Such a page is only cut
up; its JSON is decoded later, many pages at once. The careful way, for a page that differs in
anything: entry by entry, from JSON or YAML.
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

# Strings in a page's lists, aliases followed: they can make a small file enormous.
MAX_PAGE_VALUES = 20_000_000
INT64 = range(-(2**63), 2**63)
DETAILS_LINE = 6  # of `spec_details` in a page as the site writes it
NO_SIZE = "-"  # what the site writes where it knows no size

# A page as the site writes it. The tag is a plain word that YAML takes for nothing but text.
SITE_PAGE = re.compile(
    rb"---\n"
    rb'title: "(%s)"\n'
    rb"layout: cache\n"
    rb"categories: \[package, ((?:develop|v[0-9])[A-Za-z0-9._+-]{0,240})\]\n"
    rb"meta: (\{.*)\n"
    rb"spec_details: (\[.*)\n"
    rb"---(?:\n|\Z)" % NAME.encode()
)

Name = Annotated[str, msgspec.Meta(pattern=rf"^{NAME}\Z")]
Count = Annotated[int, msgspec.Meta(ge=INT64[0], le=INT64[-1])]


class Meta(msgspec.Struct, frozen=True, gc=False):
    """The summary that a page declares of its specs; what it leaves out is not declared."""

    num_specs: Count | None = None
    num_specs_by_stack: dict[str, Count] | None = None
    compilers: list[str] | None = None
    oss: list[str] | None = None
    platforms: list[str] | None = None
    stacks: list[str] | None = None
    targets: list[str] | None = None
    versions: list[str] | None = None


class Page(msgspec.Struct, frozen=True):
    """The keys of a page that we read."""

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
    """What a page says of itself; `byte_count` is its size."""

    package: str
    tag: str
    meta: Meta
    byte_count: int


class CutPage(msgspec.Struct, frozen=True, gc=False):
    """A page as the site writes it, `details` still JSON."""

    head: PageHead
    details: bytes


Lines = Callable[[int], int]  # from an entry's item number to its line


@dataclass(frozen=True)
class ReadPage:
    """A page read the careful way: its entries with item numbers and lines, and its rejects."""

    head: PageHead
    entry_count: int
    entries: Sequence[tuple[int, int, SpecEntry]]
    rejects: Sequence[Reject]


def cut_page(data: bytes) -> CutPage | None:
    """Cut up a page that is written just as the site writes it; return None for any other."""
    page = SITE_PAGE.match(data)
    if page is None:
        return None
    package, tag, meta_line, details = page.groups()
    try:
        # What stands outside of the two JSON lines must be UTF-8 too.
        data[page.end() :].decode()
        meta = META_DECODER.decode(meta_line)
    except (UnicodeDecodeError, msgspec.DecodeError, RecursionError):
        return None
    if has_other_keys(meta_line, meta):
        return None
    return CutPage(PageHead(package.decode(), tag.decode(), meta, len(data)), details)


def has_other_keys(line: bytes, meta: Meta) -> bool:
    """Return whether the JSON of `meta` may hold an unknown or a repeated key.

    The decoder ignores both. Each key has its colon; a colon in a text is one too many.
    """
    key_count = len(META_KEYS) - msgspec.structs.astuple(meta).count(None)
    return line.count(b":") != key_count + len(meta.num_specs_by_stack or ())


def read_page(page: str, data: bytes) -> ReadPage:
    """Read a page of any form, entry by entry.

    Raises
    ------
    PageError
        The page as a whole is refused.
    """
    cut = cut_page(data)
    if cut is not None:
        try:
            details = load_details(cut.details)
        except ValueError:
            pass  # YAML allows more, and says better what is wrong.
        else:
            return check_entries(page, cut.head, details, lambda item: DETAILS_LINE)
    # PyYAML takes long to import, and few pages need it.
    from pipeline.sources.site.yaml_loader import load_front_matter

    front = load_front_matter(data)
    head, details = read_head(front, len(data))
    return check_entries(page, head, details, front.item_line)


def read_head(front: FrontMatter, byte_count: int) -> tuple[PageHead, list[Any]]:
    """Read what front matter says of the page as a whole, and its entries.

    Raises
    ------
    PageError
        A key is missing, or its value is refused.
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
    """Separate the entries that have all keys, rightly typed, from those that have not.

    Raises
    ------
    PageError
        Together they hold more than memory should.
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
        A key is missing, or its value has another type; here it concerns the entry alone.
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
            return read_entry(known)  # msgspec wants text for keys; others are unknown ones.
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
    """Return the hash that a refused entry gives, right or wrong."""
    found = values.hash if isinstance(values, Faulty) else None
    if isinstance(values, dict):
        found = values.get("hash")
    return found if isinstance(found, str) else None


def _name_or_none(value: object) -> str | None:
    return value if isinstance(value, str) and IS_NAME.fullmatch(value) else None
