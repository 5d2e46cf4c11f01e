"""Sound in: files to Audio, Audio to Features; one front end a file."""
