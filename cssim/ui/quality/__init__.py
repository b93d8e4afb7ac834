"""The parts of the pages about how people answer."""
