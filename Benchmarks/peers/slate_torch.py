"""A training step of SLATE in PyTorch, at the sizes and with the parameters that ours wrote.

Written for this comparison from the papers, in the layout that PyTorch prefers (channels first);
parameters carry the published names.
"""

import torch
import torch.nn.functional as F
from torch import nn

import harness
from slot_attention_torch import SlotAttention


class Block(nn.Module):
    """Convolution without bias, group norm with one group, rectifier."""

    def __init__(self, inputs, outputs, kernel=1, stride=1, padding=0):
        super().__init__()
        self.m = nn.Conv2d(inputs, outputs, kernel, stride, padding, bias=False)
        self.weight = nn.Parameter(torch.ones(outputs))
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x):
        return F.relu(F.group_norm(self.m(x), 1, self.weight, self.bias))


class DVAE(nn.Module):
    def __init__(self, vocabulary, width):
        super().__init__()
        self.encoder = nn.Sequential(
            Block(3, width, 4, 4), *[Block(width, width) for _ in range(6)],
            nn.Conv2d(width, vocabulary, 1))
        self.decoder = nn.Sequential(
            Block(vocabulary, width), Block(width, width, 3, 1, 1), Block(width, width),
            Block(width, width), Block(width, 4 * width), nn.PixelShuffle(2),
            Block(width, width, 3, 1, 1), Block(width, width), Block(width, width),
            Block(width, 4 * width), nn.PixelShuffle(2), nn.Conv2d(width, 3, 1))


class Attention(nn.Module):
    def __init__(self, width, heads, dropout):
        super().__init__()
        self.heads = heads
        self.attention_dropout, self.output_dropout = nn.Dropout(dropout), nn.Dropout(dropout)
        for name in "qkvo":
            setattr(self, f"proj_{name}", nn.Linear(width, width, bias=False))

    def split(self, x):
        return x.unflatten(2, (self.heads, -1)).transpose(1, 2)

    def forward(self, queries, memory, mask=None):
        q, k, v = self.split(self.proj_q(queries)), self.split(self.proj_k(memory)), self.split(
            self.proj_v(memory))
        scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-1, -2)
        if mask is not None:
            scores = scores.masked_fill(mask, float("-inf"))
        mixed = self.attention_dropout(F.softmax(scores, -1)) @ v
        return self.output_dropout(self.proj_o(mixed.transpose(1, 2).flatten(2)))


class DecoderBlock(nn.Module):
    def __init__(self, width, heads, dropout, length, first):
        super().__init__()
        self.first = first
        self.self_attn_layer_norm = nn.LayerNorm(width)
        self.self_attn = Attention(width, heads, dropout)
        self.encoder_decoder_attn_layer_norm = nn.LayerNorm(width)
        self.encoder_decoder_attn = Attention(width, heads, dropout)
        self.ffn_layer_norm = nn.LayerNorm(width)
        self.ffn = nn.Sequential(
            nn.Linear(width, 4 * width), nn.ReLU(), nn.Linear(4 * width, width),
            nn.Dropout(dropout))
        mask = torch.triu(torch.ones(length, length, dtype=torch.bool), diagonal=1)
        self.register_buffer("mask", mask, persistent=False)

    def forward(self, x, memory):
        length = x.shape[1]
        normed = self.self_attn_layer_norm(x)
        x = (normed if self.first else x) + self.self_attn(
            normed, normed, self.mask[:length, :length])
        x = x + self.encoder_decoder_attn(self.encoder_decoder_attn_layer_norm(x), memory)
        return x + self.ffn(self.ffn_layer_norm(x))


class Decoder(nn.Module):
    def __init__(self, blocks, width, heads, dropout, length):
        super().__init__()
        self.blocks = nn.ModuleList(
            DecoderBlock(width, heads, dropout, length, index == 0) for index in range(blocks))
        self.layer_norm = nn.LayerNorm(width)

    def forward(self, x, memory):
        for block in self.blocks:
            x = block(x, memory)
        return self.layer_norm(x)


class SlotEncoder(nn.Module):
    def __init__(self, s):
        super().__init__()
        d = s["d_model"]
        self.implicit = s.get("implicit", False)
        self.layer_norm = nn.LayerNorm(d)
        self.mlp = nn.Sequential(nn.Linear(d, d), nn.ReLU(), nn.Linear(d, d))
        self.slot_mu = nn.Parameter(torch.zeros(1, 1, s["slot_size"]))
        self.slot_log_sigma = nn.Parameter(torch.zeros(1, 1, s["slot_size"]))
        self.slot_attention = SlotAttention(d, s["slot_size"], s["mlp_hidden_size"])

    def forward(self, embeddings, noise, iterations):
        slots = self.slot_mu + self.slot_log_sigma.exp() * noise
        return self.slot_attention(
            self.mlp(self.layer_norm(embeddings)), slots, iterations, self.implicit)


def gumbel_like(x):
    return -torch.empty_like(x).exponential_().log()


