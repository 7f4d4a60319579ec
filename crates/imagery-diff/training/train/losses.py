"""What the network is asked for: the right probability of every pixel, and overlap of the rare ones."""

from __future__ import annotations

import torch
from torch import Tensor

HEAD_WEIGHTS = (1.0, 1.0, 0.4, 0.4, 0.4)
"""How much each output counts, in output order."""

DICE_SHARE = 0.5


def loss(logits: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Cross-entropy and dice over the pixels that count; all [N,5,H,W], target and weight 0..1."""
    heads = torch.tensor(HEAD_WEIGHTS, device=logits.device)
    counted = weight.sum((0, 2, 3)).clamp(min=1)
    entropy = torch.nn.functional.binary_cross_entropy_with_logits(logits, target, weight, reduction="none")
    probability = torch.sigmoid(logits) * weight
    target = target * weight
    overlap = 2 * (probability * target).sum((0, 2, 3)) + 50
    dice = 1 - overlap / (probability.sum((0, 2, 3)) + target.sum((0, 2, 3)) + 50)
    per_head = entropy.sum((0, 2, 3)) / counted + DICE_SHARE * dice
    return (heads * per_head).sum()
