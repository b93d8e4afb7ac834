"""CS models and global models: a pretrained backbone learns from people's answers to triples."""
