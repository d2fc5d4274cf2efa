"""Trained networks used on new clips: a model from a results folder or a bundle, and its predictions.

`load` gives a `Model`; `Model.predict` takes a video or keypoints. `predict` does many clips, `pack` writes a bundle.
"""
