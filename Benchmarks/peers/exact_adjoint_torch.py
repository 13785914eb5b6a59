"""The exact adjoint of a tanh layer in PyTorch: batched Jacobians by torch.func, then solves.

u = (I - J^T)^-1 v for every sample, J the Jacobian of z -> tanh(W z + x) at the given point.
"""

import torch

import harness


def main():
    options = harness.arguments()
    if options.threads:
        torch.set_num_threads(options.threads)
    exchange = harness.Exchange(options.exchange)
    inputs = {name: torch.from_numpy(value) for name, value in exchange.group("in").items()}
    weight, x, z, v = (inputs[name] for name in ("weight", "x", "z", "cotangent"))

    def step(z, x):
        return torch.tanh(weight @ z + x)

    jacobians = torch.func.vmap(torch.func.jacrev(step))
    identity = torch.eye(z.shape[1])

    def batched(system):
        return torch.linalg.solve(system, v[..., None])[..., 0]

    def one_by_one(system):
        return torch.stack([torch.linalg.solve(a, b) for a, b in zip(system, v)])

    # The batched solver of some versions fails with more than one thread.
    try:
        solve = batched
        solve(identity.expand(len(v), -1, -1).contiguous())
    except RuntimeError:
        solve = one_by_one

    def work():
        return solve((identity - jacobians(z, x)).transpose(-1, -2))

    differences = exchange.differences({"adjoint": work().numpy()})
    harness.serve(
        differences, work, {"torch": torch.__version__}, threads=torch.get_num_threads())


if __name__ == "__main__":
    main()
