"""Waveforms of fifty pixels and two gains: noise without light, and flashes of equal light."""

import numpy as np


def noise(n_events, sigma=5.0, seed=1):
    rng = np.random.default_rng(seed)
    samples = rng.normal(400.0, sigma, (n_events, 2, 50, 35))
    samples[:, :, 49] = 400.0 + rng.normal(0.0, 0.5, (n_events, 2, 35))
    return np.rint(samples).astype(np.uint16)


def flashes(n_events, gain, delay, n_pe=80, spe=0.4):
    rng = np.random.default_rng(5)
    n_pixels = len(gain)
    count = rng.poisson(n_pe, (n_events, n_pixels))
    charge = count + spe * np.sqrt(count) * rng.normal(size=count.shape)
    t = np.arange(35) - 15.0 - delay[:, None] - rng.uniform(-1, 1, (n_events, 1, 1))
    pulse = np.exp(-0.5 * (t / 1.2) ** 2) / (1.2 * np.sqrt(2 * np.pi))
    light = charge[..., None] * pulse
    samples = np.stack([light * gain[:, None], light * gain[:, None] / 10], axis=1)
    samples += rng.normal(400.0, 1.0, samples.shape)
    return np.rint(samples).astype(np.uint16)
