"""What the stage `report` is made of: evaluations, samples, tiles, contact sheets, charts, the page (no torch)."""
