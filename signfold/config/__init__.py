"""The configuration: read, checked, and asked by the Snakefile. Loads no NumPy, for every job imports it."""
