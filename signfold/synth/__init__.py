"""Synthetic signers: an animated figure whose true joints are known.

What a set of clips is called is in `signfold.dataset.synthetic`, which draws nothing; drawing is in
`signfold.synth.render`.
"""

from signfold.dataset.synthetic import SynthSettings, clip_names

__all__ = ["SynthSettings", "clip_names"]
