"""Use cases, one transaction each; called by pages, HTTP routes, CLI and worker alike."""
