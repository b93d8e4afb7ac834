"""CS models and global models: data, losses, model, loop, checkpoint."""
