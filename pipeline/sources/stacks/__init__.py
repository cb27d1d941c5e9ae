"""Environment files (spack.yaml): the specs that a stack intends, and what it asks of packages."""
