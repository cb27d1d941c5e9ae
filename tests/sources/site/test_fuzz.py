"""Any bytes: no traceback, no row that is not in the page, and all readers agree."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.fuzz.oracle import check_page
from tests.fuzz.seeds import SEEDS, TOKENS
from tests.sources.site.test_bad_pages import ACCEPTED, LAUGHING, SPEC, WHOLE, spec_page

CORPUS = sorted((Path(__file__).parents[2] / "fuzz" / "corpus").iterdir())

EDITS = st.lists(
    st.tuples(
        st.floats(0, 1, exclude_max=True),
        st.sampled_from([0, 0, 1, 2, 5, 40]),
        st.sampled_from(TOKENS) | st.binary(max_size=4),
    ),
    max_size=6,
)


def edited(seed: bytes, edits: list[tuple[float, int, bytes]]) -> bytes:
    """Cut bytes out of a page and insert others."""
    for place, length, text in edits:
        start = int(place * len(seed))
        seed = seed[:start] + text + seed[start + length :]
    return seed


@pytest.mark.parametrize("seed", SEEDS)
def test_the_seed_pages_pass(seed: bytes) -> None:
    """The readers agree on the seeds of fuzzing."""
    check_page(seed)


@pytest.mark.slow
# The same examples in every run; `make fuzz` finds others.
@settings(max_examples=300, derandomize=True)
@given(st.sampled_from(SEEDS), EDITS)
@example(b"", [])
def test_pages_with_faults_put_in(seed: bytes, edits: list[tuple[float, int, bytes]]) -> None:
    """All readers read a randomly edited page the same way, or reject it."""
    check_page(edited(seed, edits))


@settings(derandomize=True)
@given(st.binary(max_size=300))
def test_bytes_that_are_not_a_page_are_rejected(data: bytes) -> None:
    """Random bytes are rejected with a reason."""
    check_page(data)


@pytest.mark.parametrize("file", CORPUS, ids=lambda file: file.name)
def test_what_fuzzing_once_found(file: Path) -> None:
    """Inputs that were once misread are read correctly."""
    check_page(file.read_bytes())


@pytest.mark.parametrize(
    "text",
    [
        *ACCEPTED.values(),
        *(text for text, *_ in WHOLE.values()),
        *map(spec_page, SPEC),
        *LAUGHING.values(),
    ],
)
def test_every_bad_page_passes(text: str | bytes) -> None:
    """The readers agree on each page of the table of faults."""
    check_page(text if isinstance(text, bytes) else text.encode())
