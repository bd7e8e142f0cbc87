"""PyTorch: the same VAE as a careful user would write it; decoders of the shelf; ONNX from them."""

import contextlib

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from benchmarks import work


class VAE(nn.Module):
    """The VAE of `work`; forward gives the negative ELBO, a mean over the batch."""

    def __init__(self, network):
        super().__init__()
        encoder, decoder = {"dense": _dense, "conv": _conv}[network]()
        self.encoder, self.decoder = nn.Sequential(*encoder), nn.Sequential(*decoder)
        work.check_parameters(network, sum(p.numel() for p in self.parameters()))

    def posterior(self, x):
        mean, raw = self.encoder(x).chunk(2, 1)
        return mean, F.softplus(raw) + 1e-4

    def forward(self, x):
        mean, scale = self.posterior(x)
        logits = self.decoder(mean + scale * torch.randn_like(mean)).reshape(x.shape)
        distortion = F.binary_cross_entropy_with_logits(logits, x, reduction="sum")
        rate = (0.5 * (mean * mean + scale * scale - 1) - scale.log()).sum()
        return (distortion + rate) / len(x)


def _dense():
    act = nn.ReLU
    encoder = [nn.Flatten(), nn.Linear(784, 500), act(), nn.Linear(500, 500), act()]
    decoder = [nn.Linear(50, 500), act(), nn.Linear(500, 500), act(), nn.Linear(500, 784)]
    return [*encoder, nn.Linear(500, 100)], decoder


def _conv():
    act = nn.ReLU
    encoder = [nn.Conv2d(1, 32, 3, 2, 1), act(), nn.Conv2d(32, 64, 3, 2, 1), act(), nn.Flatten()]
    encoder += [nn.Linear(3136, 256), act(), nn.Linear(256, 64)]
    decoder = [nn.Linear(32, 256), act(), nn.Linear(256, 3136), nn.Unflatten(1, (64, 7, 7)), act()]
    decoder += [
        nn.ConvTranspose2d(64, 32, 3, 2, 1, 1),
        act(),
        nn.ConvTranspose2d(32, 1, 5, 2, 2, 1),
    ]
    return encoder, decoder


def fit(network, compiled=False, channels_last=False):
    """Adam fused where PyTorch has that; a new order each epoch, whole batches gathered."""
    model, images = VAE(network), torch.tensor(work.images()).permute(0, 3, 1, 2)
    layout = torch.channels_last if channels_last else torch.contiguous_format
    model, images = model.to(memory_format=layout), images.contiguous(memory_format=layout)
    optimizer = torch.optim.Adam(model.parameters(), work.LEARNING_RATE, fused=True)
    loss_of = torch.compile(model) if compiled else model

    def train():
        for _ in range(work.EPOCHS):
            order = torch.randperm(len(images))
            for start in range(0, len(images), work.BATCH):
                optimizer.zero_grad(set_to_none=True)
                loss_of(images[order[start : start + work.BATCH]]).backward()
                optimizer.step()
        return work.EPOCHS * len(images)

    return train


def importance(network, images, samples):
    """A plain loop over images: draws, weights, log of their mean."""
    model, pixels = VAE(network), torch.tensor(work.images()[:images]).permute(0, 3, 1, 2)
    normal = lambda z, mean, scale: torch.distributions.Normal(mean, scale).log_prob(z).sum(-1)

    @torch.no_grad()
    def measure():
        for x in pixels:
            mean, scale = model.posterior(x[None])
            z = mean + scale * torch.randn(samples, mean.shape[1])
            logits = model.decoder(z).reshape(samples, *x.shape)
            target = x[None].expand_as(logits)
            log_weight = -F.binary_cross_entropy_with_logits(logits, target, reduction="none").sum(
                (1, 2, 3)
            )
            log_weight += normal(z, 0.0 * mean, 1.0 + 0.0 * scale) - normal(z, mean, scale)
            torch.logsumexp(log_weight, 0)
        return images * samples

    return measure


