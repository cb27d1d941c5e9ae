"""What compilers are called: Spack 1.0 made them packages, and renamed some."""

from __future__ import annotations

# The ones whose name changed, from before Spack 1.0 to since.
RENAMED_COMPILERS = {
    "arm": "acfl",
    "clang": "llvm",
    "intel": "intel-oneapi-compilers-classic",
    "oneapi": "intel-oneapi-compilers",
    "rocmcc": "llvm-amdgpu",
}
# Every package that Spack has known as a compiler.
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
