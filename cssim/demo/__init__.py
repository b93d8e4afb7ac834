"""The embedded default world: generated scenes, simulated people, tiny backbones."""
