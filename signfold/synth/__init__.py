"""Synthetic signers: an animated figure whose true joints are known.

Light to import: what a set of clips is called is here and in `signfold.synth.names`; drawing is in
`signfold.synth.render`.
"""

from signfold.synth.names import GLOSSES, SynthSettings, clip_names

__all__ = ["GLOSSES", "SynthSettings", "clip_names"]
