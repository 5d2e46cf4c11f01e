"""Face and Motion to pictures: camera, rasteriser, light. `frames.render_frames` is the front door."""
