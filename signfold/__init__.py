"""signfold: from a folder of isolated sign-language videos to an honestly evaluated recogniser."""

__version__ = "0.1.0"
