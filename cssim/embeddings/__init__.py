"""Backbones and classical metrics, and the cache of what they compute."""
