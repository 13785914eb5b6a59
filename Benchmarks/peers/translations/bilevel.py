"""Bilevel search: a ridge penalty for each of twenty weights of a logistic regression, chosen by the
loss on other data through the fit."""

import torch

from shared import numbers, report

ROWS, FEATURES = 120, 20


def misfit(w, data):
    x, signs = data
    return torch.nn.functional.softplus(-signs * (x @ w)).mean()


def objective(w, log_penalties):
    return misfit(w, train) + (log_penalties.exp() * w.square()).sum() / 2


class Fit(torch.autograd.Function):
    """Where the objective is least; dw/dp = -H^-1 d^2 L / dw dp."""

    @staticmethod
    def forward(context, log_penalties, start):
        w = start.clone().requires_grad_()
        with torch.enable_grad():
            optimizer = torch.optim.LBFGS(
                [w], max_iter=500, tolerance_grad=1e-10, tolerance_change=0,
                line_search_fn="strong_wolfe")

            def closure():
                optimizer.zero_grad()
                loss = objective(w, log_penalties)
                loss.backward()
                return loss

            optimizer.step(closure)
        context.save_for_backward(w.detach(), log_penalties)
        return w.detach()

    @staticmethod
    def backward(context, v):
        w, log_penalties = context.saved_tensors
        hessian = torch.func.hessian(objective)(w, log_penalties)
        u = torch.linalg.solve(hessian, v)
        with torch.enable_grad():
            log_penalties = log_penalties.detach().requires_grad_()
            slope = torch.func.grad(objective)(w, log_penalties)
            return -torch.autograd.grad(slope, log_penalties, u)[0], None


def sample(seed):
    x = numbers(seed, ROWS, FEATURES)
    truth = numbers(9, FEATURES) * (torch.arange(FEATURES) < 6)
    return x, torch.where(x @ truth + 0.8 * numbers(seed + 100, ROWS) > 0, 1.0, -1.0)


train, validation = sample(1), sample(2)


def work():
    log_penalties = torch.full((FEATURES,), -4.0, requires_grad=True)
    w = torch.zeros(FEATURES)
    for _ in range(25):
        w = Fit.apply(log_penalties, w.detach())
        loss = misfit(w, validation)
        (slope,) = torch.autograd.grad(loss, log_penalties)
        with torch.no_grad():
            log_penalties -= 20 * slope
    return {"loss": loss.detach(), "|w|": w.detach().norm(), "|log penalties|": log_penalties.detach().norm()}


report(work)
