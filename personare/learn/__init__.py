"""Everything that needs torch: networks, data, training, export."""
