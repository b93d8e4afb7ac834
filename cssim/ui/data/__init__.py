"""The parts of the data page; each is computed and drawn only while it is open."""
