"""The web page of a run: what its stages have made, to look at in a browser. A run's files are read, never written."""
