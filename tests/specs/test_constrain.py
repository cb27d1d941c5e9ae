"""Abstract specs combined, and which of them imply others."""

from __future__ import annotations

import pytest

from pipeline.specs.constrain import ContradictionError, constrain, implies
from pipeline.specs.grammar import parse_spec


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        ("hdf5", "+mpi", "hdf5 +mpi"),
        ("hdf5@1:", "@:1.14", "hdf5@1:1.14"),
        ("hdf5@1.14", "@1.14.3", "hdf5@1.14.3"),
        ("hdf5@1.14", "@=1.14.3", "hdf5@=1.14.3"),
        ("hdf5@1,2", "@2:", "hdf5@2"),
        ("hdf5 +mpi", "+mpi ~hl", "hdf5 +mpi ~hl"),
        ("a x=1", "x=2", "a x=1,2"),
        ("a x:=1", "x=1", "a x:=1"),
        ("a cflags=-O2", "cflags=-g", "a cflags=-O2 cflags=-g"),
        ("a os=ubuntu22.04", "target=zen3", "a os=ubuntu22.04 target=zen3"),
        ("a target=x86_64:", "target=zen3", "a target=zen3"),
        ("a /abc", "/abcd", "a /abcd"),
        ("a ^b@1:", "^b@:2 +x ^c", "a ^b@1:2 +x ^c"),
        ("a ^b", "%gcc", "a %gcc ^b"),
        ("a ^[virtuals=mpi] b", "^b", "a ^[virtuals=mpi] b ^b"),
    ],
)
def test_two_specs_are_combined(one: str, other: str, both: str) -> None:
    """The combination asks for all that both ask for."""
    assert str(constrain(parse_spec(one), parse_spec(other))) == both


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a", "b"),
        ("a@1", "@2"),
        ("a@=1.2", "@1.3"),
        ("a+x", "~x"),
        ("a+x", "x=1"),
        ("a x:=1", "x=2"),
        ("a os=x", "os=y"),
        ("a target=zen3", "target=zen4"),
        ("a /abc", "/abd"),
        ("a ^b@1", "^b@2"),
    ],
)
def test_contradictions_are_reported(one: str, other: str) -> None:
    """No spec can satisfy both."""
    with pytest.raises(ContradictionError):
        constrain(parse_spec(one), parse_spec(other))


@pytest.mark.parametrize(
    ("spec", "asked", "expected"),
    [
        ("a@1.2+x", "a", True),
        ("a", "b", False),
        ("a@1.2", "@1", True),
        ("a@1", "@1.2", False),
        ("a", "@1", False),
        ("a@1.2:1.4", "@1:2", True),
        ("a+x", "+x", True),
        ("a+x", "~x", False),
        ("a", "+x", False),
        ("a x=1,2", "x=1", True),
        ("a x=1,2", "x:=1", False),
        ("a x=1", "x=*", True),
        ("a target=zen3", "target=x86_64:", True),
        ("a", "target=zen3", False),
        ("a os=x", "os=x", True),
        ("a /abcd", "/abc", True),
        ("a", "/abc", False),
        ("a cflags=-g", "cflags=-g", True),
        ("a %clang@14", "%llvm", True),
        ("a %gcc", "^gcc", True),
        ("a ^gcc", "%gcc", False),
        ("a ^b", "^[virtuals=mpi] b", False),
        ("a", "^b", False),
    ],
)
def test_a_spec_implies_what_it_cannot_be_without(spec: str, asked: str, expected: bool) -> None:
    """By this a matrix leaves combinations out."""
    assert implies(parse_spec(spec), parse_spec(asked)) is expected
