"""Expand lists of specs: definitions, references and matrices.

The order and repeats are those of Spack (lib/spack/spack/environment/list.py): a definition may
refer to those above it, several of one name are one list, and a matrix varies its last row first.
Everything is counted before it is expanded.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from pipeline.errors import SpecSyntaxError
from pipeline.sources.rejects import PageError, RejectCode, shown
from pipeline.sources.stacks.conditions import ConditionError, Machine, evaluate
from pipeline.sources.stacks.document import Entries, Items, Text, Value
from pipeline.sources.stacks.scopes import Place, Scopes, is_null, wrong_type
from pipeline.specs.constrain import ContradictionError, constrain, implies
from pipeline.specs.grammar import Node, parse_spec

MAX_COMBINATIONS = 10_000  # of a file; the largest public stack has 275 roots
MAX_STEPS = 10 * MAX_COMBINATIONS  # of expanding lists in lists, which may add up to few
MAX_REFERENCES = 50  # by way of each other
WHEN = "when"


@dataclass(frozen=True)
class Single:
    """One spec, or a part of one in a row of a matrix; `doubt` says why it may not apply."""

    text: str
    place: Place
    doubt: str | None = None

    size = 1
    steps = 1
    depth = 0

    def expand(self, sigil: str = "") -> Iterator[Combination]:
        """Yield it."""
        yield Combination((sigil + self.text,), self.place, self.doubt)


@dataclass(frozen=True)
class Splice:
    """A list in place of a reference to it, whose entries get its sigil: `$^name`."""

    items: Sequence[Item]
    sigil: str = ""
    doubt: str | None = None

    @cached_property
    def size(self) -> int:
        """Return the number of combinations; at least 1, since an empty list is walked, too."""
        return max(1, sum(item.size for item in self.items))

    @cached_property
    def steps(self) -> int:
        """Return the number of parts that its expansion makes."""
        return 1 + sum(item.steps for item in self.items)

    @cached_property
    def depth(self) -> int:
        """Return the depth of nested lists."""
        return 1 + max((item.depth for item in self.items), default=0)

    def expand(self, sigil: str = "") -> Iterator[Combination]:
        """Yield the entries."""
        for item in self.items:
            for combination in item.expand(sigil + self.sigil):
                yield combination.with_doubt(self.doubt)


@dataclass(frozen=True)
class Matrix:
    """The combinations of an entry of each row, except those that `excluded` specs match."""

    rows: Sequence[Splice]
    excluded: Sequence[Single]
    place: Place

    @cached_property
    def size(self) -> int:
        """Return the number of combinations before exclusion."""
        size = 1
        for row in self.rows:
            size *= row.size
        return size

    @cached_property
    def steps(self) -> int:
        """Return the number of parts that its expansion makes."""
        return self.size + sum(row.steps for row in self.rows)

    @cached_property
    def depth(self) -> int:
        """Return the depth of nested lists."""
        return 1 + max(row.depth for row in self.rows)

    def expand(self, sigil: str = "") -> Iterator[Combination]:
        """Yield the combinations; a sigil goes to the first part of each."""
        rows = [[entry.as_part() for entry in row.expand()] for row in self.rows]
        for combination in itertools.product(*rows):
            texts = tuple(part.texts[0] for part in combination)
            doubt = next((part.doubt for part in combination if part.doubt), None)
            whole = Combination(texts, combination[0].place, doubt)
            excluded, why = self.is_excluded(whole)
            if excluded:
                continue
            yield replace(whole, texts=(sigil + texts[0], *texts[1:])).with_doubt(why)

    def is_excluded(self, whole: Combination) -> tuple[bool, str | None]:
        """Return whether a combination is excluded, or why that is unknown."""
        if not self.excluded:
            return False, None
        try:
            node = whole.node()
            return any(implies(node, parse_spec(spec.text)) for spec in self.excluded), None
        except (SpecSyntaxError, ContradictionError) as error:
            return False, f"exclude can't be judged: {one_line(error)}"


Item = Single | Splice | Matrix


@dataclass(frozen=True)
class Combination:
    """A spec as its parts, with the place of the first."""

    texts: tuple[str, ...]
    place: Place
    doubt: str | None = None

    def node(self) -> Node:
        """Return the abstract spec.

        Raises
        ------
        SpecSyntaxError
            A part is not a spec, or uses unsupported syntax.
        ContradictionError
            The parts exclude each other.
        """
        first, *others = map(parse_spec, self.texts)
        for other in others:
            first = constrain(first, other)
        return first

    def text(self) -> str:
        """Return the spec as written, its parts joined where that means the same."""
        joined = " ".join(self.texts)
        if len(self.texts) == 1:
            return joined
        try:
            node = self.node()
            return joined if parse_spec(joined) == node else str(node)
        except (SpecSyntaxError, ContradictionError):
            return joined

    def with_doubt(self, doubt: str | None) -> Combination:
        """Return it with a doubt, unless it has one of its own."""
        return replace(self, doubt=doubt) if doubt and not self.doubt else self

    def as_part(self) -> Combination:
        """Return it as one part of an enclosing matrix, joined as Spack does."""
        return replace(self, texts=(" ".join(self.texts),))


def one_line(error: Exception) -> str:
    """Return the problem in an error message, without its quotation of the text."""
    return str(error).split("\n", 1)[0].removeprefix("spec: ").rstrip(":")


class Lists:
    """The named lists of an environment file, with which its specs are expanded."""

    def __init__(self, scopes: Scopes, machine: Machine) -> None:
        self.scopes = scopes
        self.named: dict[str, Splice] = {}
        # Those behind an alias are read once; while a value is kept, no other has its identity.
        self.matrices: dict[int, tuple[Entries, Matrix]] = {}
        by_name: dict[str, list[tuple[str, Items, str | None]]] = {}
        for file, entry in scopes.definitions:
            name, values, doubt = self.definition(file, entry, machine)
            by_name.setdefault(name, []).extend([(file, values, doubt)] if values else [])
        for name, parts in by_name.items():
            items: list[Item] = []
            for file, values, doubt in parts:
                own = Splice(list(self.items(file, values)), doubt=doubt)
                check_size(own, Place(file, values.line))
                items.append(own)
            self.named[name] = Splice(items)

    def definition(
        self, file: str, entry: Value, machine: Machine
    ) -> tuple[str, Items | None, str | None]:
        """Return a definition's name, its list if it applies, and why it may not apply."""
        if not isinstance(entry, Entries):
            raise wrong_type("definitions: expected a mapping", entry)
        names = [name for name in entry.values if name != WHEN]
        if len(names) != 1:
            raise PageError(
                RejectCode.BAD_VALUE,
                f"definitions: expected one name in an entry, found {len(names)}",
                entry.line,
            )
        (name,) = names
        values = entry.values[name]
        if is_null(values):
            return name, None, None
        if not isinstance(values, Items):
            raise wrong_type(f"definition {name}: expected a list", values)
        when = entry.values.get(WHEN)
        if when is None:
            return name, values, None
        if not isinstance(when, Text):
            raise wrong_type(f"definition {name}: when: expected text", when)
        place = Place(file, when.line)
        try:
            if evaluate(when.text, machine):
                return name, values, None
            self.scopes.notes.append(
                f"{place}: definition {name} left out: {when.text!r} is false here"
            )
            return name, None, None
        except ConditionError as error:
            self.scopes.notes.append(
                f"{place}: definition {name} may not be meant: {when.text!r}: {error}"
            )
            return name, values, f"{place}: when {when.text!r}: {error}"

    def items(self, file: str, values: Items) -> Iterator[Item]:
        """Yield the entries of a list of specs.

        Raises
        ------
        PageError
            One is of the wrong type, or refers to what is not defined.
        """
        for value in values.values:
            match value:
                case Text(is_null=True):
                    continue
                case Text(text=text) if text.startswith("$"):
                    yield self.reference(text, Place(file, value.line))
                case Text(text=text):
                    yield Single(text.strip(), Place(file, value.line))
                case Entries():
                    if id(value) not in self.matrices:
                        self.matrices[id(value)] = value, self.matrix(file, value)
                    yield self.matrices[id(value)][1]
                case Items():
                    raise wrong_type("specs: expected a spec or a matrix", value)

    def reference(self, text: str, place: Place) -> Item:
        """Return the list that `$name`, `$^name` or `$%name` refers to."""
        name = text[1:]
        sigil = name[:1] if name[:1] in ("^", "%") else ""
        name = name.removeprefix(sigil)
        known = self.named.get(name)
        if known is not None:
            return replace(known, sigil=sigil)
        if self.scopes.unread:
            return Single(
                text, place, f"no list {name}; {self.scopes.unread[0]}, not read, may define it"
            )
        raise PageError(
            RejectCode.BAD_VALUE,
            f"{text}: expected a list that is defined above, found none; a definition can't refer "
            "to itself or to one below it",
            place.line,
        )

    def matrix(self, file: str, value: Entries) -> Matrix:
        """Return a matrix."""
        unknown = sorted(value.values.keys() - {"matrix", "exclude"})
        if unknown:
            raise PageError(
                RejectCode.BAD_VALUE,
                f"expected a spec, or 'matrix' and 'exclude', found a mapping with "
                f"{shown(unknown[0])}; quote a spec that ends with a colon",
                value.lines[unknown[0]],
            )
        rows = value.values.get("matrix")
        if not isinstance(rows, Items) or not rows.values:
            raise PageError(RejectCode.MISSING_KEY, "matrix: expected a list of rows", value.line)
        for row in rows.values:
            if not isinstance(row, Items):
                raise wrong_type("matrix: expected a row, a list of specs", row)
        exclude = value.values.get("exclude", Items([], value.line))
        if not isinstance(exclude, Items):
            raise wrong_type("exclude: expected a list of specs", exclude)
        place = Place(file, value.line)
        matrix = Matrix(
            [Splice(list(self.items(file, row))) for row in rows.values if isinstance(row, Items)],
            [
                Single(combination.text(), combination.place)
                for combination in expand(list(self.items(file, exclude)), place)
            ],
            place,
        )
        check_size(matrix, place)
        return matrix


def expand(items: Sequence[Item], place: Place) -> Iterator[Combination]:
    """Yield the specs of the list at `place`.

    Raises
    ------
    PageError
        There are more than `MAX_COMBINATIONS`; none is expanded.
    """
    whole = Splice(items)
    check_size(whole, place)
    yield from whole.expand()


def check_size(item: Item, place: Place) -> None:
    """Refuse too many combinations, before any is made, and lists nested too deeply."""
    if item.size > MAX_COMBINATIONS:
        raise PageError(
            RejectCode.BAD_VALUE,
            f"expected at most {MAX_COMBINATIONS:,} combinations, found {item.size:,}",
            place.line,
        )
    if item.steps > MAX_STEPS:
        raise PageError(
            RejectCode.BAD_VALUE,
            f"expected at most {MAX_STEPS:,} steps to expand lists in lists, found {item.steps:,}",
            place.line,
        )
    if item.depth > MAX_REFERENCES:
        raise PageError(
            RejectCode.BAD_VALUE,
            f"expected at most {MAX_REFERENCES} lists in each other, found more",
            place.line,
        )
