"""Promises of the shaded relief."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from signfold.synth import relief

coordinate = st.floats(-40, 40)
radius = st.floats(3, 12)


@settings(max_examples=50, deadline=None)
@given(st.tuples(coordinate, coordinate, coordinate), st.tuples(coordinate, coordinate, coordinate), radius, radius)
def test_a_cone_is_the_envelope_of_its_spheres(start, end, start_radius, end_radius):
    cone = relief.Cone(np.array(start, np.float32), np.array(end, np.float32), start_radius, end_radius)
    x, y = relief.grid(slice(-60, 60, 1), slice(-60, 60, 1))
    seen = relief.surface(cone, x[:, ::7], y[::7])
    t = np.linspace(0, 1, 401)[:, None, None]
    centre = np.array(start)[:, None, None, None] + t * (np.array(end) - start)[:, None, None, None]
    inside = (
        (start_radius + t * (end_radius - start_radius)) ** 2 - (x[:, ::7] - centre[0]) ** 2 - (y[::7] - centre[1]) ** 2
    )
    height = np.where(inside > 0, centre[2] + np.sqrt(np.maximum(inside, 0)), -np.inf).max(axis=0)
    # Near the outline the surface is steep, and end on a cone is flattened a little.
    safe = (inside.max(axis=0) > 4) & (np.hypot(*(np.array(end) - start)[:2]) > 2 * abs(end_radius - start_radius) + 1)
    np.testing.assert_allclose(seen.height[safe], height[safe], atol=0.15)
