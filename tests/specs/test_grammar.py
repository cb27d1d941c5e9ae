"""Spack's grammar of abstract specs is parsed and printed; errors show the position."""

from __future__ import annotations

import hypothesis
import pytest
from hypothesis import strategies as st

from pipeline.errors import SpecSyntaxError
from pipeline.specs.grammar import Edge, Node, Variant, parse_spec
from pipeline.specs.versions import ExactVersion, VersionRange


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("zlib", Node("zlib")),
        ("builtin.mock.zlib", Node("zlib", "builtin.mock")),
        ("zlib@1.2", Node("zlib", versions=(VersionRange("1.2", "1.2"),))),
        ("zlib@=1.2", Node("zlib", versions=(ExactVersion("1.2"),))),
        (
            "zlib@1.2:1.4, :0.9 ,=2",
            Node(
                "zlib",
                versions=(VersionRange("1.2", "1.4"), VersionRange("", "0.9"), ExactVersion("2")),
            ),
        ),
        ("zlib@git.main=1.2", Node("zlib", versions=(ExactVersion("git.main=1.2"),))),
        ("a@1.2: target=zen2", Node("a", versions=(VersionRange("1.2", ""),), target="zen2")),
        ("a@1.2:target=zen2", Node("a", versions=(VersionRange("1.2", ""),), target="zen2")),
        (
            "foo-bar+x~y -z",
            Node(
                "foo-bar", variants=(Variant("x", True), Variant("y", False), Variant("z", False))
            ),
        ),
        ("a b=2,1", Node("a", variants=(Variant("b", ("1", "2")),))),
        ("a b:=1", Node("a", variants=(Variant("b", ("1",), True),))),
        ('a cflags="-O3 -g"', Node("a", flags=(("cflags", "-O3 -g"),))),
        ("a arch=linux-rhel8-zen2", Node("a", platform="linux", os="rhel8", target="zen2")),
        ("/abc", Node(hash="abc")),
        ("a ^b ^c", Node("a", dependencies=(Edge(Node("b"), False), Edge(Node("c"), False)))),
        # What follows `%` constrains that dependency, which is a direct one of the node before it.
        (
            "a %gcc +x",
            Node("a", dependencies=(Edge(Node("gcc", variants=(Variant("x", True),)), True),)),
        ),
        (
            "a %gcc %cmake",
            Node("a", dependencies=(Edge(Node("gcc"), True), Edge(Node("cmake"), True))),
        ),
        (
            "a ^b%gcc ^c",
            Node(
                "a",
                dependencies=(
                    Edge(Node("b", dependencies=(Edge(Node("gcc"), True),)), False),
                    Edge(Node("c"), False),
                ),
            ),
        ),
        (
            "a%c,cxx=gcc@12",
            Node(
                "a",
                dependencies=(
                    Edge(Node("gcc", versions=(VersionRange("12", "12"),)), True, ("c", "cxx")),
                ),
            ),
        ),
        (
            "a ^[virtuals=mpi deptypes=link,run] b",
            Node("a", dependencies=(Edge(Node("b"), False, ("mpi",), ("link", "run")),)),
        ),
        (
            "a ^[deptypes=link] mpi=b",
            Node("a", dependencies=(Edge(Node("b"), False, ("mpi",), ("link",)),)),
        ),
    ],
)
def test_a_spec_is_read(text: str, expected: Node) -> None:
    """Each part of the grammar has its place in the tree."""
    assert parse_spec(text) == expected
    assert parse_spec(str(expected)) == expected


@pytest.mark.parametrize(
    ("text", "problem", "place"),
    [
        ("", "expected a spec", 1),
        ("   ", "expected a spec", 1),
        ("zlib!", "unexpected '!'", 5),
        ("zlib @", "unexpected '@'", 6),
        ("zlib@1.4:1.2", "the range 1.4:1.2 is empty", 5),
        (f"zlib@{'1' * 5000}:2", "a version of more than 500 characters", 5),
        (f"zlib@git.x={'1' * 5000}", "a version of more than 500 characters", 5),
        ("zlib@1.2@1.3", "a second version", 9),
        ("zlib hdf5", "one spec at a time: 'hdf5' begins another", 6),
        ("zlib+x~x", "duplicate variant 'x'", 7),
        ("zlib os=a os=b", "a second os", 11),
        ("zlib/abc/def", "a second hash", 9),
        ("zlib/ABC1", "'/ABC1' is not a hash", 5),
        ("zlib ^", "expected a package or a property", 6),
        ("zlib ^ ^b", "expected a package or a property", 6),
        ("zlib %%gcc", "propagation of a dependency, '%%', is not supported by find", 6),
        ("zlib ++x", "propagation of '++x' to dependencies is not supported by find", 6),
        ("zlib ~~x", "propagation of '~~x' to dependencies is not supported by find", 6),
        ("zlib x==1", "propagation of 'x==1' to dependencies is not supported by find", 6),
        ("zlib cflags=='-g'", "propagation of", 6),
        ("zlib os=fe", "'fe', what this machine has by default, is not supported by find", 6),
        ("zlib target=backend", "'backend', what this machine", 6),
        ("zlib arch=linux-x86_64", "expected PLATFORM-OS-TARGET", 6),
        ("./spec.json", "a spec from a file, './spec.json', is not supported by find", 1),
        ("zlib ^/tmp/spec.yaml", "a spec from a file", 7),
        ("a ^[when=+x] b", "a condition of a dependency, when=, is not supported by find", 5),
        ("a ^[color=red] b", "a dependency has no attribute 'color'", 5),
        ("a ^[virtuals=mpi b", "expected virtuals=…, deptypes=… or ']'", 17),
    ],
)
def test_an_error_shows_its_place(text: str, problem: str, place: int) -> None:
    """The message has the problem and the position, and points at it."""
    with pytest.raises(SpecSyntaxError) as caught:
        parse_spec(text)

    first, line, pointer = str(caught.value).split("\n")
    assert problem in first
    assert first.endswith(f", at character {place}:")
    assert line == f"  {text}"
    assert pointer == " " * (place + 1) + "^"


