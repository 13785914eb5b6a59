"""The tanh equilibrium layer z = tanh(W z + x) with TorchDEQ: Anderson forwards and backwards."""

from importlib.metadata import version

import torch
from torchdeq import get_deq

import harness


def main():
    options = harness.arguments()
    if options.threads:
        torch.set_num_threads(options.threads)
    exchange = harness.Exchange(options.exchange)
    s, inputs = exchange.settings, exchange.group("in")
    weight = torch.from_numpy(inputs["weight"]).requires_grad_()
    x = torch.from_numpy(inputs["x"]).requires_grad_()
    cotangent, start = torch.from_numpy(inputs["cotangent"]), torch.zeros_like(x)
    deq = get_deq(
        f_solver="anderson", b_solver="anderson", f_max_iter=s["limit"], b_max_iter=s["limit"],
        f_tol=s["tolerance"], b_tol=s["tolerance"], f_stop_mode="rel", b_stop_mode="rel",
        ift=True)
    deq.train()

    def work():
        weight.grad = x.grad = None
        z = deq(lambda z: torch.tanh(z @ weight.T + x), start)[0][-1]
        z.backward(cotangent)
        return z

    z = work()
    differences = exchange.differences({
        "z": z.detach().numpy(), "grad.weight": weight.grad.numpy(), "grad.x": x.grad.numpy()})
    harness.serve(differences, work, {"torch": torch.__version__, "torchdeq": version("torchdeq")})


if __name__ == "__main__":
    main()
