"""Synthetic signers: an animated figure whose true joints are known.

Light to import: what a set of clips is called is here and in `signfold.dataset.synthetic`; drawing is in
`signfold.synth.render`.
"""

from signfold.dataset.synthetic import GLOSSES, SynthSettings, clip_names

__all__ = ["GLOSSES", "SynthSettings", "clip_names"]
