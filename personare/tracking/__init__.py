"""Pictures of a face -> where it is and how it moves."""
