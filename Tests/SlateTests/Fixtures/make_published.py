"""Makes published_tiny.safetensors: random weights under the names of the published SLATE.

It is what the lines in `slate import --help` save of a checkpoint's "model" entry. Half precision
keeps the file small.
"""

import os

import torch
from safetensors.torch import save_file

VOCABULARY, WIDTH, SLOT, HIDDEN, BLOCKS, GRID = 12, 8, 6, 10, 2, 4
shapes = {}


def block(name, inputs, outputs, kernel=1):
    shapes[name + ".m.weight"] = (outputs, inputs, kernel, kernel)
    shapes[name + ".weight"] = shapes[name + ".bias"] = (outputs,)


def layer(name, inputs, outputs, bias=True):
    shapes[name + ".weight"] = (outputs, inputs)
    if bias:
        shapes[name + ".bias"] = (outputs,)


def norm(name, width):
    shapes[name + ".weight"] = shapes[name + ".bias"] = (width,)


block("dvae.encoder.0", 3, 64, 4)
for i in range(1, 7):
    block(f"dvae.encoder.{i}", 64, 64)
shapes["dvae.encoder.7.weight"] = (VOCABULARY, 64, 1, 1)
shapes["dvae.encoder.7.bias"] = (VOCABULARY,)
block("dvae.decoder.0", VOCABULARY, 64)
for first in (1, 6):  # 5 and 10 are the pixel shuffles
    block(f"dvae.decoder.{first}", 64, 64, 3)
    block(f"dvae.decoder.{first + 1}", 64, 64)
    block(f"dvae.decoder.{first + 2}", 64, 64)
    block(f"dvae.decoder.{first + 3}", 64, 256)
shapes["dvae.decoder.11.weight"] = (3, 64, 1, 1)
shapes["dvae.decoder.11.bias"] = (3,)

shapes["positional_encoder.pe"] = (1, 1 + GRID * GRID, WIDTH)
shapes["dictionary.dictionary.weight"] = (VOCABULARY + 1, WIDTH)
norm("slot_attn.layer_norm", WIDTH)
layer("slot_attn.mlp.0", WIDTH, WIDTH)
layer("slot_attn.mlp.2", WIDTH, WIDTH)
shapes["slot_attn.slot_mu"] = shapes["slot_attn.slot_log_sigma"] = (1, 1, SLOT)
cell = "slot_attn.slot_attention."
norm(cell + "norm_inputs", WIDTH)
norm(cell + "norm_slots", SLOT)
norm(cell + "norm_mlp", SLOT)
layer(cell + "project_q", SLOT, SLOT, bias=False)
layer(cell + "project_k", WIDTH, SLOT, bias=False)
layer(cell + "project_v", WIDTH, SLOT, bias=False)
shapes[cell + "gru.weight_ih"] = shapes[cell + "gru.weight_hh"] = (3 * SLOT, SLOT)
shapes[cell + "gru.bias_ih"] = shapes[cell + "gru.bias_hh"] = (3 * SLOT,)
layer(cell + "mlp.0", SLOT, HIDDEN)
layer(cell + "mlp.2", HIDDEN, SLOT)
layer("slot_proj", SLOT, WIDTH, bias=False)
for i in range(BLOCKS):
    name = f"tf_dec.blocks.{i}."
    for attention in ("self_attn", "encoder_decoder_attn"):
        norm(name + attention + "_layer_norm", WIDTH)
        for part in "qkvo":
            layer(f"{name}{attention}.proj_{part}", WIDTH, WIDTH, bias=False)
    norm(name + "ffn_layer_norm", WIDTH)
    layer(name + "ffn.0", WIDTH, 4 * WIDTH)
    layer(name + "ffn.2", 4 * WIDTH, WIDTH)
norm("tf_dec.layer_norm", WIDTH)
layer("out", WIDTH, VOCABULARY, bias=False)

generator = torch.Generator().manual_seed(5)
state = {}
for name, shape in shapes.items():
    gain = len(shape) == 1 and name.endswith("weight")
    scale = 0.1 if len(shape) == 1 else (1 / max(1, torch.Size(shape[1:]).numel())) ** 0.5
    state[name] = (float(gain) + scale * torch.randn(shape, generator=generator)).half()
folder = os.path.dirname(os.path.abspath(__file__))
save_file(state, os.path.join(folder, "published_tiny.safetensors"))
