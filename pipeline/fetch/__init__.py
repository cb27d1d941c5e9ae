"""Download the indexes of a build cache; the only package that uses the network."""
