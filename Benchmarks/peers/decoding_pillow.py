"""One epoch of decoding and resizing with Pillow and a DataLoader of two workers."""

import pathlib

import numpy as np
import torch
from PIL import Image, __version__
from torch.utils.data import DataLoader, Dataset

import harness


class Images(Dataset):
    def __init__(self, folder, size):
        self.files, self.size = sorted(pathlib.Path(folder).iterdir()), size

    def __len__(self):
        return len(self.files)

    def __getitem__(self, index):
        image = Image.open(self.files[index]).convert("RGB")
        if image.size != (self.size, self.size):
            image = image.resize((self.size, self.size), Image.Resampling.BICUBIC)
        return torch.from_numpy(np.array(image)).float().div_(255)


def main():
    options = harness.arguments(workers=2)
    exchange = harness.Exchange(options.exchange)
    s = exchange.settings
    images = Images(s["folder"], s["size"])
    loader = DataLoader(
        images, batch_size=s["batch"], num_workers=options.workers, persistent_workers=True)

    def epoch():
        return sum(batch.shape[0] for batch in loader)

    first = torch.stack([images[index] for index in range(s["batch"])])
    epoch()
    harness.serve(
        exchange.differences({"batch": first.numpy()}), epoch, {"pillow": __version__})


if __name__ == "__main__":
    main()
