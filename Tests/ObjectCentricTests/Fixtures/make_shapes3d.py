"""Makes shapes3d_tiny.h5, with the layout of 3dshapes.h5: ten images of 8 x 8 pixels."""

import os

import h5py
import numpy as np

n, y, x, c = np.ogrid[0:10, 0:8, 0:8, 0:3]
images = ((31 * n + 11 * y + 5 * x + 3 * c) % 256).astype("u1")
path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "shapes3d_tiny.h5")
with h5py.File(path, "w") as file:
    file.create_dataset("images", data=images, chunks=(1, 8, 8, 3), compression="gzip")
    file.create_dataset("labels", data=np.zeros((10, 6)))
