"""Slot attention in JAX, jitted: keys, values and iterations, forward and backward."""

import jax
import jax.numpy as jnp

import harness


def layer_norm(x, p, name):
    mean = x.mean(-1, keepdims=True)
    scale = jax.lax.rsqrt(((x - mean) ** 2).mean(-1, keepdims=True) + 1e-5)
    return (x - mean) * scale * p[name + ".weight"] + p[name + ".bias"]


def gru(p, x, h):
    i = x @ p["gru.weight_ih"].T + p["gru.bias_ih"]
    g = h @ p["gru.weight_hh"].T + p["gru.bias_hh"]
    (ir, iz, inew), (hr, hz, hnew) = jnp.split(i, 3, -1), jnp.split(g, 3, -1)
    z, n = jax.nn.sigmoid(iz + hz), jnp.tanh(inew + jax.nn.sigmoid(ir + hr) * hnew)
    return (1 - z) * n + z * h


def step(p, slots, keys, values):
    q = layer_norm(slots, p, "norm_slots") @ p["project_q.weight"].T
    attention = jax.nn.softmax(jnp.einsum("bkd,bnd->bkn", q, keys), axis=1) + 1e-8
    updates = (attention / attention.sum(-1, keepdims=True)) @ values
    slots = gru(p, updates, slots)
    hidden = jax.nn.relu(layer_norm(slots, p, "norm_mlp") @ p["mlp.0.weight"].T + p["mlp.0.bias"])
    return slots + hidden @ p["mlp.2.weight"].T + p["mlp.2.bias"]


def main():
    options = harness.arguments()
    exchange = harness.Exchange(options.exchange)
    s, inputs = exchange.settings, exchange.group("in")
    parameters = {name: jnp.asarray(value) for name, value in exchange.group("param").items()}
    features, slots, cotangent = (
        jnp.asarray(inputs[name]) for name in ("features", "slots", "cotangent"))

    def forward(p, features):
        x = layer_norm(features, p, "norm_inputs")
        keys = x @ p["project_k.weight"].T * s["width"] ** -0.5
        values, state = x @ p["project_v.weight"].T, slots
        for _ in range(s["iterations"]):
            state = step(p, state, keys, values)
        return step(p, jax.lax.stop_gradient(state), keys, values) if s["implicit"] else state

    @jax.jit
    def work(p, features, cotangent):
        result, pullback = jax.vjp(forward, p, features)
        return result, pullback(cotangent)

    def run():
        return jax.block_until_ready(work(parameters, features, cotangent))

    result, (dparameters, dfeatures) = run()
    results = {"slots": result, "grad.features": dfeatures}
    results |= {"grad." + name: value for name, value in dparameters.items()}
    harness.serve(exchange.differences(results), run, {"jax": jax.__version__})


if __name__ == "__main__":
    main()
