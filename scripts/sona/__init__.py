"""The generator of the built-in head `sona`: our own design, no scan and no other head model in it (CC0)."""
