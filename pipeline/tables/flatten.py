"""Flatten decoded pages into tables: check values, canonicalise names, one row per spec and stack.

Pure functions on frames; no files.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

import polars as pl

from pipeline.names import A_NAME, HASH, NAME
from pipeline.schemas import (
    DEPENDENCIES,
    PAGES,
    REJECTS,
    SNAPSHOT_TABLES,
    SPEC_COMPILERS,
    SPEC_STACKS,
    Table,
)
from pipeline.sources.decoded import DECLARED_LISTS, Decoded
from pipeline.sources.rejects import MAX_REJECTS, Reject, RejectCode, more_message, shown
from pipeline.specs.compilers import RENAMED_COMPILERS

NO_COMPILER = "none"
NAMED = ("os", "platform", "target")  # columns of a spec with names
HASH_PATTERN = rf"^{HASH}$"
NAME_PATTERN = rf"^{NAME}$"
COMPILER = re.compile(rf"(?P<name>{NAME})@=?(?P<version>[A-Za-z0-9][A-Za-z0-9._+=-]{{0,249}})")
# A reject other than that of a whole index.
NO_STACK = pl.lit(None, pl.String).alias("stack")
# Limits far beyond the public cache; without them, one page could exhaust memory later.
MAX_VERSION_BYTES = 250
MAX_TEXT_BYTES = 10_000  # of a variant or URL; a long list of patches takes a few thousand
MAX_PAGE_STACKS = 1_000  # overlap is computed for each pair of stacks


# The tables of some pages and indexes, with `tag` as a column.
Tables = dict[Table, pl.DataFrame]


@dataclass(frozen=True)
class Check:
    """A reason to reject a spec: the column, when its value is bad, and what is expected."""

    column: str
    is_bad: pl.Expr
    expected: str

    def message(self) -> pl.Expr:
        """Return the message of a reject; slow, so evaluate it only for bad rows."""
        found = pl.col(self.column).map_elements(
            lambda value: shown(value if isinstance(value, str | int) else list(value)),
            return_dtype=pl.String,
        )
        return pl.format(f"{self.column}: expected {self.expected}, found {{}}", found)


def flatten_pages(decoded: Decoded) -> Tables:
    """Return the tables of decoded pages, conforming to their schemas and sorted by key."""
    heads = (
        decoded.pages.select("page_number", "tag", "package", "page")
        .sort("tag", "package")
        .with_row_index("place")
    )
    compilers = read_compilers(
        pl.concat([decoded.specs["compiler"], decoded.pages["compilers"].explode()])
    )
    good, bad = set_bad_specs_aside(decoded.specs, compilers)
    specs = (
        good.rename({"compiler": "written"})
        .join(compilers, on="written", how="left", maintain_order="left")
        .join(heads, on="page_number", how="left", maintain_order="left")
        .with_columns(
            pl.col("versions").list.first().alias("version"),
            canonical_variants(good["variants"]),
            sorted_lists(good["stacks"]),
        )
    )
    counts = specs.group_by("page_number").agg(
        pl.len().cast(pl.Int64).alias("spec_count"),
        # A spec in no stack keeps one row.
        pl.col("stacks").list.len().clip(1).sum().cast(pl.Int64).alias("spec_stack_count"),
    )
    pages = (
        decoded.pages.join(counts, on="page_number", how="left", maintain_order="left")
        .with_columns(pl.col("spec_count", "spec_stack_count").fill_null(0))
        .with_columns(
            (pl.col("entry_count") - pl.col("spec_count")).alias("rejected_count"),
            pl.col("compilers").list.eval(
                pl.element().replace(compilers["written"], compilers["compiler"])
            ),
        )
        .rename({name: f"declared_{name}" for name in DECLARED_LISTS})
        .rename(
            {
                "num_specs": "declared_spec_count",
                "num_specs_by_stack": "declared_stack_counts",
            }
        )
    )
    rejects = rejects_to_frame(decoded.rejects)
    if not bad.is_empty():
        listed = bound_rejects(bad).with_columns(NO_STACK)
        refused = REJECTS.conform(listed.join(heads, on="page_number", how="left"))
        rejects = pl.concat([rejects, refused])
    return {
        # Sort and drop columns before explode multiplies the rows.
        SPEC_STACKS: SPEC_STACKS.conform(
            specs.rename({"stacks": "stack"})
            # `place` ranks tag and package, and is one integer to compare.
            .sort("place", "hash")
            .select(SPEC_STACKS.schema.names())
            .explode("stack", empty_as_null=True)
            .pipe(add_stack_sizes, decoded.sizes)
        ),
        PAGES: PAGES.conform(pages).sort("tag", "package", "page"),
        REJECTS: rejects.sort("page", "item"),
        DEPENDENCIES: flatten_dependencies(decoded.dependencies, bad),
        SPEC_COMPILERS: flatten_compilers(decoded.compilers, bad),
    }


def add_stack_sizes(rows: pl.DataFrame, sizes: pl.DataFrame) -> pl.DataFrame:
    """Return rows of specs and stacks with the size of the stack's own binary."""
    if sizes.is_empty():  # as of all pages
        return rows
    key = ("tag", "hash", "stack")
    return rows.drop("size_bytes").join(
        # A mirror in both layouts has it twice.
        sizes.unique(key, keep="first"),
        on=key,
        how="left",
        nulls_equal=True,
        maintain_order="left",
    )


