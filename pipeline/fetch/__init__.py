"""Download the indexes of a build cache; the one package that uses the network."""
