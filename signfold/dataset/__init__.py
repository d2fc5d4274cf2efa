"""Who signs what, in which file: the index and its label tables; and which clips are learnt from, the manifest."""
