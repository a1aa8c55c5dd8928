"""What sources say the sequence recipe should reach, each with its table.

All by leave-one-out over the whole catalogue, seen items left out. "Beauty" is the 5-core log of
22,363 people; another "Beauty" of 40,226 people exists and is never held against it.
"""

from __future__ import annotations

from polyrec.recipes.expected import Curve, Expected

EXPECTED: tuple[Expected, ...] = ()
CURVES: tuple[Curve, ...] = ()
