"""Which concrete specs satisfy an abstract one, by Spack's documented semantics."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pipeline.specs.grammar import parse_spec
from pipeline.specs.satisfy import Compiler, ConcreteSpec, Need, judge

ZLIB = ConcreteSpec(
    package="zlib-ng",
    hash="zlibhash" + "a" * 24,
    version="2.2.4",
    compilers=(Compiler("gcc", "12.3.0", "c"),),
    platform="linux",
    os="ubuntu22.04",
    target="x86_64_v3",
    variants=frozenset({"+shared", "~compat", "build_system=cmake"}),
    flags=frozenset(),
    namespace="builtin",
    needs=lambda: [],
    closure=lambda: [],
)
LINK = frozenset({"build", "link"})
ZLIB_NEED = Need("zlib-ng", ZLIB.hash, LINK, frozenset({"zlib-api"}), "2.2.4", ZLIB)
MPI_NEED = Need("openmpi", "mpihash" + "b" * 25, LINK, frozenset({"mpi"}), "5.0.6")
GCC_NEED = Need("gcc", "gcchash" + "c" * 25, frozenset({"build"}), frozenset({"c"}), "12.3.0")
CMAKE_NEED = Need("cmake", "cmkhash" + "d" * 25, frozenset({"build"}), frozenset())
HDF5 = ConcreteSpec(
    package="hdf5",
    hash="hdf5hash" + "e" * 24,
    version="1.14.5",
    compilers=(Compiler("gcc", "12.3.0", "c"), Compiler("llvm", "19.1.0", "fortran")),
    platform="linux",
    os="ubuntu22.04",
    target="x86_64_v3",
    variants=frozenset(
        {
            "+mpi",
            "~hl",
            "api=default",
            "languages=c,c++,fortran",
            "cuda_arch=80,90",
            "patches=1234567,abcdef0",
            "none=none",
        }
    ),
    flags=frozenset({"cflags=-O3 -g"}),
    namespace="builtin",
    needs=lambda: [
        MPI_NEED,
        GCC_NEED,
        CMAKE_NEED,
        Need("libaec", "aechash" + "f" * 25, frozenset({"link"}), frozenset(), "1.1"),
    ],
    closure=lambda: [
        MPI_NEED,
        ZLIB_NEED,
        Need("libaec", "aechash" + "f" * 25, frozenset({"link"}), frozenset(), "1.1"),
    ],
)
# The same spec from a page: without dependencies, languages, flags or namespace.
PAGE = replace(
    HDF5,
    compilers=(Compiler("gcc", "12.3.0"),),
    flags=None,
    namespace=None,
    needs=lambda: None,
    closure=lambda: None,
)

YES, NO, UNTOLD = True, False, None

VERSIONS = [
    # A version matches all versions of which it is a prefix.
    ("1.2", "1.2", YES),
    ("1.2", "1.2.3", YES),
    ("1.2", "1.2.3.4", YES),
    ("1.2", "1.20", NO),
    ("1.2", "1.3", NO),
    ("1.2", "1", NO),
    ("1", "1.9.9", YES),
    ("1", "10", NO),
    ("1.2", "1.2b", YES),
    ("1.2", "1.2-rc1", NO),
    ("1.2.0", "1.2", NO),
    # Exactly one.
    ("=1.2", "1.2", YES),
    ("=1.2", "1.2.0", NO),
    ("=1.2", "1.2.3", NO),
    ("=1.1", "1.01", YES),
    # Ranges, including ends as prefixes.
    ("1.2:1.4", "1.2", YES),
    ("1.2:1.4", "1.3.7", YES),
    ("1.2:1.4", "1.4", YES),
    ("1.2:1.4", "1.4.9", YES),
    ("1.2:1.4", "1.5", NO),
    ("1.2:1.4", "1.1.9", NO),
    ("1.2:1.4", "1.40", NO),
    (":1.4", "0.1", YES),
    (":1.4", "1.4.1", YES),
    (":1.4", "1.4", YES),
    (":1.4", "1.5", NO),
    (":1.4", "1.5-rc1", YES),
    (":1.4", "develop", NO),
    ("1.2:", "1.2", YES),
    ("1.2:", "99", YES),
    ("1.2:", "develop", YES),
    ("1.2:", "1.2-rc1", NO),
    ("1.2:", "1.1.99", NO),
    (":", "1.2", YES),
    (":", "develop", YES),
    ("1.9:1.11", "1.10", YES),
    # Lists: any of them.
    ("1.2,1.4", "1.2.9", YES),
    ("1.2,1.4", "1.4", YES),
    ("1.2,1.4", "1.3", NO),
    ("1.2,=1.4", "1.4.1", NO),
    (":1.0,2.0:", "2.5", YES),
    (":1.0,2.0:", "1.5", NO),
    # Words, pre-releases, and what is newer than every number.
    ("develop", "develop", YES),
    ("develop", "main", NO),
    ("main:", "develop", YES),
    (":main", "develop", NO),
    ("master:main", "main", YES),
    ("1.2-rc1", "1.2-rc1", YES),
    ("1.2-rc1", "1.2-rc2", NO),
    ("1.2-rc1:", "1.2", YES),
    ("1.2-alpha:1.2-rc", "1.2-beta3", YES),
    ("1.2-beta:", "1.2-alpha9", NO),
    ("2023-09-12", "2023-09-12", YES),
    ("2023-09", "2023.09.12", YES),
    ("5.4b:", "5.4c", YES),
    ("5.4b", "5.4a", NO),
    ("5.4a", "5.4aB", YES),
    ("4.0.2", "4.0.2-fortran", YES),
    # Git versions are unknown, unless they say which version they stand for.
    ("1.2", "git.main", UNTOLD),
    (":", "git.main", YES),
    ("1.2", "git.main=1.2.3", YES),
    ("1.3", "git.main=1.2.3", NO),
    ("=1.2.3", "git.main=1.2.3", NO),
    ("git.main", "git.main", YES),
    ("git.main=1.2", "git.main=1.2", YES),
    ("git.main", "git.other", UNTOLD),
    ("git.main", "1.2", NO),
    ("a" * 40, "a" * 40, YES),
    ("1.2", "b" * 40, UNTOLD),
]

PARTS = [
    # Names, hashes, namespaces.
    ("hdf5", YES),
    ("zlib-ng", NO),
    ("builtin.hdf5", YES),
    ("mochi.hdf5", NO),
    ("namespace=builtin", YES),
    ("/hdf5hash", YES),
    ("/hdf5hash" + "e" * 24, YES),
    ("/abc", NO),
    ("hdf5@1.14 /hdf5", YES),
    ("*", YES),
    # Boolean variants; one that the spec lacks is neither on nor off.
    ("+mpi", YES),
    ("~mpi", NO),
    (" -hl", YES),
    ("~hl", YES),
    ("+hl", NO),
    ("+threads", NO),
    ("~threads", NO),
    ("mpi=true", YES),
    ("mpi=True hl=false", YES),
    ("mpi=false", NO),
    ("hdf5 +mpi ~hl", YES),
    ("hdf5+mpi+hl", NO),
    # Values: a superset satisfies, `:=` asks for just these, `*` for any.
    ("api=default", YES),
    ("api=v18", NO),
    ("languages=c", YES),
    ("languages=fortran,c", YES),
    ("languages=c,go", NO),
    ("languages:=c", NO),
    ("languages:=fortran,c++,c", YES),
    ("cuda_arch=80", YES),
    ("cuda_arch=90,80", YES),
    ("cuda_arch=70", NO),
    ("cuda_arch:=80", NO),
    ("cuda_arch=*", YES),
    ("mpi=*", YES),
    ("amdgpu_target=*", NO),
    ("amdgpu_target=gfx90a", NO),
    ("none=none", YES),
    ("patches=abcdef0123456789", YES),
    ("patches=fedcba9", NO),
    ("api='default'", YES),
    # Compiler flags: all requested ones.
    ("cflags=-O3", YES),
    ('cflags="-g -O3"', YES),
    ('cflags="-O2"', NO),
    ("cxxflags=-O3", NO),
    # Platform, operating system, target.
    ("platform=linux", YES),
    ("platform=darwin", NO),
    ("os=ubuntu22.04", YES),
    ("operating_system=rhel8", NO),
    ("target=x86_64_v3", YES),
    ("target=x86_64", NO),
    ("target=x86_64:", YES),
    ("target=x86_64:x86_64_v3", YES),
    ("target=:x86_64_v3", YES),
    ("target=:x86_64_v2", NO),
    ("target=x86_64_v4:", NO),
    ("target=aarch64:", NO),
    ("target=:zen4", YES),
    ("target=aarch64,x86_64_v3", YES),
    ("target=neoverse_v1,zen2", NO),
    ("target=aarch64:,x86_64_v2:x86_64_v4", YES),
    ("target=graviton2:", UNTOLD),
    ("target=graviton2:,x86_64_v3", YES),
    ("arch=linux-ubuntu22.04-x86_64_v3", YES),
    ("arch=linux-None-x86_64:", YES),
    ("arch=None-rhel8-None", NO),
    # Compilers: direct dependencies; one of several virtual packages is enough.
    ("%gcc", YES),
    ("%gcc@12", YES),
    ("%gcc@:11", NO),
    ("%gcc@=12.3.0", YES),
    ("%clang", YES),
    ("%llvm@19", YES),
    ("%oneapi", NO),
    ("%c=gcc", YES),
    ("%c,cxx=gcc@12", YES),
    ("%fortran=gcc", NO),
    ("%fortran=llvm", YES),
    ("%fortran=clang@18", NO),
    ("%[virtuals=c] gcc@12", YES),
    ("%gcc %llvm", YES),
    ("%gcc %oneapi", NO),
    ("%gcc+binutils", UNTOLD),
    ("%gcc@13+binutils", NO),
    # Other direct dependencies.
    ("%cmake", YES),
    ("%cmake@3", UNTOLD),
    ("%ninja", NO),
    ("%[deptypes=build] cmake", YES),
    ("%[deptypes=link] cmake", NO),
    ("%zlib-ng", NO),
    ("%mpi", YES),
    # Transitive link and run dependencies, and direct build dependencies.
    ("^zlib-ng", YES),
    ("^zlib-ng@2.2", YES),
    ("^zlib-ng@2.1", NO),
    ("^zlib-ng+shared", YES),
    ("^zlib-ng+compat", NO),
    ("^zlib-ng target=x86_64:", YES),
    ("^zlib-ng%gcc@12", YES),
    ("^zlib-ng %clang", NO),
    ("^zlib-ng /zlibhash", YES),
    ("^/zlibhash", YES),
    ("^/nohash", NO),
    ("^openmpi", YES),
    ("^openmpi@5", YES),
    ("^openmpi@4", NO),
    ("^openmpi+cuda", UNTOLD),
    ("^openmpi@4+cuda", NO),
    ("^openmpi /mpihash", YES),
    ("^mpi", YES),
    ("^mpi@3", UNTOLD),
    ("^mpi=openmpi", YES),
    ("^[virtuals=mpi] openmpi", YES),
    ("^[virtuals=blas] openmpi", NO),
    ("^mpi=mpich", NO),
    ("^zlib-api", YES),
    ("^cmake", YES),
    ("^cmake@3.30:", UNTOLD),
    ("^mpich", NO),
    ("^zlib-ng ^openmpi", YES),
    ("^zlib-ng ^mpich", NO),
    # Any no is a no, even beside unknowns.
    ("^mpi@3 ^mpich", NO),
    ("hdf5~mpi ^mpi@3", NO),
    ("hdf5+mpi ^mpi@3", UNTOLD),
    ("hdf5@1.14:+mpi%gcc@12 ^zlib-ng@2:~compat target=x86_64_v3", YES),
]

FROM_PAGES = [
    ("hdf5@1.14+mpi", YES),
    ("%gcc@12", YES),
    ("%gcc@13", NO),
    ("%clang", NO),
    ("%c=gcc", UNTOLD),
    ("%c=clang", NO),
    ("%c=gcc@13", NO),
    ("%cmake", UNTOLD),
    ("%[deptypes=build] gcc", YES),
    ("%[deptypes=link] gcc", UNTOLD),
    ("^zlib-ng", UNTOLD),
    ("~mpi ^zlib-ng", NO),
    ("cflags=-O3", UNTOLD),
    ("builtin.hdf5", UNTOLD),
    ("builtin.zlib", NO),
]


def test_the_table_is_long_enough() -> None:
    """At least 150 cases cover the semantics."""
    assert len(VERSIONS) + len(PARTS) + len(FROM_PAGES) >= 150


@pytest.mark.parametrize(("asked", "version", "expected"), VERSIONS)
def test_versions(asked: str, version: str, expected: bool | None) -> None:
    """A version satisfies a constraint, or not, or only git could tell."""
    spec = replace(HDF5, version=version)

    assert judge(parse_spec(f"hdf5@{asked}"), spec).answer is expected


@pytest.mark.parametrize(("asked", "expected"), PARTS)
def test_specs(asked: str, expected: bool | None) -> None:
    """A spec with known dependencies satisfies the abstract one, or not, or it is unknown."""
    judged = judge(parse_spec(asked), HDF5)

    assert judged.answer is expected
    assert bool(judged.reason) is (expected is None)


@pytest.mark.parametrize(("asked", "expected"), FROM_PAGES)
def test_specs_from_pages(asked: str, expected: bool | None) -> None:
    """For a spec from a page, dependencies, languages, flags and namespace are unknown."""
    assert judge(parse_spec(asked), PAGE).answer is expected


@pytest.mark.parametrize(
    ("asked", "part"),
    [
        ("zlib", "package"),
        ("@2", "version"),
        ("+hl", "variants"),
        ("%gcc@13", "compiler"),
        ("target=zen2", "target"),
        ("os=rhel8", "os"),
        ("^mpich", "dependency"),
        ("^zlib-ng@9", "dependency"),
    ],
)
def test_the_part_that_decides_is_reported(asked: str, part: str) -> None:
    """A no has the part that decided it."""
    assert judge(parse_spec(asked), HDF5).part == part
