"""A real person's pictures, moved by Motion: from a photo or from footage."""
