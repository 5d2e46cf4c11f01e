"""Features to Motion; one method a file."""
