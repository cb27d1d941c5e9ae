"""Read the views and macros of sql/ in the order of creation.

The header of a file is its contract: a sentence, which becomes the comment in the database;
`Grain:`, the columns that identify a row; and `Reads:`, its dependencies, from which the order of
creation is computed. Views for users are in schema `main`, their helpers in schema `steps`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from pipeline.errors import OutputError

PACKAGE = Path(__file__).parent.parent
# Beside the package in a checkout, inside it in a wheel.
SQL_FOLDER = next(folder for folder in (PACKAGE / "sql", PACKAGE.parent / "sql") if folder.is_dir())
CHECKS = "checks"  # the folder of sql/ with queries whose rows are failures
STEPS = "steps"  # the schema of helpers
DEFINES = re.compile(
    r"^create or replace (?P<kind>view|macro) (?:(?P<schema>\w+)\.)?(?P<name>\w+)"
    r"(?:\([^)]*\) as(?P<table> table)?)?",
    re.MULTILINE,
)


@dataclass(frozen=True)
class View:
    """A view or macro as its file in sql/ defines it."""

    file: Path
    statement: str
    schema: str  # main or steps
    kind: str  # view, macro (scalar) or macro table
    sentence: str
    grain: tuple[str, ...]  # columns; none for a scalar macro
    notes: str  # the rest of the header
    reads: tuple[str, ...]

    @property
    def name(self) -> str:
        """Return the bare name, which is the file's stem and unique in both schemas."""
        return self.file.stem

    @property
    def path(self) -> str:
        """Return the name in SQL, qualified if not in the main schema."""
        return self.name if self.schema == "main" else f"{self.schema}.{self.name}"


def load_views() -> list[View]:
    """Read all views and macros of sql/, each after those that it reads.

    Raises
    ------
    OutputError
        A file does not define what its name says, reads an unknown name, or is part of a cycle.
    """
    views = {file.stem: parse_view(file) for file in view_files()}
    from pipeline.schemas import DATABASE_TABLES  # not needed by queries

    known = {*views, *(table.name for table in DATABASE_TABLES)}
    for view in views.values():
        for name in view.reads:
            if name not in known:
                raise OutputError(
                    f"{view.file}: 'Reads: {name}' is neither a table nor a file of sql/; "
                    "correct the header"
                )
    graph = {name: [read for read in views[name].reads if read in views] for name in sorted(views)}
    try:
        order = list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        cycle = error.args[1]
        raise OutputError(
            f"{views[cycle[0]].file}: part of a cycle: {' < '.join(cycle)}; "
            "correct the 'Reads:' headers"
        ) from error
    return [views[name] for name in order]


def view_files() -> list[Path]:
    """Return the files of sql/ that define views and macros, sorted by path."""
    return sorted(file for file in SQL_FOLDER.glob("*/*.sql") if file.parent.name != CHECKS)


def check_files() -> list[Path]:
    """Return the files of checks; the header of each says what its query proves without a row."""
    return sorted((SQL_FOLDER / CHECKS).glob("*.sql"))


def parse_view(file: Path) -> View:
    """Read one file of sql/.

    Raises
    ------
    OutputError
        It does not define what its name says.
    """
    statement = file.read_text(encoding="utf-8")
    defined = DEFINES.search(statement)
    if defined is None or defined["name"] != file.stem:
        raise OutputError(f"{file}: does not define {file.stem}; name the file for its view")
    sentence, *lines = header(statement)
    notes = " ".join(lines)
    return View(
        file=file,
        statement=statement,
        schema=defined["schema"] or "main",
        kind=defined["kind"] + (defined["table"] or ""),
        sentence=sentence,
        grain=names(entry(notes, r"Grain: one row per ")),
        notes=notes,
        reads=tuple(name for name in names(entry(notes, r"Reads: ")) if name != "nothing"),
    )


def header(statement: str) -> list[str]:
    """Return the comment lines that open a file of sql/, without their dashes."""
    lines = statement.splitlines()
    count = next(number for number, line in enumerate(lines) if not line.startswith("--"))
    return [line.removeprefix("--").strip() for line in lines[:count]]


def entry(notes: str, start: str) -> str:
    """Return the list in an entry of a header, up to the first full stop or semicolon.

    >>> entry("Grain: one row per tag; newest first. Reads: specs", "Grain: one row per ")
    'tag'
    """
    found = re.search(start + "([^.;]*?)(?:[.;]|$)", notes)
    return found[1] if found else ""


def names(text: str) -> tuple[str, ...]:
    """Split a list in prose.

    >>> names("tag, package and hash")
    ('tag', 'package', 'hash')
    """
    return tuple(re.split(r", | and ", text)) if text else ()


def without_definition(sql: str) -> str:
    r"""Return the select statement of a view's file, and any other query unchanged.

    >>> without_definition("-- What.\ncreate or replace view steps.cells as\nselect 1;")
    '-- What.\n\nselect 1;'
    """
    return re.sub(r"\A((?:\s|--[^\n]*\n)*)create or replace view [\w.]+ as\b", r"\1", sql)
