"""Sound that is still being spoken -> frames on a steady clock -> engines, avatars, files."""
