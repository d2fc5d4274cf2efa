"""The configuration: read, checked, and asked by the Snakefile. Loads no NumPy, for every job imports it.

`load.read_config` reads and checks files; `project.Project` answers all that the Snakefile asks.
"""