def flatten_dependencies(dependencies: pl.DataFrame, bad: pl.DataFrame) -> pl.DataFrame:
    """Return table dependencies without the rows of rejected specs."""
    if dependencies.is_empty():  # as of all pages
        return DEPENDENCIES.empty
    return DEPENDENCIES.conform(without_specs(dependencies, bad))


def flatten_compilers(compilers: pl.DataFrame, bad: pl.DataFrame) -> pl.DataFrame:
    """Return table spec_compilers in Spack 1.0's form, without the rows of rejected specs."""
    if compilers.is_empty():  # as of all pages
        return SPEC_COMPILERS.empty
    named = without_specs(compilers, bad).rename({"compiler": "written"})
    return SPEC_COMPILERS.conform(
        named.join(read_compilers(compilers["compiler"]), on="written", maintain_order="left")
    )


def without_specs(frame: pl.DataFrame, bad: pl.DataFrame) -> pl.DataFrame:
    """Return `frame` without the rows of rejected specs."""
    return frame.join(bad, on="hash", how="anti", maintain_order="left")


def read_compilers(written: pl.Series) -> pl.DataFrame:
    """Return each valid compiler once, as written and in Spack 1.0's form.

    Columns: written, compiler, compiler_name, compiler_version (null for `none`).
    """
    names = written.unique().drop_nulls().to_list()
    rows = [(name, *parts) for name in names if (parts := read_compiler(name))]
    columns = ("written", "compiler", "compiler_name", "compiler_version")
    return pl.DataFrame(rows, dict.fromkeys(columns, pl.String), orient="row")


def read_compiler(written: str) -> tuple[str, str, str | None] | None:
    """Return a compiler in Spack 1.0's form, its name and its version; None if it is invalid.

    >>> read_compiler("oneapi@=2024.2.1")
    ('intel-oneapi-compilers@2024.2.1', 'intel-oneapi-compilers', '2024.2.1')
    >>> read_compiler("none")
    ('none', 'none', None)
    """
    if written == NO_COMPILER:
        return NO_COMPILER, NO_COMPILER, None
    parts = COMPILER.fullmatch(written)
    if parts is None:
        return None
    name = RENAMED_COMPILERS.get(parts["name"], parts["name"])
    return f"{name}@{parts['version']}", name, parts["version"]


