"""Synthetic signers: an animated figure whose true joints are known."""
