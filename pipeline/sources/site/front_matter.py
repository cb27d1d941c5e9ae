"""Take a page's front matter apart. No dataframes here.

A page is read in one of two ways that give the same content. The site writes the same six lines
in every page, `meta` and `spec_details` as JSON on one line each: such a page is merely cut up,
and its JSON is decoded later, many pages at once. Whatever differs in anything is read whole, as
YAML, slowly and with care for the line of each spec.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from pipeline.names import A_NAME, IS_NAME, NAME
from pipeline.sources.rejects import PageError, Reject, RejectCode, shown

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


class SpecEntry(msgspec.Struct, frozen=True):
    """One entry of `spec_details`; keys that nobody knows yet are ignored."""

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


SPEC_FIELDS = msgspec.structs.fields(SpecEntry)
SPEC_KEYS = tuple(field.name for field in SPEC_FIELDS)
REQUIRED_SPEC_KEYS = tuple(field.name for field in SPEC_FIELDS if field.required)
META_KEYS = Meta.__struct_fields__
META_DECODER = msgspec.json.Decoder(Meta)


class PageHead(msgspec.Struct, frozen=True, gc=False):
    """What a page says of itself."""

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
    """A page read whole: its entries with their item numbers and lines, and what was refused."""

    head: PageHead
    entry_count: int
    entries: Sequence[tuple[int, int, SpecEntry]]
    rejects: Sequence[Reject]


def cut_page(data: bytes) -> CutPage | None:
    """Cut up a page that is written just as the site writes it; None for any other."""
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
    """Whether the JSON of `meta` may hold a key that is unknown or stands twice.

    The decoder takes both in silence. Each key has its colon; a colon in a text is one too many.
    """
    key_count = len(META_KEYS) - msgspec.structs.astuple(meta).count(None)
    return line.count(b":") != key_count + len(meta.num_specs_by_stack or ())


def read_page(page: str, data: bytes) -> ReadPage:
    """Read a page of any form, entry by entry.

    Raises
    ------
    PageError
        The page as a whole is no page of this kind.
    """
    from pipeline.sources.site.yaml_loader import (  # YAML, which few pages need
        load_front_matter,
        load_json,
    )

    cut = cut_page(data)
    if cut is not None:
        try:
            details = load_json(cut.details)
        except ValueError:
            pass  # YAML allows more, and says better what is wrong.
        else:
            return check_entries(page, cut.head, details, lambda item: DETAILS_LINE)
    front = load_front_matter(data)
    head = read_head(front, len(data))
    return check_entries(page, head, front.values["spec_details"], front.item_line)


def read_head(front: FrontMatter, byte_count: int) -> PageHead:
    """Read what front matter says of the page as a whole.

    Raises
    ------
    PageError
        A key is missing, or holds what it may not.
    """
    values, lines = front.values, front.lines
    package = _name_or_none(values.get("title"))
    categories = values.get("categories")
    pair = categories if isinstance(categories, list) and len(categories) == 2 else [None, None]
    tag = _name_or_none(pair[1])

    def refuse(code: RejectCode, key: str, message: str) -> PageError:
        return PageError(code, message, lines.get(key, 1), tag=tag, package=package)

    if "spec_files" in values and "spec_details" not in values:
        raise refuse(
            RejectCode.LEGACY_LAYOUT,
            "spec_files",
            "expected spec_details, found the oldest layout, with spec_files: "
            "it has neither hashes nor stacks",
        )
    for key in ("title", "categories", "meta", "spec_details"):
        if key not in values:
            raise refuse(RejectCode.MISSING_KEY, key, f"expected key {key!r}, found none")
    if not isinstance(values["title"], str):
        found = shown(values["title"])
        raise refuse(RejectCode.WRONG_TYPE, "title", f"title: expected text, found {found}")
    if package is None:
        raise refuse(RejectCode.BAD_VALUE, "title", f"title: {_not_a_name(values['title'])}")
    if not isinstance(categories, list) or not all(isinstance(x, str) for x in categories):
        raise refuse(
            RejectCode.WRONG_TYPE,
            "categories",
            f"categories: expected a list of texts, found {shown(categories)}",
        )
    if len(categories) != 2:
        raise refuse(
            RejectCode.BAD_VALUE,
            "categories",
            f"categories: expected [package, TAG], found {shown(categories)}",
        )
    if tag is None:
        message = f"categories: tag: {_not_a_name(categories[1])}"
        raise refuse(RejectCode.BAD_VALUE, "categories", message)
    try:
        meta = msgspec.convert(values["meta"], Meta)
    except msgspec.ValidationError as error:
        found = _found_in(values["meta"], str(error))
        raise refuse(RejectCode.WRONG_TYPE, "meta", f"meta: {error}{found}") from error
    if not isinstance(values["spec_details"], list):
        found = shown(values["spec_details"])
        raise refuse(
            RejectCode.WRONG_TYPE, "spec_details", f"spec_details: expected a list, found {found}"
        )
    return PageHead(package, tag, meta, byte_count)


def check_entries(page: str, head: PageHead, details: list[Any], lines: Lines) -> ReadPage:
    """Tell the entries that have all keys, rightly typed, from those that have not."""
    entries: list[tuple[int, int, SpecEntry]] = []
    rejects: list[Reject] = []
    value_count = 0
    for item, values in enumerate(details):
        try:
            entry = read_entry(values)
        except PageError as error:
            spec_hash = values.get("hash") if isinstance(values, dict) else None
            rejects.append(
                Reject(
                    page,
                    lines(item),
                    error.code,
                    error.message,
                    tag=head.tag,
                    package=head.package,
                    item=item,
                    hash=spec_hash if isinstance(spec_hash, str) else None,
                )
            )
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
    return ReadPage(head, len(details), entries, rejects)


def read_entry(values: object) -> SpecEntry:
    """Read one entry of `spec_details`.

    Raises
    ------
    PageError
        A key is missing, or holds another type; here it speaks of the entry alone.
    """
    if not isinstance(values, dict):
        raise PageError(RejectCode.WRONG_TYPE, f"expected a mapping, found {shown(values)}")
    for key in REQUIRED_SPEC_KEYS:
        if key not in values:
            raise PageError(RejectCode.MISSING_KEY, f"expected key {key!r}, found none")
    try:
        entry = msgspec.convert({key: values[key] for key in SPEC_KEYS if key in values}, SpecEntry)
    except msgspec.ValidationError as error:
        raise PageError(RejectCode.WRONG_TYPE, str(error).replace("`", "'")) from error
    if isinstance(entry.size, str) and entry.size != NO_SIZE:
        raise PageError(
            RejectCode.WRONG_TYPE,
            f"size: expected {NO_SIZE!r} or a number of bytes, found {shown(entry.size)}",
        )
    if isinstance(entry.size, int) and entry.size not in INT64:
        raise PageError(
            RejectCode.BAD_VALUE, f"size: expected a number of bytes, found {shown(entry.size)}"
        )
    return entry


def _found_in(meta: Any, message: str) -> str:
    """Say what stands in `meta` where a message on it says no more than what was expected."""
    key = re.search(r"\$\.(\w+)", message)
    if " got " in message or key is None:
        return ""
    return f", found {shown(meta.get(key[1]))}"


def _name_or_none(value: object) -> str | None:
    return value if isinstance(value, str) and IS_NAME.fullmatch(value) else None


def _not_a_name(value: str) -> str:
    return f"expected {A_NAME}, found {shown(value)}"
