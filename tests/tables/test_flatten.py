"""Pages to rows: canonical forms, rejected values, and nothing lost on the way."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import SchemaError
from pipeline.schemas import PAGES, REJECTS, SPEC_STACKS
from pipeline.sources.decoded import INDEX_COLUMNS
from pipeline.sources.site.decode import decode_pages
from pipeline.specs.compilers import RENAMED_COMPILERS
from pipeline.tables.flatten import Tables, combine_tables, flatten_pages
from tests.writing import make_hash, make_spec, site_page, yaml_page

NOT_OF_PAGES = dict.fromkeys(INDEX_COLUMNS)  # only in indexes


def tables_of(*texts: str) -> Tables:
    pages = [(f"{number}.md", text.encode()) for number, text in enumerate(texts)]
    return combine_tables([flatten_pages(decode_pages(pages))])


def test_one_row_per_spec_and_stack() -> None:
    """A spec has a row for each of its stacks, equal in all else."""
    tables = tables_of(site_page(specs=[make_spec(1, size=5, stacks=["root", "e4s"])]))

    row = {
        "tag": "develop-2025-03-30",
        "package": "zlib",
        "hash": make_hash(1),
        "version": "1.2",
        "compiler": "gcc@11.4.0",
        "compiler_name": "gcc",
        "compiler_version": "11.4.0",
        "os": "ubuntu22.04",
        "platform": "linux",
        "target": "x86_64_v3",
        "variants": ["build_system=cmake", "~ipo", "+shared"],
        "size_bytes": 5,
        "tarball": None,
        "page": "0.md",
    } | NOT_OF_PAGES
    assert tables[SPEC_STACKS].to_dicts() == [row | {"stack": "e4s"}, row | {"stack": "root"}]


def test_a_spec_in_no_stack_keeps_one_row() -> None:
    """A spec with an empty stack list has one row with a null stack."""
    tables = tables_of(site_page(specs=[make_spec(stacks=[])]))

    assert tables[SPEC_STACKS]["stack"].to_list() == [None]
    assert tables[PAGES]["spec_stack_count"].to_list() == [1]


def test_a_stack_named_twice_counts_once() -> None:
    """The key of spec_stacks is unique even if a page repeats a stack."""
    tables = tables_of(site_page(specs=[make_spec(stacks=["root", "e4s", "root"])]))

    assert tables[SPEC_STACKS]["stack"].to_list() == ["e4s", "root"]


COMPILERS = {
    "gcc@=11.4.0": ("gcc@11.4.0", "gcc", "11.4.0"),
    "gcc@11.4.0": ("gcc@11.4.0", "gcc", "11.4.0"),
    "none": ("none", "none", None),
    "oneapi@=2024.2.1": ("intel-oneapi-compilers@2024.2.1", "intel-oneapi-compilers", "2024.2.1"),
    "clang@=7.0.0": ("llvm@7.0.0", "llvm", "7.0.0"),
    "rocmcc@=5.7": ("llvm-amdgpu@5.7", "llvm-amdgpu", "5.7"),
    "intel@=2021.1": (
        "intel-oneapi-compilers-classic@2021.1",
        "intel-oneapi-compilers-classic",
        "2021.1",
    ),
    "arm@=23.04": ("acfl@23.04", "acfl", "23.04"),
    "apple-clang@=16.0.0": ("apple-clang@16.0.0", "apple-clang", "16.0.0"),
    "llvm@18.1-rc2": ("llvm@18.1-rc2", "llvm", "18.1-rc2"),
}


@pytest.mark.parametrize("written", COMPILERS)
def test_compilers_take_their_form_of_spack_1(written: str) -> None:
    """Every dialect's compiler gets Spack 1.0's name, whole and in parts."""
    rows = tables_of(site_page(specs=[make_spec(compiler=written, stacks=["root"])]))[SPEC_STACKS]

    assert rows.select("compiler", "compiler_name", "compiler_version").row(0) == COMPILERS[written]


def test_meta_is_kept_in_the_same_form() -> None:
    """A page's own list of compilers is canonical too, to be compared with its specs."""
    pages = tables_of(site_page(specs=[make_spec(compiler="oneapi@=1.0")]))[PAGES]

    assert pages["declared_compilers"].to_list() == [["intel-oneapi-compilers@1.0"]]
    assert pages["declared_stack_counts"].to_list() == [
        [{"stack": "e4s", "spec_count": 1}, {"stack": "root", "spec_count": 1}]
    ]


def test_variants_lose_the_mark_of_propagation_and_nothing_else() -> None:
    """`:=` is written `=`, but only between name and value; the order is kept."""
    variants = ["b:=2", "+a", "cflags=x:=y", "languages:='c,c++'"]

    rows = tables_of(site_page(specs=[make_spec(variants=variants, stacks=[])]))[SPEC_STACKS]

    assert rows["variants"].to_list() == [["b=2", "+a", "cflags=x:=y", "languages='c,c++'"]]


