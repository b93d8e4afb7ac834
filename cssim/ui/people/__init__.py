"""Parts of the pages of people: everybody, invitations, what was done, one's own account."""
