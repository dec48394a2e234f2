"""The parts of the stage `evaluate`: counting per image, scores, protocols in words, tables. Uses numpy only."""

FORMAT_VERSION = 2
"""Version of `metrics.json` (see `wsss.stages.evaluate`)."""
