"""MediaPipe, imported without matplotlib.

MediaPipe loads matplotlib for drawing functions that nobody calls here, and that takes longer than all the rest of its
import: half a second in each of the processes that a small dataset starts for every video.
"""

from __future__ import annotations

import sys
from types import ModuleType

# Whoever imports matplotlib afterwards gets the true one.
_stand_ins = [name for name in ("matplotlib", "matplotlib.pyplot") if name not in sys.modules]
sys.modules.update({name: ModuleType(name) for name in _stand_ins})
try:
    import mediapipe
finally:
    for _name in _stand_ins:
        del sys.modules[_name]

__all__ = ["mediapipe"]
