"""The project's models on the page Train: the list, one card, two beside each other."""
