"""Networks; one method a file, each named as its runner in personare/motion."""
