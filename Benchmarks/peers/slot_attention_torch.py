"""Slot attention in PyTorch: keys, values and iterations, forward and backward."""

import torch
import torch.nn.functional as F
from torch import nn

import harness


class SlotAttention(nn.Module):
    def __init__(self, features, width, hidden, epsilon=1e-8):
        super().__init__()
        self.epsilon = epsilon
        self.norm_inputs = nn.LayerNorm(features)
        self.norm_slots = nn.LayerNorm(width)
        self.norm_mlp = nn.LayerNorm(width)
        self.project_q = nn.Linear(width, width, bias=False)
        self.project_k = nn.Linear(features, width, bias=False)
        self.project_v = nn.Linear(features, width, bias=False)
        self.gru = nn.GRUCell(width, width)
        self.mlp = nn.Sequential(nn.Linear(width, hidden), nn.ReLU(), nn.Linear(hidden, width))

    def step(self, slots, keys, values):
        q = self.project_q(self.norm_slots(slots))
        attention = F.softmax(keys @ q.transpose(-1, -2), dim=-1) + self.epsilon
        weights = attention / attention.sum(1, keepdim=True)
        updates = weights.transpose(-1, -2) @ values
        width = slots.shape[-1]
        slots = self.gru(updates.reshape(-1, width), slots.reshape(-1, width)).view_as(slots)
        return slots + self.mlp(self.norm_mlp(slots))

    def inject(self, inputs):
        inputs = self.norm_inputs(inputs)
        keys = self.project_k(inputs)
        return keys * keys.shape[-1] ** -0.5, self.project_v(inputs)

    def forward(self, inputs, slots, iterations, implicit=False):
        keys, values = self.inject(inputs)
        if not implicit:
            for _ in range(iterations):
                slots = self.step(slots, keys, values)
            return slots
        with torch.no_grad():
            for _ in range(iterations):
                slots = self.step(slots, keys, values)
        return self.step(slots.detach(), keys, values)


def main():
    options = harness.arguments(compile=0)
    if options.threads:
        torch.set_num_threads(options.threads)
    exchange = harness.Exchange(options.exchange)
    s, inputs = exchange.settings, exchange.group("in")
    model = SlotAttention(s["features"], s["width"], s["hidden"])
    model.load_state_dict({k: torch.from_numpy(v) for k, v in exchange.group("param").items()})
    x = torch.from_numpy(inputs["features"]).requires_grad_()
    slots, cotangent = torch.from_numpy(inputs["slots"]), torch.from_numpy(inputs["cotangent"])
    forward = torch.compile(model) if options.compile else model

    def work():
        model.zero_grad()
        x.grad = None
        result = forward(x, slots, s["iterations"], s["implicit"])
        result.backward(cotangent)
        return result

    results = {"slots": work().detach().numpy(), "grad.features": x.grad.numpy()}
    for name, parameter in model.named_parameters():
        results["grad." + name] = parameter.grad.numpy()
    harness.serve(
        exchange.differences(results), work, {"torch": torch.__version__},
        threads=torch.get_num_threads())


if __name__ == "__main__":
    main()
