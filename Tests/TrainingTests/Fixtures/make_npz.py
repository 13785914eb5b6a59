"""Statistics as the PyTorch port of the FID network keeps them: mu and sigma in a .npz file."""

import numpy

mu = numpy.array([0.5, -1.25, 3.0])
sigma = numpy.array([[2.0, 0.5, -0.25], [0.5, 1.0, 0.125], [-0.25, 0.125, 4.0]])
numpy.savez("stored.npz", mu=mu, sigma=sigma)
numpy.savez_compressed("deflated.npz", mu=mu, sigma=sigma)
numpy.savez_compressed(
    "columns.npz",
    mu=mu.astype(numpy.float32),
    sigma=numpy.asfortranarray(numpy.arange(6.0).reshape(2, 3)),
    words=numpy.array(["a"]),
    # Repeats, and numbers without any pattern: long and short copies, and a block that is stored.
    long=numpy.concatenate(
        [
            numpy.tile(numpy.arange(100.0), 40),
            numpy.random.default_rng(0).random(3000),
            numpy.zeros(9000),
        ]
    ),
)
