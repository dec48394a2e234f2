"""The parts of the stage `report`: evaluations, samples, tiles, contact sheets, charts, the page. Needs no torch."""
