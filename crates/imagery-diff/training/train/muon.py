"""An optimiser for the filters of convolutions: steps of one size in every direction of a layer.

The mean of a layer's gradients, as a matrix of filters by what they read, is made nearly orthogonal by a polynomial
that draws its singular values towards one, so that directions in which the gradient is small are learned as fast as
those in which it is large (Jordan et al., "Muon: an optimizer for hidden layers in neural networks", 2024). The step is
as large as AdamW's, so that both share a rate (Liu et al., "Muon is scalable for LLM training", 2025).
"""

from __future__ import annotations

import torch
from torch import Tensor

MOMENTUM = 0.95
"""Weight of the past in the mean of the gradients."""

ROUNDS = 5
"""How often the polynomial is applied."""

POLYNOMIAL = (3.4445, -4.7750, 2.0315)
"""Coefficients of x, x^3 and x^5, by Jordan et al.: five rounds bring what is small to between 0.7 and 1.2."""

STEP = 0.2
"""Root mean square of a step over the rate, which is what AdamW's comes to."""


def orthogonal(matrix: Tensor) -> Tensor:
    """A matrix [M,N] with its singular vectors and with singular values near one.

    Every round multiplies from the left by a polynomial of the matrix times its transpose, so that the rounds are
    worked out on the small square alone and the long matrix is multiplied once.
    """
    flat = matrix.mT if matrix.shape[0] > matrix.shape[1] else matrix
    flat = flat / (flat.norm() + 1e-7)
    first, third, fifth = POLYNOMIAL
    square = flat @ flat.mT
    one = torch.eye(len(square), dtype=flat.dtype, device=flat.device)
    rounds = one
    for _ in range(ROUNDS):
        factor = first * one + third * square + fifth * square @ square
        rounds = factor @ rounds
        square = factor @ square @ factor
    flat = rounds @ flat
    return flat.mT if matrix.shape[0] > matrix.shape[1] else flat


class Muon(torch.optim.Optimizer):
    """Learns parameters [outputs, inputs, rows, cols] of convolutions over all channels."""

    def __init__(self, groups: list[dict], lr: float, weight_decay: float) -> None:
        super().__init__(groups, {"lr": lr, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self) -> None:
        """One step along the gradients, looking ahead by half a step as Nesterov does."""
        for group in self.param_groups:
            for parameter in group["params"]:
                state = self.state[parameter]
                if not state:
                    state["mean"] = torch.zeros_like(parameter)
                mean = state["mean"]
                mean.lerp_(parameter.grad, 1 - MOMENTUM)
                matrix = parameter.grad.lerp(mean, MOMENTUM).flatten(1)
                step = orthogonal(matrix) * (STEP * max(matrix.shape) ** 0.5)
                parameter.mul_(1 - group["lr"] * group["weight_decay"])
                parameter.sub_(step.view_as(parameter), alpha=group["lr"])
