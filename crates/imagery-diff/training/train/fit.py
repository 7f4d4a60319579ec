"""Fits a network: batches made in worker processes, Muon and AdamW with a cosine, averaged weights, checkpoints.

With several ranks each is a process of its own that makes its batches and takes the mean of all gradients: on a CPU two
ranks of one thread are a third faster than one of two threads, since no layer waits for the other core.
"""

from __future__ import annotations

import copy
import json
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
import torch.distributed
import torch.multiprocessing
from torch import Tensor, nn
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from train.lite import Lite
from train.losses import loss
from train.muon import Muon
from train.network import NETWORKS, ChangeNet
from train.places import load
from train.real_pairs import RealPairs, Variety, sample_from_pairs
from train.recover import as_told, recovered
from train.rendered import RenderedPairs, sample_from_rendered
from train.samples import Ground, Sample, sample_from_places
from train.teach import Look, Teachers

WARM_UP_STEPS = 200
AVERAGE_DECAY = 0.999
"""Weight of the past in the exponential moving average; the average is what is exported."""

CHECKPOINT = "checkpoint.pt"
"""File in a run's folder that the run goes on from."""

CHECKPOINT_STEPS = 250

STATISTICS_SAMPLES = 96
"""Samples from which the batch norm's statistics are measured when a run begins with an ONNX file."""

GRADIENT_NORM_MAX = 5.0

WEIGHT_DECAY = 0.01

MEETING = "meeting"
"""File in the run's folder by which its ranks find each other."""

TOWER_RATE_SHARE = 1 / 3
"""Learning rate of a tower that begins with ImageNet's weights, as a share of the rate of the rest."""

RENDERED_SHARE = 0.3
"""Share of rendered pairs among the samples that are not from real pairs."""

TEACHER_SHARE = 0.6
"""How much the teachers' maps count beside the labels."""


@dataclass(frozen=True)
class FitOptions:
    """One training run; `steps` fixes the learning-rate curve, `real_share` is the share of real labelled pairs.

    `variety` says what is done to those. `batch` and `workers` are those of each rank,
    `rank` the number of this one. `tower` are ImageNet's weights, `teacher` the networks whose maps are learned beside
    the labels.
    """

    network: str
    cache: Path
    run: Path
    steps: int
    batch: int
    rate: float
    seed: int
    workers: int
    threads: int
    real_share: float
    variety: Variety
    start_from: Path | None
    tower: Path | None
    teacher: list[Look]
    ranks: int
    rank: int
    device: str
    compiled: bool


class Batches(IterableDataset):
    """Endless batches; worker w makes every `workers`-th batch, each from its own seed."""

    def __init__(self, options: FitOptions, first_step: int) -> None:
        self.options = options
        self.first_step = first_step

    def __iter__(self) -> Iterator[tuple[Tensor, ...]]:
        cv2.setNumThreads(1)
        info = get_worker_info()
        number, of = (info.id, info.num_workers) if info else (0, 1)
        ground = Ground(load(self.options.cache))
        pairs = RealPairs.load(self.options.cache) if self.options.real_share > 0 else None
        rendered = RenderedPairs.load(self.options.cache) if self.options.real_share < 1 else None
        for step in range(self.first_step + number, self.options.steps, of):
            rng = np.random.default_rng((self.options.seed, step * self.options.ranks + self.options.rank))
            samples = [self.sample(rng, ground, pairs, rendered) for _ in range(self.options.batch)]
            yield tuple(
                torch.from_numpy(np.stack([getattr(sample, name) for sample in samples]))
                for name in ("pair", "target", "weight", "drawn")
            )

    def sample(
        self, rng: np.random.Generator, ground: Ground, pairs: RealPairs | None, rendered: RenderedPairs | None
    ) -> Sample:
        if pairs is not None and rng.random() < self.options.real_share:
            return sample_from_pairs(rng, pairs, ground, self.options.variety)
        if rendered is not None and rng.random() < RENDERED_SHARE:
            return sample_from_rendered(rng, rendered)
        return sample_from_places(rng, ground)


def rate_at(step: int, options: FitOptions) -> float:
    """Linear warm-up, then half a cosine down to a hundredth."""
    if step < WARM_UP_STEPS:
        return options.rate * (step + 1) / WARM_UP_STEPS
    progress = (step - WARM_UP_STEPS) / max(1, options.steps - WARM_UP_STEPS)
    return options.rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * progress)))


def average(into: ChangeNet, network: ChangeNet, step: int) -> None:
    """Moves the averaged weights towards the network's; faster in the first steps."""
    decay = min(AVERAGE_DECAY, (1 + step) / (10 + step))
    with torch.no_grad():
        for kept, current in zip(into.state_dict().values(), network.state_dict().values(), strict=True):
            if kept.dtype.is_floating_point:
                kept.lerp_(current, 1 - decay)
            else:
                kept.copy_(current)


