"""Anything to a file; one format a file, each with write(path, take, *, progress)."""
