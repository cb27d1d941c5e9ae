"""Abstract specs as Spack writes them: grammar, versions, satisfaction. No files, no tables."""
