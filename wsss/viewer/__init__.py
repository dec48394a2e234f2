"""The web page of a run: look at the results of its stages in a browser. It reads a run's files and writes none."""
