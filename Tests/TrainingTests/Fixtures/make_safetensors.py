"""Writes every_type.safetensors with the safetensors package of Python.

Each tensor of every readable type has shape [2, 3]; element i is expected[i] of that type, as the
test lists them. Needs the packages torch and safetensors; the file is small and committed.
"""

import torch
from safetensors.torch import save_file

reals = [0.0, -1.5, 2.0**-20, 65504.0, float("inf"), 3.0]
wholes = [0, -7, 1, 2**31 - 1, -(2**31), 40]
tensors = {
    "F64": torch.tensor(reals, dtype=torch.float64),
    "F32": torch.tensor(reals, dtype=torch.float32),
    "F16": torch.tensor(reals, dtype=torch.float16),
    "BF16": torch.tensor(reals, dtype=torch.bfloat16),
    "I64": torch.tensor(wholes, dtype=torch.int64),
    "I32": torch.tensor(wholes, dtype=torch.int32),
    "U8": torch.tensor([0, 255, 1, 2, 128, 40], dtype=torch.uint8),
    "BOOL": torch.tensor([False, True, True, False, False, True]),
}
tensors = {name: tensor.reshape(2, 3) for name, tensor in tensors.items()}
tensors["scalar \"ü\" 🙂"] = torch.tensor(4.25)
tensors["empty"] = torch.zeros(0, 5)
save_file(tensors, "every_type.safetensors", metadata={"format": "pt", "quote\"\\\n": "ü\t🙂"})
