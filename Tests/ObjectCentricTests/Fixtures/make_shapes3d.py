"""Makes shapes3d_tiny.h5, with the layout of 3dshapes.h5: ten images of 8 x 8 pixels; and files that lead to others."""

import os

import h5py
import numpy as np

os.chdir(os.path.dirname(os.path.abspath(__file__)))
n, y, x, c = np.ogrid[0:10, 0:8, 0:8, 0:3]
images = ((31 * n + 11 * y + 5 * x + 3 * c) % 256).astype("u1")
with h5py.File("shapes3d_tiny.h5", "w") as file:
    file.create_dataset("images", data=images, chunks=(1, 8, 8, 3), compression="gzip")
    file.create_dataset("labels", data=np.zeros((10, 6)))

OTHER = "3dshapes_other.h5"
with h5py.File("shapes3d_link.h5", "w", libver=("earliest", "v108")) as file:
    file["images"] = h5py.ExternalLink(OTHER, "/images")
with h5py.File("shapes3d_storage.h5", "w", libver=("earliest", "v108")) as file:
    file.create_dataset("images", images.shape, "u1", external=[(OTHER, 0, images.size)])
with h5py.File("shapes3d_virtual.h5", "w", libver=("earliest", "v110")) as file:
    layout = h5py.VirtualLayout(images.shape, "u1")
    layout[:] = h5py.VirtualSource(OTHER, "images", images.shape)
    file.create_virtual_dataset("images", layout)
