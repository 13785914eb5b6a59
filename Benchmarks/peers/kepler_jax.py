"""Kepler's equation E = M + e sin E in JAX, a solve per orbit by vmap, jitted.

JAXopt's or Optimistix' plain iteration until |M + e sin E - E| <= tolerance for the orbit itself; under vmap
the loop goes on for all until the last has converged, and those that have keep their value. The gradient
is implicit: of one unknown, so that the linear solve is a division.
"""

from importlib.metadata import version

import jax
import jax.numpy as jnp

import harness


def jaxopt_solve(limit, tolerance):
    import jaxopt

    def step(z, m, e):
        return m + e * jnp.sin(z)

    solver = jaxopt.FixedPointIteration(
        step, maxiter=limit, tol=tolerance, implicit_diff=True, jit=True,
        implicit_diff_solve=lambda matvec, b, **_: b / matvec(jnp.ones_like(b)))
    return (lambda m, e: solver.run(m, m, e).params), {
        "jax": jax.__version__, "jaxopt": version("jaxopt")}


def optimistix_solve(limit, tolerance):
    import lineax
    import optimistix

    def step(z, arguments):
        m, e = arguments
        return m + e * jnp.sin(z)

    solver = optimistix.FixedPointIteration(rtol=0.0, atol=tolerance)

    def solve(m, e):
        return optimistix.fixed_point(
            step, solver, m, (m, e), max_steps=limit, throw=False,
            adjoint=optimistix.ImplicitAdjoint(linear_solver=lineax.LU())).value

    return solve, {"jax": jax.__version__, "optimistix": version("optimistix")}


def main():
    options = harness.arguments(solver="jaxopt")
    exchange = harness.Exchange(options.exchange)
    s, inputs = exchange.settings, exchange.group("in")
    make = {"jaxopt": jaxopt_solve, "optimistix": optimistix_solve}[options.solver]
    solve, versions = make(s["limit"], s["tolerance"])
    m, e = (jnp.asarray(inputs[name]).reshape(-1) for name in ("m", "e"))

    @jax.jit
    def work(m, e):
        z, pullback = jax.vjp(jax.vmap(solve), m, e)
        return z, *pullback(jnp.ones_like(z))

    z, dm, de = jax.block_until_ready(work(m, e))
    differences = exchange.differences({"z": z, "grad.m": dm, "grad.e": de})
    harness.serve(differences, lambda: jax.block_until_ready(work(m, e)), versions)


if __name__ == "__main__":
    main()