class SLATE(nn.Module):
    def __init__(self, s):
        super().__init__()
        self.s, d, tokens = s, s["d_model"], (s["image_size"] // 4) ** 2
        self.dvae = DVAE(s["vocab_size"], s.get("dvae_width", 64))
        self.dictionary = nn.Module()
        self.dictionary.dictionary = nn.Embedding(s["vocab_size"] + 1, d)
        self.positional_encoder = nn.Module()
        self.positional_encoder.pe = nn.Parameter(torch.zeros(1, 1 + tokens, d))
        self.dropout = nn.Dropout(s["dropout"])
        self.slot_attn = SlotEncoder(s)
        self.slot_proj = nn.Linear(s["slot_size"], d, bias=False)
        self.tf_dec = Decoder(s["num_dec_blocks"], d, s["num_heads"], s["dropout"], tokens)
        self.out = nn.Linear(d, s["vocab_size"], bias=False)

    def embed(self, tokens):
        begin = torch.zeros(tokens.shape[0], 1, dtype=torch.long)
        vectors = self.dictionary.dictionary(torch.cat([begin, tokens + 1], 1))
        return self.dropout(vectors + self.positional_encoder.pe[:, : vectors.shape[1]])

    def forward(self, image, tau, relaxed_noise=None, hard_noise=None, slot_noise=None):
        batch = image.shape[0]
        logits = F.log_softmax(self.dvae.encoder(image), dim=1)
        noise = gumbel_like(logits) if relaxed_noise is None else relaxed_noise
        recon = self.dvae.decoder(F.softmax((logits + noise) / tau, dim=1))
        with torch.no_grad():
            noise = gumbel_like(logits) if hard_noise is None else hard_noise
            tokens = (logits + noise).argmax(1).flatten(1)
        embedded = self.embed(tokens)
        if slot_noise is None:
            slot_noise = torch.randn(batch, self.s["num_slots"], self.s["slot_size"])
        slots = self.slot_attn(embedded[:, 1:], slot_noise, self.s["iterations"])
        decoded = self.tf_dec(embedded[:, :-1], self.slot_proj(slots))
        cross_entropy = F.cross_entropy(
            self.out(decoded).flatten(0, 1), tokens.flatten(), reduction="sum") / batch
        mse = (image - recon).square().sum() / batch
        return mse, cross_entropy

    @torch.no_grad()
    def reconstruct(self, image, slot_noise):
        """The published procedure: the decoder runs over the whole prefix for every token."""
        logits = F.log_softmax(self.dvae.encoder(image), dim=1)
        embedded = self.embed(logits.argmax(1).flatten(1))
        memory = self.slot_proj(self.slot_attn(embedded[:, 1:], slot_noise, self.s["iterations"]))
        tokens = torch.zeros(image.shape[0], 0, dtype=torch.long)
        for _ in range(embedded.shape[1] - 1):
            decoded = self.tf_dec(self.embed(tokens), memory)
            tokens = torch.cat([tokens, self.out(decoded)[:, -1:].argmax(-1)], 1)
        grid = logits.shape[-1]
        z = F.one_hot(tokens, logits.shape[1]).transpose(1, 2).float().unflatten(2, (grid, grid))
        return self.dvae.decoder(z).clamp(0, 1)


def channels_first(array):
    return torch.from_numpy(array).permute(0, 3, 1, 2).contiguous()


def load(exchange):
    model = SLATE(exchange.settings)
    model.load_state_dict({k: torch.from_numpy(v) for k, v in exchange.group("param").items()})
    return model


def main():
    options = harness.arguments(compile=0, work="step")
    if options.threads:
        torch.set_num_threads(options.threads)
    exchange = harness.Exchange(options.exchange)
    model, inputs, settings = load(exchange), exchange.group("in"), exchange.settings
    image = channels_first(inputs["image"])
    versions = {"torch": torch.__version__}

    if options.work == "reconstruct":
        model.eval()
        noise = torch.from_numpy(inputs["slot_noise"])
        result = model.reconstruct(image, noise)
        differences = exchange.differences({"image": result.permute(0, 2, 3, 1).numpy()})
        harness.serve(differences, lambda: model.reconstruct(image, noise), versions)
        return

    # The check is in double precision: in single precision PyTorch's own gradients of the
    # autoencoder are off by up to 2%, ours by 2e-6.
    exact = load(exchange).double().eval()
    mse, cross_entropy = exact(
        image.double(), settings["tau"], channels_first(inputs["gumbel_relaxed"]).double(),
        channels_first(inputs["gumbel_hard"]).double(),
        torch.from_numpy(inputs["slot_noise"]).double())
    (mse + cross_entropy).backward()
    names = dict(exact.named_parameters())
    results = {"mse": mse.detach(), "cross_entropy": cross_entropy.detach()}
    for name in exchange.group("out"):
        if name.startswith("grad."):
            results[name] = names[name[5:]].grad
    differences = exchange.differences({k: v.numpy() for k, v in results.items()})

    # Ours draws more images of the same size; what is in them does not matter for the time.
    image = image.repeat(-(-settings["timed_batch"] // len(image)), 1, 1, 1)[
        : settings["timed_batch"]]
    model.train()
    names = dict(model.named_parameters())
    dvae = [p for n, p in names.items() if n.startswith("dvae.")]
    rest = [p for n, p in names.items() if not n.startswith("dvae.")]
    optimizer = torch.optim.Adam([{"params": dvae, "lr": 3e-4}, {"params": rest, "lr": 1e-4}])
    forward = torch.compile(model) if options.compile else model

    def step():
        optimizer.zero_grad()
        mse, cross_entropy = forward(image, settings["tau"])
        (mse + cross_entropy).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0, "inf")
        optimizer.step()
        return mse.item(), cross_entropy.item()

    step()
    harness.serve(differences, step, versions, threads=torch.get_num_threads())


if __name__ == "__main__":
    main()
