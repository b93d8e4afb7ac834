"""Images to vectors: backbones, classical metrics, and the cache that keeps what they gave."""
