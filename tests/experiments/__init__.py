"""Tools that measure what the parts of a recipe are worth; results go into docs/methods.md."""
