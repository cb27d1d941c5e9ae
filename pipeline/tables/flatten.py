"""Decoded pages to tables: checks of values, canonical forms, one row per spec and stack.

Pure: frames in, frames out, no files.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, fields, replace

import polars as pl

from pipeline.names import A_NAME, HASH, NAME
from pipeline.schemas import DEPENDENCIES, PAGES, REJECTS, SPEC_COMPILERS, SPEC_STACKS
from pipeline.sources.decoded import DECLARED_LISTS, Decoded
from pipeline.sources.rejects import Reject, RejectCode, shown

NO_COMPILER = "none"
NAMED = ("os", "platform", "target")  # columns of a spec that are names
# Spack 1.0 made compilers packages; these are the ones whose name changed with it.
RENAMED_COMPILERS = {
    "arm": "acfl",
    "clang": "llvm",
    "intel": "intel-oneapi-compilers-classic",
    "oneapi": "intel-oneapi-compilers",
    "rocmcc": "llvm-amdgpu",
}
IS_HASH = rf"^{HASH}$"
IS_NAME = rf"^{NAME}$"
COMPILER = re.compile(rf"(?P<name>{NAME})@=?(?P<version>[A-Za-z0-9][A-Za-z0-9._+=-]*)")


@dataclass(frozen=True)
class Tables:
    """The tables that pages and indexes give, their tag still a column."""

    spec_stacks: pl.DataFrame
    pages: pl.DataFrame
    rejects: pl.DataFrame
    dependencies: pl.DataFrame = field(default_factory=lambda: DEPENDENCIES.empty)
    spec_compilers: pl.DataFrame = field(default_factory=lambda: SPEC_COMPILERS.empty)


@dataclass(frozen=True)
class Check:
    """A value that specs are refused for: where it is, when it is bad, what it should be."""

    column: str
    is_bad: pl.Expr
    expected: str

    def message(self) -> pl.Expr:
        """Say what was expected and what was found; for the few bad rows only, since slow."""
        found = pl.col(self.column).map_elements(
            lambda value: shown(value if isinstance(value, str | int) else list(value)),
            return_dtype=pl.String,
        )
        return pl.format(f"{self.column}: expected {self.expected}, found {{}}", found)


def flatten_pages(decoded: Decoded) -> Tables:
    """Give the tables of some pages, conforming to their schemas and sorted by their keys."""
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
        refused = REJECTS.conform(bad.join(heads, on="page_number", how="left"))
        rejects = pl.concat([rejects, refused])
    return Tables(
        # Sorted, and rid of columns that the schema lacks, before rows multiply.
        SPEC_STACKS.conform(
            specs.rename({"stacks": "stack"})
            # A page's place is that of its tag and package, and quicker to compare.
            .sort("place", "hash")
            .select(SPEC_STACKS.schema.names())
            .explode("stack", empty_as_null=True)
        ),
        PAGES.conform(pages).sort("tag", "package", "page"),
        rejects.sort("page", "item"),
        *tables_of_indexes(decoded, bad),
    )


def tables_of_indexes(decoded: Decoded, bad: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Yield tables dependencies and spec_compilers of specs that were taken, if there are any."""
    if decoded.dependencies.is_empty() and decoded.compilers.is_empty():
        return
    dependencies, compilers = (
        frame.join(bad, on="hash", how="anti", maintain_order="left")
        for frame in (decoded.dependencies, decoded.compilers)
    )
    yield DEPENDENCIES.conform(dependencies)
    yield SPEC_COMPILERS.conform(canonical_compilers(compilers))


def canonical_compilers(compilers: pl.DataFrame) -> pl.DataFrame:
    """Give specs' compilers in Spack 1.0's form."""
    return compilers.rename({"compiler": "written"}).join(
        read_compilers(compilers["compiler"]), on="written", maintain_order="left"
    )


def read_compilers(written: pl.Series) -> pl.DataFrame:
    """Give each valid compiler once: as written, and in Spack 1.0's form, whole and in parts.

    Columns: written, compiler, compiler_name, compiler_version (null for `none`).
    """
    names = written.unique().drop_nulls().to_list()
    rows = [(name, *parts) for name in names if (parts := read_compiler(name))]
    columns = ("written", "compiler", "compiler_name", "compiler_version")
    return pl.DataFrame(rows, dict.fromkeys(columns, pl.String), orient="row")


