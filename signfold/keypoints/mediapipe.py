"""MediaPipe, imported without matplotlib.

MediaPipe loads matplotlib for drawing functions that nobody calls here, and that takes longer than all the rest of its
import: half a second in each of the processes that a small dataset starts for every video.
"""

from __future__ import annotations

import sys
from types import ModuleType

from signfold.core.errors import SignfoldError

# Whoever imports matplotlib afterwards gets the true one.
_stand_ins = [name for name in ("matplotlib", "matplotlib.pyplot") if name not in sys.modules]
sys.modules.update({name: ModuleType(name) for name in _stand_ins})
try:
    import mediapipe
except ModuleNotFoundError as error:
    if error.name != "mediapipe":
        raise
    # Without --no-deps, pip would ask for NumPy 1: see envs/README.md.
    raise SignfoldError(
        "finding keypoints needs MediaPipe, which is not installed; run: pip install --no-deps mediapipe==0.10.21"
    ) from None
finally:
    for _name in _stand_ins:
        del sys.modules[_name]

__all__ = ["mediapipe"]
