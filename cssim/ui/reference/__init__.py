"""The page of one reference in parts: head, neighbours, triples, weights, sending it back."""
