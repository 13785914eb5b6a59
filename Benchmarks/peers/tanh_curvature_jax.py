"""Gradient and Hessian-vector product through z = tanh(W z + x) with Optimistix, jitted.

L(W, x) = sum z^2 / 2 + c z; solves by Picard iteration (Optimistix has no Anderson acceleration),
differentiated by ImplicitAdjoint with GMRES; the Hessian's product is the forward derivative of the
gradient.
"""

from importlib.metadata import version

import jax
import jax.numpy as jnp
import lineax
import optimistix

import harness


def main():
    options = harness.arguments(order=1)
    exchange = harness.Exchange(options.exchange)
    s, inputs = exchange.settings, exchange.group("in")
    tolerance = s["tolerance"]
    weight, x, cotangent, direction_of_weight, direction_of_x = (
        jnp.asarray(inputs[name]) for name in
        ("weight", "x", "cotangent", "direction_of_weight", "direction_of_x"))

    def step(z, arguments):
        weight, x = arguments
        return jnp.tanh(z @ weight.T + x)

    def loss(weight, x):
        solver = optimistix.FixedPointIteration(rtol=tolerance, atol=0.0)
        adjoint = optimistix.ImplicitAdjoint(
            linear_solver=lineax.GMRES(rtol=tolerance, atol=tolerance, restart=20))
        z = optimistix.fixed_point(
            step, solver, jnp.zeros_like(x), (weight, x), max_steps=s["limit"], adjoint=adjoint,
            throw=False).value
        return jnp.sum(z**2) / 2 + jnp.sum(z * cotangent)

    gradient = jax.grad(loss, argnums=(0, 1))

    @jax.jit
    def work(weight, x):
        if options.order == 1:
            return gradient(weight, x)
        return jax.jvp(gradient, (weight, x), (direction_of_weight, direction_of_x))[1]

    dweight, dx = jax.block_until_ready(work(weight, x))
    differences = exchange.differences({"grad.weight": dweight, "grad.x": dx})
    harness.serve(
        differences, lambda: jax.block_until_ready(work(weight, x)),
        {"jax": jax.__version__, "optimistix": version("optimistix")})


if __name__ == "__main__":
    main()
