"""The networks, their layers and graph, and the files of trained weights.

A network is a class in a file of its own and a line in `registry.NETWORKS`. To keep `import signfold.models` light,
nothing is imported here: take names from `registry` (build a network) and `io` (save, load, predict).
"""