def start(options: FitOptions) -> tuple[ChangeNet, ChangeNet, list[torch.optim.Optimizer], int]:
    """Network, averaged network, optimisers and first step: from the run's checkpoint, another model, or nothing."""
    torch.manual_seed(options.seed)
    network = beginning(options).train()
    network = network.to(options.device, memory_format=torch.channels_last)
    averaged = copy.deepcopy(network)
    optimisers = optimisers_of(network, options.rate)
    checkpoint = options.run / CHECKPOINT
    if not checkpoint.exists():
        return network, averaged, optimisers, 0
    kept: dict[str, Any] = torch.load(checkpoint, map_location=options.device, weights_only=True)
    network.load_state_dict(kept["network"])
    averaged.load_state_dict(kept["average"])
    for optimiser, state in zip(optimisers, kept["optimisers"], strict=True):
        optimiser.load_state_dict(state)
    return network, averaged, optimisers, kept["step"]


def beginning(options: FitOptions) -> ChangeNet:
    """The network before the first step: new, from a checkpoint, or from a shipped ONNX file."""
    if options.start_from is None:
        network = NETWORKS[options.network]()
        if options.tower is not None:
            network.tower.begin_with(options.tower)
        return network
    if options.start_from.suffix == ".onnx":
        batches = iter(Batches(options, 0))
        samples = torch.cat([next(batches)[0] for _ in range(max(1, STATISTICS_SAMPLES // options.batch))])
        return recovered(options.network, options.start_from, samples.float() / 255)
    kept = checkpointed(options.start_from)
    if kept["name"] != options.network:
        message = f"{options.start_from} holds the {kept['name']} network, but --network is {options.network}"
        raise ValueError(message)
    return averaged_network(kept)


def teachers(options: FitOptions) -> Teachers:
    """The networks to learn from: checkpoints of any kind, ONNX files of the kind that is trained."""
    networks = [
        as_told(options.network, look.path)
        if look.path.suffix == ".onnx"
        else averaged_network(checkpointed(look.path))
        for look in options.teacher
    ]
    return Teachers(networks, options.teacher).eval()


def checkpointed(path: Path) -> dict[str, Any]:
    """What a checkpoint holds."""
    return torch.load(path, map_location="cpu", weights_only=True)


def averaged_network(kept: dict[str, Any]) -> ChangeNet:
    """The averaged network of a checkpoint, for use and not for training."""
    network = NETWORKS[kept["name"]]()
    network.load_state_dict(kept["average"])
    return network.eval()


def write_checkpoint(run: Path, kept: dict[str, Any]) -> None:
    """Writes what a run goes on from, whole or not at all."""
    partial = run / "checkpoint.part"
    torch.save(kept, partial)
    partial.replace(run / CHECKPOINT)


def optimisers_of(network: ChangeNet, rate: float) -> list[torch.optim.Optimizer]:
    """Muon for filters over all channels, AdamW for the rest; their groups say their share of the rate."""
    begun = network.tower if isinstance(network.tower, Lite) else nn.Module()
    slow = {id(parameter) for parameter in begun.parameters()}
    learned = [parameter for parameter in network.parameters() if parameter.requires_grad]

    def groups(of_filters: bool) -> list[dict[str, Any]]:
        of_kind = [each for each in learned if (each.ndim == 4 and each.shape[1] > 1) == of_filters]
        return [
            {"params": [each for each in of_kind if id(each) not in slow], "share": 1.0},
            {"params": [each for each in of_kind if id(each) in slow], "share": TOWER_RATE_SHARE},
        ]

    return [
        Muon(groups(True), lr=rate, weight_decay=WEIGHT_DECAY),
        torch.optim.AdamW(groups(False), lr=rate, weight_decay=WEIGHT_DECAY),
    ]


def earlier_steps(options: FitOptions) -> int:
    """Steps already in the weights that the run began with."""
    if options.start_from is None:
        return 0
    if options.start_from.suffix == ".onnx":
        return json.loads(options.start_from.with_suffix(".json").read_text())["trained_on"]["steps"]
    kept = checkpointed(options.start_from)
    return kept["step"] + kept["earlier_steps"]


def keep(
    options: FitOptions,
    network: ChangeNet,
    averaged: ChangeNet,
    optimisers: list[torch.optim.Optimizer],
    step: int,
    earlier: int,
) -> None:
    """Writes the run's checkpoint."""
    weights = {"network": network.state_dict(), "average": averaged.state_dict()}
    learning = {"optimisers": [optimiser.state_dict() for optimiser in optimisers]}
    told = {"name": options.network, "step": step, "seed": options.seed, "earlier_steps": earlier}
    write_checkpoint(options.run, weights | learning | told)


def mean_gradients(network: ChangeNet, ranks: int) -> None:
    """Replaces every gradient by its mean over the ranks."""
    gradients = [parameter.grad for parameter in network.parameters() if parameter.grad is not None]
    flat = torch.cat([gradient.flatten() for gradient in gradients]).div_(ranks)
    torch.distributed.all_reduce(flat)
    for gradient, part in zip(gradients, flat.split([each.numel() for each in gradients]), strict=True):
        gradient.copy_(part.view_as(gradient))


def fit(options: FitOptions) -> None:
    """Trains to `options.steps`, going on from the run folder's checkpoint if there is one."""
    options.run.mkdir(parents=True, exist_ok=True)
    if options.ranks == 1:
        fit_rank(0, options)
    else:
        (options.run / MEETING).unlink(missing_ok=True)
        torch.multiprocessing.spawn(fit_rank, (options,), options.ranks)


def half_precision(device: str) -> torch.autocast:
    """bf16 where the processor computes with it: four times as fast as f32 there, several times slower elsewhere."""
    kind = device.split(":")[0]
    has_it = kind != "cpu" or torch.cpu.get_capabilities().get("avx512_bf16", False)
    return torch.autocast(kind, torch.bfloat16, enabled=has_it)


class Step:
    """One step of training: what a batch says, and what it changes."""

    def __init__(self, options: FitOptions, network: ChangeNet) -> None:
        self.options, self.network = options, network
        # Fused by the compiler both run in half the time; the weights stay those of `network`.
        made = torch.compile if options.compiled else lambda each: each
        self.forward, self.measure = made(network), made(loss)
        self.teachers = None
        if options.teacher:
            self.teachers = made(teachers(options).to(options.device, memory_format=torch.channels_last))

    def loss(self, batch: tuple[Tensor, ...]) -> Tensor:
        """How wrong the network is about a batch of pairs, targets and weights, 0..255, and whether each is drawn."""
        *shown, drawn = (part.to(self.options.device) for part in batch)
        pair, target, weight = (part.float().div_(255) for part in shown)
        pair = pair.contiguous(memory_format=torch.channels_last)
        # The loss stays in f32.
        with half_precision(self.options.device):
            logits = self.forward(pair).float()
        value = self.measure(logits, target, weight)
        if self.teachers is None:
            return value
        with torch.no_grad(), half_precision(self.options.device):
            labelled = drawn[:, None, None, None]
            taught = torch.where(labelled, target, self.teachers(pair))
            counts = torch.where(labelled, weight, 1.0)
        return torch.lerp(value, self.measure(logits, taught, counts), TEACHER_SHARE)


def fit_rank(rank: int, options: FitOptions) -> None:
    """The part of one process; the first one prints, averages and keeps checkpoints."""
    options = replace(options, rank=rank)
    torch.set_num_threads(options.threads)
    if options.ranks > 1:
        meeting = (options.run / MEETING).resolve().as_uri()
        torch.distributed.init_process_group("gloo", meeting, rank=rank, world_size=options.ranks)
    network, averaged, optimisers, first = start(options)
    network.train()
    wrong = Step(options, network)
    batches = DataLoader(
        Batches(options, first),
        batch_size=None,
        num_workers=options.workers,
        prefetch_factor=4 if options.workers else None,
    )
    began, total, earlier = time.monotonic(), 0.0, earlier_steps(options)
    for step, batch in enumerate(batches, first):
        for group in (group for optimiser in optimisers for group in optimiser.param_groups):
            group["lr"] = rate_at(step, options) * group["share"]
        value = wrong.loss(batch)
        network.zero_grad()
        value.backward()
        if options.ranks > 1:
            mean_gradients(network, options.ranks)
        torch.nn.utils.clip_grad_norm_(network.parameters(), GRADIENT_NORM_MAX)
        for optimiser in optimisers:
            optimiser.step()
        if rank > 0:
            continue
        average(averaged, network, step)
        total += value.item()
        if (step + 1) % 50 == 0:
            rate = (step + 1 - first) * options.batch * options.ranks / (time.monotonic() - began)
            print(f"step {step + 1}/{options.steps} loss {total / 50:.4f} {rate:.1f} samples/s", flush=True)
            total = 0.0
        if (step + 1) % CHECKPOINT_STEPS == 0 or step + 1 == options.steps:
            keep(options, network, averaged, optimisers, step + 1, earlier)
