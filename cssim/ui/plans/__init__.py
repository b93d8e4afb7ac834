"""The parts of the page on which labelling is planned."""
