"""Coverage of the Spack build cache by compiler, operating system and CPU target."""

__version__ = "0.1.0"