class Decoder(nn.Module):
    """A decoder of the shelf, layer by layer, with its weights; (B, D) -> (B, C, H, W) means."""

    def __init__(self, network):
        super().__init__()
        self.kept = nn.ModuleDict()
        self.steps, self.output = [], network.outputs[0]
        for layer in network.layers[1:]:
            sources = layer.input if isinstance(layer.input, list) else [layer.input]
            made = _translated(layer)
            if isinstance(made, nn.Module):
                self.kept[f"{layer.name}_layer"] = made  # some names are those of methods
            self.steps.append((id(layer.output), [id(source) for source in sources], made))
        self.first, self.last = id(network.inputs[0]), id(network.outputs[0])

    def forward(self, z):
        values = {self.first: z}
        for target, sources, step in self.steps:
            values[target] = step(*(values[source] for source in sources))
        return torch.sigmoid(values[self.last])


def _translated(layer):
    """A layer of Keras as a function of tensors in PyTorch's order of axes."""
    kind, weights = type(layer).__name__, [torch.tensor(np.array(w)) for w in layer.get_weights()]
    act = _activation(getattr(layer, "activation", None))
    if kind == "Dense":
        made = nn.Linear(*weights[0].shape)
        _set(made, weights[0].T, weights[1])
    elif kind == "Conv2D":
        made = nn.Conv2d(*weights[0].shape[2:], weights[0].shape[:2], padding="same")
        _set(made, weights[0].permute(3, 2, 0, 1), weights[1])
    elif kind == "Conv2DTranspose":
        taps, _, outputs, inputs = weights[0].shape
        made = nn.ConvTranspose2d(inputs, outputs, taps, 2, padding=(taps - 2) // 2)
        _set(made, weights[0].permute(3, 2, 0, 1), weights[1])
        return _Twice(made, act)
    elif kind == "Reshape":
        height, width, channels = layer.target_shape
        return lambda x: x.reshape(-1, height, width, channels).permute(0, 3, 1, 2)
    elif kind == "Cropping2D":
        (top, bottom), (left, right) = layer.cropping
        return lambda x: x[..., top : x.shape[-2] - bottom, left : x.shape[-1] - right]
    else:
        return {"Activation": act, "Add": torch.add, "Multiply": torch.mul}[kind]
    return nn.Sequential(made, act) if isinstance(act, nn.Module) else made


class _Twice(nn.Module):
    """A transposed convolution of stride 2, cut to twice the size as Keras's "same" is."""

    def __init__(self, convolution, activation):
        super().__init__()
        self.convolution, self.activation = convolution, activation

    def forward(self, x):
        height, width = 2 * x.shape[-2], 2 * x.shape[-1]
        return self.activation(self.convolution(x)[..., :height, :width])


def _activation(function):
    name = getattr(function, "__name__", "linear")
    return {"linear": nn.Identity, "relu": nn.ReLU, "elu": nn.ELU, "sigmoid": nn.Sigmoid}[name]()


def _set(module, kernel, bias):
    with torch.no_grad():
        module.weight.copy_(kernel)
        module.bias.copy_(bias)


def decoder_of(entry):
    """(Decoder, latent_dim) of a shelf entry, checked against Keras's pixels."""
    from keras_vae import zoo

    model = zoo.load(entry)
    made, z = Decoder(model.decoder).eval(), work.codes(4, model.latent_dim)
    with torch.no_grad():
        pixels = made(torch.tensor(z)).permute(0, 2, 3, 1).numpy()
    apart = np.abs(pixels - model.decode(z)).max()
    if apart > 1e-4:
        raise ValueError(f"PyTorch's pixels of {entry} are {apart:.2g} from Keras's.")
    return made, model.latent_dim


def decoder(entry, batch):
    torch.set_num_threads(1)
    model, latent_dim = decoder_of(entry)
    z = torch.tensor(work.codes(batch, latent_dim))

    return work.decoding(torch.inference_mode()(lambda: model(z).numpy()), batch)


def onnx_files(entry, folder, batch):
    """Writes float32 and dynamically quantised ONNX files; {name: path}."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    model, latent_dim = decoder_of(entry)
    path = f"{folder}/{entry}_{batch}.onnx"
    small = path.replace(".onnx", "_int8.onnx")
    with contextlib.redirect_stdout(None):
        torch.onnx.export(model, torch.zeros(batch, latent_dim), path, dynamo=False)
    quantize_dynamic(path, small, weight_type=QuantType.QUInt8)
    return {"float32": path, "int8": small}