BAD_VALUES: dict[str, tuple[dict[str, Any], str]] = {
    "hash short": ({"hash": "a" * 31}, f"hash: expected 32 of a-z and 2-7, found '{'a' * 31}'"),
    "hash upper": ({"hash": "A" * 32}, f"hash: expected 32 of a-z and 2-7, found '{'A' * 32}'"),
    "hash line end": (
        {"hash": "a" * 32 + "\n"},
        f"hash: expected 32 of a-z and 2-7, found '{'a' * 32}\\n'",
    ),
    "no version": ({"versions": []}, "versions: expected just one, found a list of 0"),
    "versions": ({"versions": ["1", "2"]}, "versions: expected just one, found a list of 2"),
    "compiler bare": (
        {"compiler": "gcc"},
        "compiler: expected 'none' or NAME@VERSION, found 'gcc'",
    ),
    "compiler @": ({"compiler": "gcc@"}, "compiler: expected 'none' or NAME@VERSION, found 'gcc@'"),
    "compiler @=": (
        {"compiler": "gcc@="},
        "compiler: expected 'none' or NAME@VERSION, found 'gcc@='",
    ),
    "compiler two": (
        {"compiler": "gcc@1@2"},
        "compiler: expected 'none' or NAME@VERSION, found 'gcc@1@2'",
    ),
    "os": ({"os": "a b"}, "os: expected letters"),
    "os dots": ({"os": ".."}, "os: expected letters"),
    "platform": ({"platform": ""}, "platform: expected letters"),
    "target": ({"target": "x86/64"}, "target: expected letters"),
    "target escape": ({"target": "a\x1b[31m"}, "'a\\x1b[31m'"),
    "stack": ({"stacks": ["root", "-e4s"]}, "stacks: expected letters"),
    "size": ({"size": -1}, "size_bytes: expected no negative number, found -1"),
}


@pytest.mark.parametrize("case", BAD_VALUES)
def test_a_bad_value_rejects_only_its_spec(case: str) -> None:
    """The reject has code bad-value, what was expected and what was found."""
    change, words = BAD_VALUES[case]

    tables = tables_of(site_page(specs=[make_spec(1), make_spec(2) | change, make_spec(3)]))

    (reject,) = tables[REJECTS].to_dicts()
    assert (reject["code"], reject["item"], reject["line"]) == ("bad-value", 1, 6)
    assert reject["hash"] == change.get("hash", make_hash(2))
    assert words in reject["message"]
    assert tables[SPEC_STACKS]["hash"].unique().sort().to_list() == [make_hash(1), make_hash(3)]
    assert tables[PAGES].select("entry_count", "spec_count", "rejected_count").row(0) == (3, 2, 1)


def test_of_two_specs_with_one_hash_the_first_is_kept() -> None:
    """The second is a duplicate-spec; a rejected spec does not count as the first."""
    specs = [make_spec(1, os=""), make_spec(1, os="a"), make_spec(1, os="b")]

    tables = tables_of(site_page(specs=specs))

    assert tables[REJECTS].select("item", "code").rows() == [
        (0, "bad-value"),
        (2, "duplicate-spec"),
    ]
    assert tables[SPEC_STACKS]["os"].unique().to_list() == ["a"]


def test_of_two_pages_for_one_package_the_first_by_path_is_kept() -> None:
    """The second page is rejected: its only row in any table is its reject."""
    tables = tables_of(
        site_page(specs=[make_spec(1)]), site_page(specs=[make_spec(2), make_spec(3, os="")])
    )

    assert tables[SPEC_STACKS]["page"].unique().to_list() == ["0.md"]
    assert tables[PAGES]["page"].to_list() == ["0.md"]
    (reject,) = tables[REJECTS].to_dicts()
    assert reject == {
        "page": "1.md",
        "tag": "develop-2025-03-30",
        "package": "zlib",
        "item": None,
        "hash": None,
        "line": 1,
        "code": "duplicate-page",
        "message": "expected one page for zlib in develop-2025-03-30, found 0.md before it",
        "stack": None,
    }


def test_a_package_may_be_in_two_snapshots() -> None:
    """The same specs in two tags are not duplicates."""
    tables = tables_of(site_page(), site_page(tag="develop"))

    assert tables[REJECTS].is_empty()
    assert tables[PAGES]["tag"].to_list() == ["develop", "develop-2025-03-30"]


