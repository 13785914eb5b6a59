"""Writes optimizers.json: torch.optim after 20 steps on a small problem, and its schedules.

The problem: L(W, b) = mean over 6 rows of |tanh(X W^T + b) - Y|^2, in float64. X, Y, W and b are
sines of their position, so that any program can make them. Run again with

    python3 make_optimizers.py optimizers.json
"""

import json
import math
import sys

import torch
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn


def sines(shape, frequency):
    count = math.prod(shape)
    values = [math.sin(frequency * (index + 1)) for index in range(count)]
    return torch.tensor(values, dtype=torch.float64).reshape(shape)


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(sines((3, 4), 0.7))
        self.bias = torch.nn.Parameter(sines((3,), 1.3))

    def loss(self):
        x, y = sines((6, 4), 0.37), sines((6, 3), 0.53)
        return ((x @ self.weight.T + self.bias).tanh() - y).square().sum(1).mean()


def groups(model, **bias):
    return [{"params": [model.weight]}, {"params": [model.bias], **bias}]


OPTIMIZERS = {
    "sgd": lambda m: torch.optim.SGD(m.parameters(), lr=0.1),
    "sgd momentum": lambda m: torch.optim.SGD(m.parameters(), lr=0.05, momentum=0.9),
    "sgd nesterov decay": lambda m: torch.optim.SGD(
        m.parameters(), lr=0.05, momentum=0.8, nesterov=True, weight_decay=0.03),
    "adam": lambda m: torch.optim.Adam(m.parameters(), lr=0.02),
    "adam decay": lambda m: torch.optim.Adam(
        m.parameters(), lr=0.02, betas=(0.8, 0.95), eps=1e-6, weight_decay=0.05),
    "adamw": lambda m: torch.optim.AdamW(m.parameters(), lr=0.02, weight_decay=0.1),
    "adamw groups": lambda m: torch.optim.AdamW(
        groups(m, lr=0.004, weight_decay=0.0), lr=0.02, weight_decay=0.1),
    "sgd frozen": lambda m: torch.optim.SGD(groups(m, lr=0.0), lr=0.1, momentum=0.9),
}


def scheduled(optimizer, model):
    """Warm-up over 5 steps, then half a cosine over 15."""
    warm = torch.optim.lr_scheduler.LinearLR(optimizer, start_factor=1 / 5, total_iters=4)
    cosine = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=15, eta_min=0.002)
    return torch.optim.lr_scheduler.SequentialLR(optimizer, [warm, cosine], milestones=[5])


SCHEDULES = {
    "warmup": lambda o: torch.optim.lr_scheduler.LinearLR(o, start_factor=1 / 5, total_iters=4),
    "cosine": lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, T_max=12, eta_min=0.1),
    "exponential": lambda o: torch.optim.lr_scheduler.ExponentialLR(o, gamma=0.9),
    "milestones": lambda o: torch.optim.lr_scheduler.MultiStepLR(o, milestones=[3, 8], gamma=0.1),
    "staircase": lambda o: torch.optim.lr_scheduler.StepLR(o, step_size=4, gamma=0.5),
    "linear": lambda o: torch.optim.lr_scheduler.LinearLR(
        o, start_factor=1, end_factor=0.25, total_iters=10),
    "sequence": lambda o: scheduled(o, None),
}

answers = {"optimizers": {}, "schedules": {}}
for name, make in OPTIMIZERS.items():
    model = Model()
    optimizer = make(model)
    for _ in range(20):
        optimizer.zero_grad()
        model.loss().backward()
        optimizer.step()
    answers["optimizers"][name] = {
        "weight": model.weight.flatten().tolist(), "bias": model.bias.tolist()}

model = Model()
optimizer = torch.optim.AdamW(model.parameters(), lr=0.02)
schedule = scheduled(optimizer, model)
average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.9))
average.update_parameters(model)  # the first call copies
for _ in range(20):
    optimizer.zero_grad()
    model.loss().backward()
    optimizer.step()
    schedule.step()
    average.update_parameters(model)
answers["optimizers"]["adamw scheduled"] = {
    "weight": model.weight.flatten().tolist(), "bias": model.bias.tolist()}
answers["optimizers"]["average of it"] = {
    "weight": average.module.weight.flatten().tolist(), "bias": average.module.bias.tolist()}

for name, make in SCHEDULES.items():
    rate = 0.02 if name == "sequence" else 1.0
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=rate)
    schedule = make(optimizer)
    values = []
    for _ in range(12):
        values.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    answers["schedules"][name] = values

with open(sys.argv[1], "w") as file:
    json.dump(answers, file, indent=1)
    file.write("\n")
