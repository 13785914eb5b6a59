"""A cell of attention whose state is two tensors: tokens read slots, and slots read tokens."""

import torch
from torch import nn
from torchdeq import get_deq

from shared import numbers, report

BATCH, TOKENS, SLOTS, WIDTH = 8, 10, 4, 16


class Memory(nn.Module):
    def __init__(self):
        super().__init__()
        self.weights = nn.Parameter(0.3 * numbers(2, 6, WIDTH, WIDTH))
        self.start = nn.Parameter(numbers(3, SLOTS, WIDTH))
        self.deq = get_deq(
            f_solver="broyden", b_solver="broyden", f_max_iter=200, b_max_iter=200,
            f_tol=1e-8, b_tol=1e-8, f_stop_mode="rel", b_stop_mode="rel", ift=True)

    def read(self, asking, told, weights):
        query, key, value = weights
        logits = (asking @ query) @ (told @ key).transpose(1, 2) / WIDTH**0.5
        return logits.softmax(-1) @ (told @ value)

    def forward(self, x):
        def step(tokens, slots):
            return (torch.tanh(x + self.read(tokens, slots, self.weights[:3])),
                    torch.tanh(self.start + self.read(slots, tokens, self.weights[3:])))

        zeros = (torch.zeros_like(x), torch.zeros(BATCH, SLOTS, WIDTH))
        return self.deq(step, zeros)[0][-1]


inputs = numbers(1, BATCH, TOKENS, WIDTH)
targets = 0.5 * numbers(4, BATCH, SLOTS, WIDTH)


def work():
    model = Memory()
    optimizer = torch.optim.SGD(model.parameters(), lr=2.0)
    for _ in range(20):
        tokens, slots = model(inputs)
        loss = (slots - targets).square().mean() + 0.1 * tokens.square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return {"loss": loss.detach(), "|weights|": model.weights.detach().norm(),
            "|start|": model.start.detach().norm()}


report(work)
