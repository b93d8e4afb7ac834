"""The four parts of the library page: sets, images, import, new set."""
