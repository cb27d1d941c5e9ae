"""Lock files of Spack environments, `spack.lock`, of versions 1 to 7."""
