"""Trained networks used on new videos."""
