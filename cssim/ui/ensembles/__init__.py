"""The ensembles page in parts: build one, list them, ask, search, weights, take it out."""
