"""Pictures of one shape, drawn here, whose five factors are known.

Like dSprites (Matthey et al., 2017) at half the resolution, drawn without its files. Edges are
smooth: a pixel is as bright as the part of it that the shape covers, by the distance to the edge.
"""

import functools

import numpy as np

SIZE = 32  # pixels, height and width
FACTORS = {
    "shape": 3,
    "scale": 4,
    "orientation": 8,
    "x": 12,
    "y": 12,
}  # and their numbers of values
RADII = np.linspace(3.5, 6.5, FACTORS["scale"])  # pixels; no shape reaches 1.31 of it
PLACES = np.linspace(8.5, 22.5, FACTORS["x"])  # of the middle; pixel 0 reaches from -0.5 to 0.5
STRIP = 600  # pictures that are drawn at a time
SEED = 0  # of the order


def draw(factors):
    """Draws pictures of given factors.

    Args:
        factors: (N, 5) integers, values of `FACTORS` in that order: shape, scale (small to large),
            orientation (in eighths of the turn after which the shape is the same: a quarter for
            the square, half for the ellipse, a whole one for the heart), x (left to right), y (top
            to bottom).

    Returns:
        (N, 32, 32, 1) uint8, white on black.

    Raises:
        ValueError: other shapes or values.
    """
    factors = np.asarray(factors)
    sizes = list(FACTORS.values())
    right = factors.ndim == 2 and factors.shape[1] == 5 and factors.dtype.kind in "iu"
    if not right or not np.all((factors >= 0) & (factors < sizes)):
        raise ValueError(
            f"factors must be (N, 5) integers of at least 0 and below {sizes}, the numbers of "
            f"values of {list(FACTORS)}; received {factors.dtype} {factors.shape}."
        )
    parts = [_draw(factors[i : i + STRIP]) for i in range(0, len(factors), STRIP)]
    return np.concatenate([np.zeros((0, SIZE, SIZE, 1), "uint8"), *parts])


@functools.cache
def everything():
    """All (13824, 5) combinations of factors, int64, in a fixed random order."""
    grid = np.indices(tuple(FACTORS.values())).reshape(5, -1).T
    return np.random.RandomState(SEED).permutation(grid)


def _draw(factors):
    """(N, 32, 32, 1) uint8 of (N, 5)."""
    shape, scale, orientation, x, y = (column[:, None, None] for column in factors.T)
    turn = np.choose(shape, [np.pi / 2, np.pi, 2 * np.pi]) * orientation / FACTORS["orientation"]
    pixel = np.arange(SIZE, dtype="float64")
    right, down = pixel[None, None, :] - PLACES[x], pixel[None, :, None] - PLACES[y]
    radius = RADII[scale]
    u = (np.cos(turn) * right + np.sin(turn) * down) / radius  # in the frame of the shape
    v = (np.cos(turn) * down - np.sin(turn) * right) / radius
    distance = np.empty(u.shape)  # to the edge, in radii, negative inside
    for kind, of in enumerate(SHAPES.values()):
        chosen = factors[:, 0] == kind
        distance[chosen] = of(u[chosen], v[chosen])
    covered = np.clip(0.5 - distance * radius, 0, 1)
    return np.round(255 * covered).astype("uint8")[..., None]


def _square(u, v):
    """Distance to a square of half width 0.9."""
    return np.maximum(np.abs(u), np.abs(v)) - 0.9


def _ellipse(u, v):
    """Distance to an ellipse of half axes 1.3 and 0.7, to first order: f / |grad f|."""
    f = np.hypot(u / 1.3, v / 0.7)
    return (f - 1) * f / np.maximum(np.hypot(u / 1.3**2, v / 0.7**2), 1e-6)


def _heart(u, v):
    """Distance to a heart of height 2.2, its tip below: a circle on each side, drawn to the tip."""
    tip, middle, radius = np.array([0.0, 1.2]), np.array([0.55, -0.35]), 0.65
    length = np.hypot(*(middle - tip))
    axis = (middle - tip) / length
    right, down = np.abs(u) - tip[0], v - tip[1]
    along = right * axis[0] + down * axis[1]
    across = down * axis[0] - right * axis[1]  # positive on the outer side
    sine = radius / length  # of the angle between the axis and the tangent from the tip
    cosine = np.sqrt(1 - sine**2)
    on_tangent = (
        along * cosine + np.abs(across) * sine
    )  # 0 at the tip, length * cosine at the circle
    round_end = np.hypot(along - length, across) - radius
    straight = across * cosine - along * sine  # the inner side belongs to the other half
    return np.where(
        on_tangent > length * cosine,  # where the tangent touches the circle
        round_end,
        np.where(on_tangent < 0, np.hypot(along, across), straight),
    )


SHAPES = {"square": _square, "ellipse": _ellipse, "heart": _heart}
