"""A graph network iterated to its equilibrium: h = tanh(A h W + x U), nodes told apart by h."""

import torch
from torch import nn
from torchdeq import get_deq

from shared import numbers, report

NODES, FEATURES, WIDTH, CLASSES = 300, 8, 16, 4


class GraphNetwork(nn.Module):
    def __init__(self):
        super().__init__()
        self.recurrence = nn.Parameter(0.3 * numbers(2, WIDTH, WIDTH))
        self.injection = nn.Parameter(numbers(3, FEATURES, WIDTH))
        self.output = nn.Parameter(0.3 * numbers(4, WIDTH, CLASSES))
        self.deq = get_deq(
            f_solver="fixed_point_iter", b_solver="fixed_point_iter", f_max_iter=200, b_max_iter=200,
            f_tol=1e-8, b_tol=1e-8, f_stop_mode="rel", b_stop_mode="rel", ift=True)

    def forward(self, x):
        injected = x @ self.injection

        def step(h):  # [1, nodes, width]: the whole graph is one sample
            sums = torch.zeros_like(h).index_add(1, targets, h[:, sources])
            return torch.tanh((sums / degrees) @ self.recurrence + injected)

        h = self.deq(step, torch.zeros(1, NODES, WIDTH))[0][-1]
        return h[0] @ self.output


nodes = torch.arange(NODES)
sources = torch.cat([nodes, nodes, nodes, nodes])
targets = torch.cat([nodes, (7 * nodes + 3) % NODES, (nodes * nodes + 11) % NODES,
                     (13 * nodes + 5) % NODES])
degrees = torch.bincount(targets, minlength=NODES)[:, None].double()
features = numbers(1, NODES, FEATURES)
labels = (features[:, 0] > 0).long() + 2 * (features[sources[NODES:2 * NODES], 1] > 0).long()
known = nodes % 3 != 0


def work():
    model = GraphNetwork()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(25):
        loss = nn.functional.cross_entropy(model(features)[known], labels[known])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    right = model(features).argmax(1) == labels
    return {"loss": loss.detach(), "accuracy": right[~known].double().mean(),
            "|W|": model.recurrence.detach().norm()}


report(work)
