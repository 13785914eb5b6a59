"""The tanh equilibrium layer z = tanh(W z + x) in JAX, with JAXopt's or Optimistix' solver, jitted.

JAXopt has Anderson acceleration and Picard iteration, Optimistix the latter; all are differentiated
implicitly by GMRES on the transposed system.
"""

from functools import partial
from importlib.metadata import version

import jax
import jax.numpy as jnp

import harness


def jaxopt_solver(make, limit, tolerance):
    import jaxopt

    def step(z, weight, x):
        return jnp.tanh(z @ weight.T + x)

    def solve(weight, x):
        # JAXopt stops at an absolute residual over the whole batch.
        absolute = tolerance * jnp.linalg.norm(jax.lax.stop_gradient(x))
        solver = make(jaxopt)(
            step, maxiter=limit, tol=tolerance, implicit_diff=True, jit=True,
            implicit_diff_solve=lambda matvec, b, **_: jax.scipy.sparse.linalg.gmres(
                matvec, b, tol=tolerance, solve_method="incremental")[0])
        solver.tol = absolute
        return solver.run(jnp.zeros_like(x), weight, x).params

    return solve, {"jax": jax.__version__, "jaxopt": version("jaxopt")}


def anderson(limit, tolerance):
    return jaxopt_solver(
        lambda jaxopt: partial(jaxopt.AndersonAcceleration, history_size=5), limit, tolerance)


def picard(limit, tolerance):
    return jaxopt_solver(lambda jaxopt: jaxopt.FixedPointIteration, limit, tolerance)


def optimistix_picard(limit, tolerance):
    import lineax
    import optimistix

    def step(z, arguments):
        weight, x = arguments
        return jnp.tanh(z @ weight.T + x)

    def solve(weight, x):
        solver = optimistix.FixedPointIteration(rtol=tolerance, atol=0.0)
        adjoint = optimistix.ImplicitAdjoint(
            linear_solver=lineax.GMRES(rtol=tolerance, atol=tolerance, restart=20))
        return optimistix.fixed_point(
            step, solver, jnp.zeros_like(x), (weight, x), max_steps=limit, adjoint=adjoint,
            throw=False).value

    return solve, {"jax": jax.__version__, "optimistix": version("optimistix")}


def main():
    options = harness.arguments(solver="jaxopt-anderson")
    exchange = harness.Exchange(options.exchange)
    s, inputs = exchange.settings, exchange.group("in")
    make = {"jaxopt-anderson": anderson, "jaxopt-picard": picard,
            "optimistix-picard": optimistix_picard}[options.solver]
    solve, versions = make(s["limit"], s["tolerance"])
    weight, x, cotangent = (jnp.asarray(inputs[name]) for name in ("weight", "x", "cotangent"))

    @jax.jit
    def work(weight, x, cotangent):
        z, pullback = jax.vjp(solve, weight, x)
        return z, *pullback(cotangent)

    z, dweight, dx = jax.block_until_ready(work(weight, x, cotangent))
    differences = exchange.differences({"z": z, "grad.weight": dweight, "grad.x": dx})
    harness.serve(
        differences, lambda: jax.block_until_ready(work(weight, x, cotangent)), versions)


if __name__ == "__main__":
    main()
