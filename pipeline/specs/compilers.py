"""Names of compilers: Spack 1.0 made them packages, and renamed some."""

from __future__ import annotations

# Names that changed with Spack 1.0: old to new.
RENAMED_COMPILERS = {
    "arm": "acfl",
    "clang": "llvm",
    "intel": "intel-oneapi-compilers-classic",
    "oneapi": "intel-oneapi-compilers",
    "rocmcc": "llvm-amdgpu",
}
# All packages that are or were compilers in Spack.
COMPILERS = {
    *RENAMED_COMPILERS.values(),
    "aocc",
    "apple-clang",
    "cce",
    "fj",
    "gcc",
    "msvc",
    "nvhpc",
}
