"""Command line: `python -m train prepare | fit | evaluate | export | all | draw | blend`."""

from __future__ import annotations

import argparse
import json
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path

import torch

from train import drawn_pairs, evaluate, places, real_pairs, rendered
from train.card import card
from train.export import export
from train.fit import CHECKPOINT, FitOptions, averaged_network, checkpointed, fit
from train.network import NETWORKS, ChangeNet
from train.real_pairs import VARIETIES
from train.recover import blended
from train.teach import Look

MODELS = ("open", "research")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="train", description=__doc__)
    parser.add_argument("task", choices=("prepare", "fit", "evaluate", "export", "all", "draw", "blend"))
    parser.add_argument("--model", choices=MODELS, default="open")
    parser.add_argument("--data", type=Path, help="folder with train/ and eval/")
    parser.add_argument("--cache", type=Path, required=True, help="folder for decoded places and real pairs")
    parser.add_argument(
        "--rendered", type=Path, help="folder that make-pairs wrote; without it prepare runs it with cargo"
    )
    parser.add_argument("--run", type=Path, help="folder for checkpoints (default: CACHE/run-MODEL)")
    parser.add_argument("--out", type=Path, help="ONNX file to write, its card beside it; of draw: folder")
    parser.add_argument("--version", default="0.1.0")
    parser.add_argument("--steps", type=int, default=20000)
    parser.add_argument("--batch", type=int, default=24)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--start-from", type=Path, help="checkpoint or ONNX file to begin with")
    parser.add_argument("--network", choices=tuple(NETWORKS), default="small")
    parser.add_argument("--tower", type=Path, help="ImageNet's weights for the large network's tower")
    parser.add_argument(
        "--teacher",
        type=Look.parsed,
        action="append",
        default=[],
        help="network to learn from beside the labels, FILE or FILE@1.25t: enlarged so far, t by half a turn; "
        "give it again for each",
    )
    parser.add_argument("--ranks", type=int, default=1, help="processes that share each step")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--compiled", action="store_true", help="twice as fast; needs a C++ compiler")
    parser.add_argument(
        "--pairs",
        choices=tuple(VARIETIES),
        default="varied",
        help="of research: how real pairs, which are under academic terms, are shown; as-they-are shows them alone",
    )
    parser.add_argument("--with", dest="second", type=Path, help="ONNX file that blend mixes with that of --start-from")
    parser.add_argument("--share", type=float, default=0.5, help="how much of it")
    parser.add_argument("--count", type=int, default=400, help="pairs that draw writes")
    parser.add_argument("--pictures", type=Path, help="folder for pictures of the evaluation")
    return parser.parse_args()


def fit_options(given: argparse.Namespace, run: Path) -> FitOptions:
    real_share, variety = VARIETIES[given.pairs]
    own = {"run": run, "rank": 0, "real_share": real_share if given.model == "research" else 0.0, "variety": variety}
    shared = [field.name for field in fields(FitOptions) if field.name not in own]
    return FitOptions(**own, **{name: getattr(given, name) for name in shared})


def trained(run: Path) -> tuple[ChangeNet, dict[str, object]]:
    """The averaged network of a run and how it was trained."""
    kept = checkpointed(run / CHECKPOINT)
    date = datetime.now(UTC).date().isoformat()
    return averaged_network(kept), {
        "date": date,
        "steps": kept["earlier_steps"] + kept["step"],
        "seed": kept["seed"],
    }


def mixed(given: argparse.Namespace) -> tuple[ChangeNet, dict[str, object]]:
    """The network between two ONNX files, and how the longer trained one was trained."""
    files = (given.start_from, given.second)
    histories = [json.loads(path.with_suffix(".json").read_text())["trained_on"] for path in files]
    return blended(given.network, *files, given.share), max(histories, key=lambda history: history["steps"])


def main() -> None:
    given = arguments()
    if given.pairs != "varied" and given.model != "research":
        raise SystemExit(f"--pairs {given.pairs} is of real pairs, which --model {given.model} may not see")
    run = given.run or given.cache / f"run-{given.model}"
    if given.task in ("prepare", "all"):
        places.prepare(given.data, given.cache, given.seed)
        real_pairs.prepare(given.data, given.cache)
        rendered.prepare(given.cache, given.rendered)
    if given.task == "draw":
        drawn_pairs.write(given.cache, given.out, given.count, given.seed)
    if given.task in ("fit", "all"):
        fit(fit_options(given, run))
    if given.task in ("evaluate", "export", "all", "blend"):
        torch.set_num_threads(given.threads)
        network, trained_on = mixed(given) if given.task == "blend" else trained(run)
        figures = evaluate.evaluate(network, given.data / "eval", given.pictures)
        print(json.dumps(figures, indent=2))
        if given.task != "evaluate":
            told = card(given.out.stem, given.model, network, given.version, trained_on, figures)
            export(network, given.out, told)


if __name__ == "__main__":
    main()
