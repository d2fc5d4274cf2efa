"""The networks, their layers and graph, and the files that hold trained weights."""
