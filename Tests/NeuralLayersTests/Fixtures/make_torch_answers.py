"""Writes torch_answers.safetensors: what PyTorch's layers make of small inputs, in double precision.

    python3 make_torch_answers.py

For each case NAME: NAME.x and NAME.y, images channels last; NAME.v, a cotangent of y; NAME.dx, the
gradient of <y, v>; and for each parameter or buffer P of the module, NAME.P and, if it is trained,
NAME.d.P. Cases of batch norm hold the buffers after the pass as NAME.after.P.
"""
import pathlib

import torch
from safetensors.torch import save_file
from torch import nn

torch.manual_seed(0)
torch.set_default_dtype(torch.float64)
CASES = {
    "batch_norm": (nn.BatchNorm2d(3, momentum=0.3, eps=0.01), (4, 3, 5, 2)),
    "batch_norm_rows": (nn.BatchNorm1d(3), (7, 3)),
    "batch_norm_evaluation": (nn.BatchNorm2d(3), (4, 3, 5, 2)),
    "rms_norm": (nn.RMSNorm(6, eps=0.01), (2, 5, 6)),
    "group_norm": (nn.GroupNorm(2, 6), (2, 6, 5, 3)),
    "max_pooling": (nn.MaxPool2d(3, stride=2, padding=1), (2, 3, 6, 7)),
    "average_pooling": (nn.AvgPool2d(3, stride=2, padding=1), (2, 3, 6, 7)),
    "adaptive_pooling": (nn.AdaptiveAvgPool2d((3, 4)), (2, 3, 5, 7)),
    "transposed_convolution": (
        nn.ConvTranspose2d(3, 4, 3, stride=2, padding=1, output_padding=1), (2, 3, 4, 5)),
    "transposed_convolution_plain": (nn.ConvTranspose2d(3, 4, 2, stride=3, bias=False), (2, 3, 4, 5)),
    "gelu": (nn.GELU(), (4, 9)),
    "gelu_tanh": (nn.GELU(approximate="tanh"), (4, 9)),
    "silu": (nn.SiLU(), (4, 9)),
}


def last(x):
    """Channels last, if it is an image."""
    return (x.permute(0, 2, 3, 1) if x.dim() == 4 else x).contiguous().clone()


tensors = {}
for name, (module, shape) in CASES.items():
    for parameter in module.parameters():
        nn.init.uniform_(parameter, -1, 1)
    if name.endswith("evaluation"):
        module(torch.randn(shape) * 2 + 1)
        module.eval()
    x = (torch.randn(shape) * 2).requires_grad_()
    for key, value in module.state_dict().items():
        tensors[f"{name}.{key}"] = value.clone()
    y = module(x)
    v = torch.randn(y.shape)
    (y * v).sum().backward()
    tensors |= {f"{name}.x": last(x.detach()), f"{name}.y": last(y.detach()),
                f"{name}.v": last(v), f"{name}.dx": last(x.grad)}
    for key, parameter in module.named_parameters():
        tensors[f"{name}.d.{key}"] = parameter.grad.clone()
    for key, buffer in module.named_buffers():
        tensors[f"{name}.after.{key}"] = buffer.clone()
path = pathlib.Path(__file__).with_name("torch_answers.safetensors")
save_file(tensors, path, metadata={"torch": torch.__version__})
print(f"{path.name}: {len(tensors)} tensors, {path.stat().st_size} bytes")