def test_a_bug_of_ours_raises() -> None:
    """A frame without a column, or with another type or a forbidden null, raises."""
    good = tables_of(site_page())[SPEC_STACKS]

    with pytest.raises(SchemaError, match="spec_stacks: columns missing: hash"):
        SPEC_STACKS.conform(good.drop("hash"))
    with pytest.raises(SchemaError, match=r"spec_stacks\.os: Int64, not String"):
        SPEC_STACKS.conform(good.with_columns(pl.lit(1, pl.Int64).alias("os")))
    with pytest.raises(SchemaError, match=r"spec_stacks\.os: null"):
        SPEC_STACKS.conform(good.with_columns(pl.lit(None, pl.String).alias("os")))


NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,12}", fullmatch=True).filter(
    # Values that YAML reads as something else than strings are excluded.
    lambda name: not name.replace(".", "").replace("_", "").replace("+", "").isdigit()
)
VERSIONS = st.from_regex(r"[0-9]{1,3}(\.[0-9]{1,3}){0,2}(-rc[0-9])?", fullmatch=True)
OLD_NAMES = {new: old for old, new in RENAMED_COMPILERS.items()}
PLAIN_COMPILERS = st.tuples(st.sampled_from(["gcc", "cce", "nvhpc", *OLD_NAMES]), VERSIONS)
VARIANT_NAMES = st.from_regex(r"[a-z_]{1,8}", fullmatch=True)
VARIANT_PARTS = st.one_of(
    st.tuples(st.just("+"), VARIANT_NAMES),
    st.tuples(st.just("~"), VARIANT_NAMES),
    st.tuples(VARIANT_NAMES, st.sampled_from(["=", ":="]), st.text("ab,.:'é\"\\ ", max_size=6)),
)
SPECS = st.fixed_dictionaries(
    {
        "compiler": st.none() | PLAIN_COMPILERS,
        "version": VERSIONS,
        "os": NAMES,
        "platform": NAMES,
        "target": NAMES,
        "variants": st.lists(VARIANT_PARTS, max_size=4),
        "stacks": st.lists(NAMES, unique=True, max_size=4),
        "size": st.none() | st.integers(0, 2**63 - 1),
    }
)


def written(number: int, spec: dict[str, Any], *, is_old: bool) -> dict[str, Any]:
    """Return a drawn spec in the dialect before Spack 1.0, or since."""
    compiler = "none"
    if spec["compiler"] is not None:
        name, version = spec["compiler"]
        compiler = f"{OLD_NAMES.get(name, name)}@={version}" if is_old else f"{name}@{version}"
    values = {
        "hash": make_hash(number),
        "compiler": compiler,
        "versions": [spec["version"]],
        "os": spec["os"],
        "platform": spec["platform"],
        "target": spec["target"],
        "variants": ["".join(parts) for parts in spec["variants"]],
        "stacks": spec["stacks"],
        "size": "-" if spec["size"] is None else spec["size"],
    }
    return values | ({"tarball": f"https://example.org/{number}"} if is_old else {})


@pytest.mark.slow
@given(
    st.lists(SPECS, max_size=4),
    st.booleans(),
    st.sampled_from(["site", "block", "flow"]),
    st.sampled_from(["zlib", "7zip", "r-c50", "py-a+b"]),
)
def test_a_page_gives_back_just_its_specs_and_stacks(
    specs: list[dict[str, Any]], is_old: bool, style: str, package: str
) -> None:
    """Any valid page in any dialect, written and flattened, has the same specs and stacks."""
    entries = [written(number, spec, is_old=is_old) for number, spec in enumerate(specs)]
    if style == "site":
        text = site_page(package, specs=entries)
    else:
        text = yaml_page(package, specs=entries, flow=style == "flow")

    tables = tables_of(text)

    expected = []
    for number, spec in enumerate(specs):
        name, version = spec["compiler"] or ("none", None)
        expected += [
            {
                "tag": "develop-2025-03-30",
                "package": package,
                "hash": make_hash(number),
                "stack": stack,
                "version": spec["version"],
                "compiler": name if version is None else f"{name}@{version}",
                "compiler_name": name,
                "compiler_version": version,
                "os": spec["os"],
                "platform": spec["platform"],
                "target": spec["target"],
                "variants": [
                    "".join(parts).replace(":=", "=", 1) if parts[1] == ":=" else "".join(parts)
                    for parts in spec["variants"]
                ],
                "size_bytes": spec["size"],
                "tarball": f"https://example.org/{number}" if is_old else None,
                "page": "0.md",
            }
            | NOT_OF_PAGES
            for stack in sorted(spec["stacks"]) or [None]
        ]
    assert tables[SPEC_STACKS].to_dicts() == expected
    assert tables[REJECTS].is_empty()
    assert tables[PAGES].select("entry_count", "spec_count", "spec_stack_count").row(0) == (
        len(specs),
        len(specs),
        len(expected),
    )
    for frame, table in (
        (tables[SPEC_STACKS], SPEC_STACKS),
        (tables[PAGES], PAGES),
        (tables[REJECTS], REJECTS),
    ):
        assert frame.schema == table.schema
