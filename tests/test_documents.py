"""The documents are current: the dictionary, and every query in the cookbook runs."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from pipeline.errors import SchemaError
from pipeline.schemas import DATABASE_TABLES
from pipeline.warehouse.columns import VIEW_COLUMNS
from pipeline.warehouse.database import create_empty, create_views, open_warehouse, run_query
from pipeline.warehouse.dictionary import write_dictionary

ROOT = Path(__file__).parent.parent
DICTIONARY = (ROOT / "DICTIONARY.md").read_text()
MIRROR_TAG = "develop-2024-10-20"
COOKBOOK = (ROOT / "COOKBOOK.md").read_text()
RECIPES = re.findall(r"^## (.*?)\n.*?```sql\n(.*?)```", COOKBOOK, re.MULTILINE | re.DOTALL)
# The sample has no holes in root, and no rejects.
WITHOUT_ROWS = {"What is in a stack but missing from root?", "Which pages could not be trusted?"}


def test_the_dictionary_is_current(sample: Path) -> None:
    """DICTIONARY.md is generated from the database; `make dictionary` updates it."""
    with open_warehouse(sample) as connection:
        assert write_dictionary(connection) == DICTIONARY


def test_every_column_is_described_in_the_database(sample: Path) -> None:
    """Explorers show a description for each column of a table or view."""
    query = "select table_name, column_name from duckdb_columns() where comment is null"
    with open_warehouse(sample) as connection:
        assert run_query(connection, f"{query} and not internal").values == []


def test_no_description_is_left_over() -> None:
    """Every description declared for views is of a column that some view or macro has."""
    assert [name for name in VIEW_COLUMNS if f"| `{name}` |" not in DICTIONARY] == []


def test_a_column_without_a_description_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A view's column without a description is an error of the build."""
    monkeypatch.delitem(VIEW_COLUMNS, "snapshot_date")

    with duckdb.connect() as connection:
        for table in DATABASE_TABLES:
            create_empty(connection, table)
        with pytest.raises(SchemaError, match="snapshot_date"):
            create_views(connection)


def test_every_question_of_the_cookbook_has_its_query() -> None:
    """Each section has a query."""
    assert len(RECIPES) == COOKBOOK.count("\n## ")


@pytest.mark.parametrize(("question", "query"), RECIPES, ids=[name for name, _ in RECIPES])
def test_a_recipe_runs(sample: Path, mirror_sample: Path, question: str, query: str) -> None:
    """Each query has rows on its sample, except those that look for faults."""
    with open_warehouse(mirror_sample if MIRROR_TAG in query else sample) as connection:
        rows = run_query(connection, query).values

    assert bool(rows) is (question not in WITHOUT_ROWS)


def test_the_stack_to_add_is_the_one_that_adds(sample: Path) -> None:
    """The recipe counts exactly the packages of the other stack that `e4s` lacks."""
    by_hand = """
        select stack, count(distinct package) filter (
            where package not in (
                select package from steps.stack_specs
                where tag = 'develop-2025-03-30' and stack = 'e4s'
            )
        )
        from steps.stack_specs where tag = 'develop-2025-03-30' and stack <> 'e4s' group by stack
    """
    with open_warehouse(sample) as connection:
        recipe = run_query(connection, dict(RECIPES)["Which stack adds most to the one I use?"])
        expected = dict(run_query(connection, by_hand).values)

    assert {stack: added for stack, _, _, added in recipe.values} == expected


@pytest.mark.slow
def test_the_steps_of_a_private_mirror(tmp_path: Path) -> None:
    """They read a mirror beside the public cache, and the command finds what it lacks."""
    page = (ROOT / "docs/private-mirror.md").read_text()
    steps, question, _ = re.findall(r"```sh\n(.*?)```", page, re.DOTALL)
    cache = ROOT / "tests/mirror/develop-2024-10-20"
    shutil.copytree(cache, tmp_path / "cache" / "develop")
    script = re.sub(r"cache-coverage fetch.*\n", "", steps).replace(
        "/mirror/spack", str(cache / "e4s-oneapi")
    )
    script = f"{{ {script} }} > log\n{question.strip()} --format csv"
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"

    result = subprocess.run(
        ["bash", "-euc", script],
        cwd=tmp_path,
        env=os.environ | {"PATH": path},
        capture_output=True,
        check=True,
        text=True,
    )

    lines = result.stdout.splitlines()
    assert [line.split(",")[0] for line in lines] == ["package", "antlr"]
