"""Where the project is, and the real recordings that lie beside a checkout in development."""

from pathlib import Path

HELPERS = Path(__file__).parent
PROJECT = Path(__file__).parents[2]
SHARED = PROJECT.parent / "shared" / "data"
