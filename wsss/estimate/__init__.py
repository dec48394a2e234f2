"""Estimate how long a run will take on this machine, and the memory and disk that it needs.

The real stages work on a small sample, in a folder of their own; what they take is scaled to the whole data set.
"""
