"""What `import wsss` offers to Python: `load`, `train` and `Run`."""