def read_compiler(written: str) -> tuple[str, str, str | None] | None:
    """Give a compiler in Spack 1.0's form, its name and its version; None where it is none.

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
    """Split specs into those whose values are right, and those refused.

    Of several good specs of a page with one hash the first is kept. The refused have the columns
    code and message besides their own.
    """
    checks = value_checks(specs, compilers)
    is_bad = specs.select(pl.any_horizontal(check.is_bad for check in checks)).to_series()
    # Where none is bad, nothing is copied.
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


def value_checks(specs: pl.DataFrame, compilers: pl.DataFrame) -> list[Check]:
    """Give what specs are refused for, in the order in which it is said.

    All but hashes take few values: each is looked at once, however many specs have it.
    """
    names = pl.concat([*(specs[column] for column in NAMED), specs["stacks"].explode()]).unique()
    bad_names = names.filter(~names.str.contains(IS_NAME))
    return [
        Check("hash", ~pl.col("hash").str.contains(IS_HASH), "32 of a-z and 2-7"),
        Check("versions", pl.col("versions").list.len() != 1, "just one"),
        Check(
            "compiler",
            ~pl.col("compiler").is_in(compilers["written"].implode()),
            "'none' or NAME@VERSION",
        ),
        *(Check(column, pl.col(column).is_in(bad_names.implode()), A_NAME) for column in NAMED),
        Check("stacks", has_any("stacks", bad_names), A_NAME),
        Check("size_bytes", pl.col("size_bytes").lt(0).fill_null(False), "no negative number"),
    ]


def has_any(column: str, values: pl.Series) -> pl.Expr:
    """Whether a list holds any of `values`, of which there are nearly always none."""
    if values.is_empty():
        return pl.lit(False)
    return pl.col(column).list.eval(pl.element().is_in(values.implode())).list.any()


def canonical_variants(variants: pl.Series) -> pl.Series:
    """Write the `:=` of newer pages, a value handed on to dependencies, as `=`.

    There are few different variants; each is looked at once.
    """
    written = variants.explode().unique().drop_nulls()
    written = written.filter(written.str.contains("^[^=]*:="))
    if written.is_empty():
        return variants
    return variants.list.eval(pl.element().replace(written, written.str.replace(":=", "=")))


def sorted_lists(lists: pl.Series) -> pl.Series:
    """Sort each list and rid it of repeats; nearly all are so already, and that is quickly seen."""
    values = (
        lists.alias("value").to_frame().with_row_index("list").explode("value", empty_as_null=True)
    )
    before = values.shift(1)
    is_in_order = (values["list"] != before["list"]) | (values["value"] > before["value"])
    return lists if is_in_order.all() else lists.list.unique().list.sort()


def rejects_to_frame(rejects: Sequence[Reject]) -> pl.DataFrame:
    """Give rejects as rows of their table."""
    return pl.DataFrame([asdict(reject) for reject in rejects], schema=REJECTS.schema)


def combine_tables(parts: Sequence[Tables]) -> Tables:
    """Put tables together into one set, of two pages for one tag and package the first kept."""
    if len(parts) == 1 and parts[0].pages.select("tag", "package").is_unique().all():
        return parts[0]
    return drop_duplicate_pages(
        Tables(*(pl.concat(frames) for frames in zip(*map(frames_of, parts), strict=True)))
    )


def frames_of(tables: Tables) -> tuple[pl.DataFrame, ...]:
    """Give the tables' frames, in their order."""
    return tuple(getattr(tables, column.name) for column in fields(Tables))


def drop_duplicate_pages(tables: Tables) -> Tables:
    """Refuse each page whose tag and package an earlier page has, by path; sort all by key.

    An index stands for a page of each package that it has, so only with its package is a page one.
    """
    page = ("page", "package")
    # One that goes by its whole path is of a further source, and comes last.
    pages = tables.pages.sort(pl.col("page").str.starts_with("/"), "page")
    is_first = pages.select(
        pl.struct("tag", "package").is_first_distinct().alias("is_first")
    ).to_series()
    again = pages.filter(~is_first)
    if again.is_empty():
        return sort_tables(replace(tables, pages=pages))
    kept = pages.filter(is_first).select("tag", "package", pl.col("page").alias("kept"))
    refused = again.join(kept, on=("tag", "package"), how="left").with_columns(
        pl.lit(None, pl.Int64).alias("item"),
        pl.lit(None, pl.String).alias("hash"),
        pl.lit(1, pl.Int64).alias("line"),
        pl.lit(RejectCode.DUPLICATE_PAGE).alias("code"),
        pl.format(
            "expected one page for {} in {}, found {} before it", "package", "tag", "kept"
        ).alias("message"),
    )
    return sort_tables(
        replace(
            tables,
            spec_stacks=tables.spec_stacks.join(again, on=page, how="anti"),
            pages=pages.filter(is_first),
            rejects=pl.concat(
                [tables.rejects.join(again, on=page, how="anti"), REJECTS.conform(refused)]
            ),
        )
    )


def sort_tables(tables: Tables) -> Tables:
    """Sort tables by their keys; what two indexes say of a spec alike is kept once, as it comes."""
    return Tables(
        tables.spec_stacks.sort(*SPEC_STACKS.key),
        tables.pages.sort(*PAGES.key),
        tables.rejects.sort(*REJECTS.key),
        *(
            frame.unique(table.key, keep="first", maintain_order=True)
            for frame, table in (
                (tables.dependencies, DEPENDENCIES),
                (tables.spec_compilers, SPEC_COMPILERS),
            )
        ),
    )
