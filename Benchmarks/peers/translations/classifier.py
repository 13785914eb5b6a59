"""A deep-equilibrium classifier: z = tanh(W z + U x + b), three rings of points told apart.

The magnitudes of each row of W add up to 0.9, so that there is one equilibrium, whatever is learned.
"""

import torch
from torch import nn
from torchdeq import get_deq

from shared import numbers, report


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.recurrence = nn.Parameter(numbers(2, 24, 24))
        self.injection = nn.Parameter(2 * numbers(3, 24, 2))
        self.bias = nn.Parameter(torch.zeros(24))
        self.output = nn.Parameter(0.3 * numbers(4, 3, 24))
        self.offset = nn.Parameter(torch.zeros(3))
        self.deq = get_deq(
            f_solver="fixed_point_iter", b_solver="fixed_point_iter", f_max_iter=200, b_max_iter=200,
            f_tol=1e-8, b_tol=1e-8, f_stop_mode="rel", b_stop_mode="rel", ift=True)

    def forward(self, x):
        injected = x @ self.injection.T + self.bias
        weight = 0.9 * self.recurrence / self.recurrence.abs().sum(1, keepdim=True)
        step = lambda z: torch.tanh(z @ weight.T + injected)
        z = self.deq(step, torch.zeros_like(injected))[0][-1]
        return z @ self.output.T + self.offset


points = numbers(1, 200, 2)
radii = points.square().sum(1)
rings = (radii > 0.35).long() + (radii > 0.9).long()


def work():
    model = Classifier()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    for _ in range(25):
        loss = nn.functional.cross_entropy(model(points), rings)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    right = model(points).argmax(1) == rings
    return {"loss": loss.detach(), "accuracy": right.double().mean(),
            "|W|": model.recurrence.detach().norm()}


report(work)
