"""What the Spack build cache has built, for which compiler, operating system and CPU target."""

__version__ = "0.1.0"
