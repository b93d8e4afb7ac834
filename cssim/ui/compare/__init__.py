"""The parts of the comparison page; each is computed and drawn only while it is open."""
