"""The live page: a local server tracks a web cam's pictures as they come, cuts out signs, and tells which they are."""
