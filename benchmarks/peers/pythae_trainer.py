"""pythae: its VAE over the same networks, by its own trainer."""

import logging
import tempfile

import torch
from pythae.data.datasets import BaseDataset
from pythae.models import VAE, VAEConfig
from pythae.models.base.base_utils import ModelOutput
from pythae.models.nn import BaseDecoder, BaseEncoder
from pythae.trainers import BaseTrainer, BaseTrainerConfig
from torch import nn

from benchmarks import work
from benchmarks.peers import pytorch

logging.disable(logging.INFO)


class Encoder(BaseEncoder):
    def __init__(self, layers):
        super().__init__()
        self.layers = layers

    def forward(self, x):
        mean, log_variance = self.layers(x).chunk(2, 1)
        return ModelOutput(embedding=mean, log_covariance=log_variance)


class Decoder(BaseDecoder):
    def __init__(self, layers):
        super().__init__()
        self.layers = layers

    def forward(self, z):
        return ModelOutput(reconstruction=self.layers(z).sigmoid().reshape(-1, 1, 28, 28))


def fit(network):
    plain = pytorch.VAE(network)
    shape = {"input_dim": (1, 28, 28), "latent_dim": work.LATENT_DIM[network]}
    config = VAEConfig(**shape, reconstruction_loss="bce")
    model = VAE(config, Encoder(nn.Sequential(*plain.encoder)), Decoder(plain.decoder))
    images = torch.tensor(work.images()).permute(0, 3, 1, 2).contiguous()
    data, folder = BaseDataset(images, torch.zeros(len(images))), tempfile.mkdtemp()

    def train():
        options = {"num_epochs": work.EPOCHS, "learning_rate": work.LEARNING_RATE}
        options |= {"per_device_train_batch_size": work.BATCH, "output_dir": folder}
        trainer = BaseTrainer(model, data, training_config=BaseTrainerConfig(**options))
        trainer.train()
        return work.EPOCHS * len(images)

    return train
