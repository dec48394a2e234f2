"""What the stage `evaluate` is made of: counting per image, scores, protocols in words, tables (numpy only)."""

FORMAT_VERSION = 1
"""Version of `metrics.json` (see `wsss.stages.evaluate`)."""
