"""Closed surfaces of triangles whose measures are known."""

import numpy as np


def octahedron(times: int) -> tuple[np.ndarray, np.ndarray]:
    """The unit sphere in 8 * 4 ** times triangles, with vertices exactly on the planes of the axes."""
    points = np.array([[1.0, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]])
    faces = np.array([[0, 2, 4], [2, 1, 4], [1, 3, 4], [3, 0, 4], [2, 0, 5], [1, 2, 5], [3, 1, 5], [0, 3, 5]])
    for _ in range(times):
        edges = np.sort(faces[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
        unique, which = np.unique(edges, axis=0, return_inverse=True)
        middle = points[unique].sum(axis=1)
        ab, bc, ca = (which.reshape(-1, 3) + len(points)).T
        points = np.vstack([points, middle / np.linalg.norm(middle, axis=1)[:, None]])
        a, b, c = faces.T
        faces = np.concatenate([np.stack(t, axis=1) for t in ((a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca))])
    return points, faces
