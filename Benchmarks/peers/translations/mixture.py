"""Variational inference as a fixed point: EM for Gaussian mixtures, and the gradient of a held-out
likelihood by what EM was told, the widths and the strength of the prior, through its equilibrium."""

import torch

from shared import numbers, report

SETS, POINTS, PARTS = 4, 150, 3


def assign(x, means, shares, widths):
    """log p(x, k) of every point and part, up to a constant: [sets, points, parts]."""
    distances = ((x[:, :, None] - means[:, None]) / widths).square().sum(-1)
    return shares.log()[:, None] - distances / 2 - widths.log().sum()


def expectation_maximisation(x, start, means, shares, widths, strength):
    parts = assign(x, means, shares, widths).softmax(-1)
    counts = parts.sum(1)
    means = (torch.einsum("bnk,bnd->bkd", parts, x) + strength * start) / (
        counts + strength)[..., None]
    return means, (counts + strength) / (POINTS + PARTS * strength)


def iterate(step, z, limit=2000):
    for _ in range(limit):
        new = step(z)
        if ((new - z).norm(dim=1) <= 1e-10 * new.norm(dim=1)).all():
            return new
        z = new
    raise RuntimeError("not converged")


def equilibrium(step, z):
    """z = step(z), with the gradient of the implicit function theorem."""
    with torch.no_grad():
        z = iterate(step, z)
    result, point = step(z), z.clone().requires_grad_()
    image = step(point)

    def adjoint(v):
        pullback = lambda u: torch.autograd.grad(image, point, u, retain_graph=True)[0] + v
        return iterate(pullback, v)

    result.register_hook(adjoint)
    return result


def cloud(seed):
    centres = 1.2 * torch.tensor([[0.0, 1.0], [0.9, -0.5], [-0.9, -0.5]])
    which = torch.arange(POINTS) % PARTS
    return centres[which] + 1.1 * numbers(seed, SETS, POINTS, 2)


x, held_out = cloud(1), cloud(2)
start = 0.5 * numbers(3, SETS, PARTS, 2)


def work():
    log_widths = torch.zeros(2, requires_grad=True)
    log_strength = torch.zeros((), requires_grad=True)
    size = PARTS * 2

    def unpacked(z):
        return z[:, :size].reshape(SETS, PARTS, 2), z[:, size:]

    def packed(means, shares):
        return torch.cat([means.reshape(SETS, size), shares], 1)

    first = packed(start, torch.full((SETS, PARTS), 1 / PARTS))
    for _ in range(20):
        widths, strength = log_widths.exp(), log_strength.exp()
        step = lambda z: packed(
            *expectation_maximisation(x, start, *unpacked(z), widths, strength))
        means, shares = unpacked(equilibrium(step, first))
        loss = -assign(held_out, means, shares, widths).logsumexp(-1).mean()
        loss.backward()
        with torch.no_grad():
            for parameter in (log_widths, log_strength):
                parameter -= 0.5 * parameter.grad
                parameter.grad = None
    return {"loss": loss.detach(), "width 1": widths[0].detach(),
            "width 2": widths[1].detach(), "strength": strength.detach()}


report(work)
