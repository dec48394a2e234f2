"""Measurements that are made by hand; each module says how to run it."""
