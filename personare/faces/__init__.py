"""Motion to Mesh; one kind of face a file."""