identifiers = st.from_regex(r"[a-z][a-z0-9_-]{0,6}", fullmatch=True).filter(
    lambda name: not name.endswith("-")
)
# Neither a reserved key nor a boolean.
variant_names = identifiers.filter(
    lambda name: name not in ("os", "target", "platform", "arch", "namespace")
)
values = st.from_regex(r"[A-Za-z0-9_.+-]{1,6}", fullmatch=True).filter(
    lambda value: value.lower() not in ("true", "false")
)
versions = st.from_regex(r"[0-9]{1,2}(\.[0-9]{1,2}|-rc[0-9]|[a-z]){0,3}", fullmatch=True)
elements = st.one_of(
    st.builds(lambda version: VersionRange(version, version), versions),
    st.builds(VersionRange, versions, st.just("")),
    st.builds(VersionRange, st.just(""), versions),
    st.builds(VersionRange, versions, versions).filter(lambda found: not found.is_empty),
    st.builds(ExactVersion, versions),
    st.just(VersionRange("", "")),
)
variants = st.one_of(
    st.builds(Variant, variant_names, st.booleans()),
    st.builds(
        Variant,
        variant_names,
        st.lists(values, min_size=1, max_size=3, unique=True).map(lambda v: tuple(sorted(v))),
        st.booleans(),
    ),
)


def nodes(edges: st.SearchStrategy[tuple[Edge, ...]]) -> st.SearchStrategy[Node]:
    """Return a strategy for abstract specs with such dependencies."""
    return st.builds(
        Node,
        name=identifiers,
        namespace=st.none() | identifiers,
        versions=st.lists(elements, max_size=3).map(tuple),
        variants=st.lists(variants, max_size=3, unique_by=lambda v: v.name).map(tuple),
        flags=st.lists(
            st.tuples(st.sampled_from(["cflags", "ldflags"]), st.sampled_from(["-O3", "-g -O2"])),
            max_size=2,
            unique_by=lambda pair: pair[0],
        ).map(tuple),
        platform=st.none() | st.sampled_from(["linux", "darwin"]),
        os=st.none() | st.sampled_from(["rhel8", "ubuntu22.04"]),
        target=st.none() | st.sampled_from(["zen4", "x86_64:x86_64_v3", ":zen2,aarch64"]),
        hash=st.none() | st.from_regex(r"[a-z2-7]{1,32}", fullmatch=True),
        dependencies=edges,
    )


def edges_to(children: st.SearchStrategy[Node], *, is_direct: bool) -> st.SearchStrategy[Edge]:
    """Return a strategy for dependencies on such specs."""
    return st.builds(
        Edge,
        children,
        st.just(is_direct),
        st.lists(identifiers, max_size=2).map(tuple),
        st.lists(st.sampled_from(["build", "link", "run"]), max_size=2).map(tuple),
    )


leaves = nodes(st.just(()))
with_direct = nodes(st.lists(edges_to(leaves, is_direct=True), max_size=2).map(tuple))
whole = nodes(
    st.tuples(
        st.lists(edges_to(leaves, is_direct=True), max_size=2),
        st.lists(edges_to(with_direct, is_direct=False), max_size=2),
    ).map(lambda parts: (*parts[0], *parts[1]))
)


@pytest.mark.slow
@hypothesis.given(whole)
def test_what_is_printed_is_read_again(spec: Node) -> None:
    """Any abstract spec, printed and parsed, is the same."""
    assert parse_spec(str(spec)) == spec


@pytest.mark.slow
@hypothesis.given(st.text(alphabet="abz019@:=,.+~-%^/[] '\"*_", max_size=30))
def test_any_text_is_read_or_refused(text: str) -> None:
    """Any text is parsed or raises the one error, and what is parsed survives printing."""
    try:
        spec = parse_spec(text)
    except SpecSyntaxError:
        return
    assert parse_spec(str(spec)) == spec
