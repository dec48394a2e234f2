"""Downloads of public data sets and weights: whole and checked, or not at all."""
