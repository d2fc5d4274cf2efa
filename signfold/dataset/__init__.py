"""Who signs what, in which file: the index and its label tables; and which clips are learnt from, the manifest.

`index.read_index` gives the `index.Sample`s of a dataset, without NumPy; `manifest` makes tables.
"""