def set_bad_specs_aside(
    specs: pl.DataFrame, compilers: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Split specs into accepted and rejected ones; the latter get columns code and message.

    Of several valid specs with the same page and hash, the first is accepted.
    """
    checks = value_checks(specs, compilers)
    is_bad = specs.select(pl.any_horizontal(check.is_bad for check in checks)).to_series()
    # A filter copies the frame, and there is nearly always nothing to remove.
    good = specs.filter(~is_bad) if is_bad.any() else specs
    is_first = good.select(
        pl.struct("page_number", "hash").is_first_distinct().alias("is_first")
    ).to_series()
    if good is specs and is_first.all():
        nothing = pl.lit(None, pl.String)
        return specs, specs.clear().with_columns(code=nothing, message=nothing)
    bad = specs.filter(is_bad).with_columns(
        pl.lit(RejectCode.BAD_VALUE).alias("code"),
        pl.coalesce(pl.when(check.is_bad).then(check.message()) for check in checks).alias(
            "message"
        ),
    )
    again = good.filter(~is_first).with_columns(
        pl.lit(RejectCode.DUPLICATE_SPEC).alias("code"),
        pl.format("hash: expected once in a page, found {} again", "hash").alias("message"),
    )
    return good.filter(is_first), pl.concat([bad, again])


def bound_rejects(refused: pl.DataFrame) -> pl.DataFrame:
    """Keep the first thousand rejected specs of a page, and one row that counts the rest."""
    if len(refused) <= MAX_REJECTS:
        return refused
    ranked = refused.sort("page_number", "item").with_columns(
        pl.int_range(pl.len()).over("page_number").alias("rank"),
        (pl.len().over("page_number") - MAX_REJECTS).alias("more_count"),
    )
    is_last = pl.col("rank") == MAX_REJECTS
    message = pl.col("more_count").map_elements(more_message, return_dtype=pl.String)
    return ranked.filter(pl.col("rank") <= MAX_REJECTS).with_columns(
        pl.when(is_last).then(message).otherwise("message").alias("message")
    )


def value_checks(specs: pl.DataFrame, compilers: pl.DataFrame) -> list[Check]:
    """Return the reasons to reject a spec; the first that applies is reported.

    All columns except `hash` have few distinct values: each is checked once, not once per spec.
    """
    stacks = specs["stacks"].explode().unique()
    names = pl.concat([*(specs[column] for column in NAMED), stacks]).unique()
    bad_names = names.filter(~names.str.contains(NAME_PATTERN))
    return [
        Check("hash", ~pl.col("hash").str.contains(HASH_PATTERN), "32 of a-z and 2-7"),
        Check("versions", pl.col("versions").list.len() != 1, "just one"),
        *length_checks(specs),
        Check(
            "compiler",
            ~pl.col("compiler").is_in(compilers["written"].implode()),
            "'none' or NAME@VERSION",
        ),
        *(Check(column, pl.col(column).is_in(bad_names.implode()), A_NAME) for column in NAMED),
        Check("stacks", has_any("stacks", bad_names), A_NAME),
        Check(
            "stacks",
            pl.col("page_number").is_in(crowded_pages(specs, len(stacks))),
            f"at most {MAX_PAGE_STACKS} in a page",
        ),
        Check("size_bytes", pl.col("size_bytes").lt(0).fill_null(False), "no negative number"),
    ]


def length_checks(specs: pl.DataFrame) -> Iterator[Check]:
    """Yield the checks of texts that are limited only in length.

    Usually the longest text of all is within the limit, and there is no check.
    """
    bounds = {
        "versions": MAX_VERSION_BYTES,
        "variants": MAX_TEXT_BYTES,
        "tarball": MAX_TEXT_BYTES,
    }
    for column, bound in bounds.items():
        texts = specs[column]
        is_list = texts.dtype == pl.List
        lengths = (texts.explode(empty_as_null=False) if is_list else texts).str.len_bytes()
        longest = lengths.max()
        if isinstance(longest, int) and longest > bound:
            length = pl.element().str.len_bytes().max()
            of_spec = (
                pl.col(column).list.eval(length).list.first()
                if is_list
                else pl.col(column).str.len_bytes()
            )
            yield Check(column, (of_spec > bound).fill_null(False), f"at most {bound} bytes")


def crowded_pages(specs: pl.DataFrame, stack_count: int) -> list[int]:
    """Return the numbers of pages that name too many stacks, of `stack_count` in all pages."""
    if stack_count <= MAX_PAGE_STACKS:
        return []
    counts = (
        specs.select("page_number", pl.col("stacks").alias("stack"))
        .explode("stack", empty_as_null=False)
        .group_by("page_number")
        .agg(pl.col("stack").n_unique())
    )
    return counts.filter(pl.col("stack") > MAX_PAGE_STACKS)["page_number"].to_list()


def has_any(column: str, values: pl.Series) -> pl.Expr:
    """Return whether a list has any of `values`, of which there are nearly always none."""
    if values.is_empty():
        return pl.lit(False)
    return pl.col(column).list.eval(pl.element().is_in(values.implode())).list.any()


def canonical_variants(variants: pl.Series) -> pl.Series:
    """Write `:=` (Spack 1.0: the value propagates to dependencies) as `=`.

    There are few distinct variants; each is rewritten once.
    """
    written = variants.explode().unique().drop_nulls()
    written = written.filter(written.str.contains("^[^=]*:="))
    if written.is_empty():
        return variants
    return variants.list.eval(pl.element().replace(written, written.str.replace(":=", "=")))


def sorted_lists(lists: pl.Series) -> pl.Series:
    """Sort each list and drop duplicates; check first, since nearly all are sorted."""
    values = (
        lists.alias("value").to_frame().with_row_index("list").explode("value", empty_as_null=True)
    )
    before = values.shift(1)
    is_in_order = (values["list"] != before["list"]) | (values["value"] > before["value"])
    return lists if is_in_order.all() else lists.list.unique().list.sort()


def rejects_to_frame(rejects: Sequence[Reject]) -> pl.DataFrame:
    """Return rejects as rows of table rejects."""
    return pl.DataFrame([asdict(reject) for reject in rejects], schema=REJECTS.schema)


def combine_tables(parts: Sequence[Tables]) -> Tables:
    """Combine tables into one set; of several pages for one tag and package, keep the first."""
    if len(parts) == 1 and parts[0][PAGES].select("tag", "package").is_unique().all():
        return parts[0]
    combined = {table: pl.concat(part[table] for part in parts) for table in SNAPSHOT_TABLES}
    return sort_tables(reject_duplicate_pages(combined))


def reject_duplicate_pages(tables: Tables) -> Tables:
    """Reject each page whose tag and package an earlier page, by path, has.

    An index counts as one page per package, so rows are identified by page and package.
    """
    page = ("page", "package")
    # An absolute path is of a page in a later source whose name was taken: it comes last.
    pages = tables[PAGES].sort(pl.col("page").str.starts_with("/"), "page")
    is_first = pages.select(
        pl.struct("tag", "package").is_first_distinct().alias("is_first")
    ).to_series()
    again = pages.filter(~is_first)
    if again.is_empty():
        return tables
    kept = pages.filter(is_first).select("tag", "package", pl.col("page").alias("kept"))
    refused = again.join(kept, on=("tag", "package"), how="left").with_columns(
        pl.lit(None, pl.Int64).alias("item"),
        pl.lit(None, pl.String).alias("hash"),
        pl.lit(1, pl.Int64).alias("line"),
        pl.lit(RejectCode.DUPLICATE_PAGE).alias("code"),
        NO_STACK,
        pl.format(
            "expected one page for {} in {}, found {} before it", "package", "tag", "kept"
        ).alias("message"),
    )
    return tables | {
        SPEC_STACKS: tables[SPEC_STACKS].join(again, on=page, how="anti"),
        PAGES: pages.filter(is_first),
        REJECTS: pl.concat(
            [tables[REJECTS].join(again, on=page, how="anti"), REJECTS.conform(refused)]
        ),
    }


def sort_tables(tables: Tables) -> Tables:
    """Sort tables by key; if several indexes have the same row, keep the first."""
    return {
        table: frame.unique(table.key, keep="first", maintain_order=True)
        if table in (DEPENDENCIES, SPEC_COMPILERS)
        else frame.sort(table.key)
        for table, frame in tables.items()
    }
