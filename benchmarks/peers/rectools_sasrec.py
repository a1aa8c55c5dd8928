"""Time and score RecTools' SASRec on a leave-one-out split.

Reads a gzipped text file with one user a line (the user's id, then item ids in
time order), or a folder with a RecBole atomic file (``*.inter`` or
``*.inter.gz``). Every user's last item is the test item and the one before it
the validation item; the rest is trained on. Prints one JSON line, with the
process's CPU seconds beside the clock's (on a shared machine with one thread
they tell more) and the load averages at start and end.

RecTools trains every position of a sequence at once, so ``--batch`` counts
sequences, and a trained position is a target that is no padding. Test users
are ranked by ``recommend(k=10, filter_viewed=True)``: the history, with the
validation item, is the input, and its items are left out of the ranking.

Needs ``rectools[torch]`` (0.19.0 tried).
"""

import argparse
import glob
import gzip
import json
import logging
import os
import time
import warnings


def read_sequences(path):
    """List of users' item lists (strings), in time order."""
    if not os.path.isdir(path):
        with gzip.open(path, "rt") as lines:
            return [line.split()[1:] for line in lines]
    (name,) = sorted(glob.glob(os.path.join(path, "*.inter*")))[:1]
    with (gzip.open if name.endswith(".gz") else open)(name, "rt") as lines:
        header = [field.split(":")[0] for field in next(lines).split()]
        user, item, when = (header.index(f) for f in ("user_id", "item_id", "timestamp"))
        users = {}
        for row in map(str.split, lines):
            users.setdefault(row[user], []).append((float(row[when]), row[item]))
    # A stable sort: items of one moment keep the file's order.
    return [[i for _, i in sorted(seen, key=lambda pair: pair[0])] for seen in users.values()]


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", required=True, help="file of sequences, or atomic-file folder")
    parser.add_argument("--dim", type=int, default=64)
    parser.add_argument("--length", type=int, default=50)
    parser.add_argument("--blocks", type=int, default=1)
    parser.add_argument("--heads", type=int, default=1)
    parser.add_argument("--dropout", type=float, default=0.2)
    parser.add_argument("--lr", type=float, default=0.001)
    parser.add_argument("--batch", type=int, default=128, help="sequences a step")
    parser.add_argument("--eval-batch", type=int, default=256, help="users a batch in recommend")
    parser.add_argument(
        "--loss", choices=("sampled_softmax", "BCE", "gBCE", "softmax"), default="sampled_softmax"
    )
    parser.add_argument("--negatives", type=int, default=256, help="a position; unused by softmax")
    parser.add_argument("--layers", choices=("sasrec", "ligr"), default="sasrec")
    parser.add_argument("--ff-multiplier", type=int, default=4, help="for ligr only")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--max-batches", type=int, help="stop each epoch here and extrapolate")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def main():
    args = parse_arguments()
    load = os.getloadavg()
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = str(args.threads)
    warnings.filterwarnings("ignore")
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    sequences = read_sequences(args.data)

    from importlib.metadata import version

    import numpy as np
    import pandas as pd
    import torch
    from pytorch_lightning import Callback, Trainer, seed_everything
    from rectools import Columns
    from rectools.dataset import Dataset
    from rectools.models import SASRecModel

    logging.getLogger("lightning_fabric").setLevel(logging.ERROR)
    torch.set_num_threads(args.threads)
    seed_everything(args.seed)

    def dataset_without(last):
        """Every user's items but the ``last`` ones, their positions as times."""
        kept = [items[:-last] for items in sequences]
        lengths = [len(items) for items in kept]
        at = np.concatenate([np.arange(n) for n in lengths])
        frame = pd.DataFrame(
            {
                Columns.User: np.repeat(np.arange(len(kept)), lengths),
                Columns.Item: [item for items in kept for item in items],
                Columns.Weight: 1.0,
                Columns.Datetime: pd.Timestamp("2000-01-01") + pd.to_timedelta(at, unit="D"),
            }
        )
        return Dataset.construct(frame)

    class Clock(Callback):
        """Seconds, CPU seconds and trained positions of each epoch."""

        def __init__(self):
            self.seconds, self.cpu, self.positions = [], [], []

        def on_train_epoch_start(self, trainer, module):
            self.positions.append(0)
            self.start, self.start_cpu = time.perf_counter(), time.process_time()

        def on_train_batch_end(self, trainer, module, outputs, batch, batch_idx):
            self.positions[-1] += int((batch["y"] != 0).sum())

        def on_train_epoch_end(self, trainer, module):
            self.seconds.append(time.perf_counter() - self.start)
            self.cpu.append(time.process_time() - self.start_cpu)

    def make_trainer():
        return Trainer(
            accelerator="cpu",
            devices=1,
            min_epochs=args.epochs,
            max_epochs=args.epochs,
            limit_train_batches=args.max_batches or 1.0,
            callbacks=[Clock()],
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )

    extra = {}
    if args.layers == "ligr":
        from rectools.models.nn.transformers.ligr import LiGRLayers

        extra = {
            "transformer_layers_type": LiGRLayers,
            "transformer_layers_kwargs": {"ff_factors_multiplier": args.ff_multiplier},
            "use_key_padding_mask": True,
        }
    model = SASRecModel(
        n_factors=args.dim,
        session_max_len=args.length,
        n_blocks=args.blocks,
        n_heads=args.heads,
        dropout_rate=args.dropout,
        loss=args.loss,
        n_negatives=args.negatives,
        lr=args.lr,
        batch_size=args.batch,
        epochs=args.epochs,
        recommend_batch_size=args.eval_batch,
        recommend_torch_device="cpu",
        get_trainer_func=make_trainer,
        **extra,
    )
    model.fit(dataset_without(2))
    # The trainer that ran is a copy of the one that was made.
    clock = next(c for c in model.fit_trainer.callbacks if isinstance(c, Clock))

    # The library leaves out users with fewer than two items to train on.
    trained = [min(len(items) - 2, args.length + 1) for items in sequences if len(items) >= 4]
    positions, batches = sum(n - 1 for n in trained), -(-len(trained) // args.batch)
    share = 1.0 if not args.max_batches else min(1.0, args.max_batches / batches)
    if share == 1.0 and set(clock.positions) != {positions}:
        raise RuntimeError(f"counted {clock.positions} positions where {positions} were expected")
    epochs = [s / share for s in clock.seconds]
    cpu = [s / share for s in clock.cpu]

    histories = dataset_without(1)
    users = np.arange(len(sequences))
    start, start_cpu = time.perf_counter(), time.process_time()
    recommended = model.recommend(
        users=users, dataset=histories, k=10, filter_viewed=True, on_unsupported_targets="warn"
    )
    evaluation = time.perf_counter() - start
    evaluation_cpu = time.process_time() - start_cpu
    start = time.perf_counter()
    targets = np.array([items[-1] for items in sequences])
    hit = recommended[Columns.Item].to_numpy() == targets[recommended[Columns.User].to_numpy()]
    gain = (hit / np.log2(recommended[Columns.Rank].to_numpy() + 1)).sum()
    scores = {"hit@10": hit.sum() / len(users), "ndcg@10": gain / len(users)}
    scoring = time.perf_counter() - start

    best = min(epochs)
    print(
        json.dumps(
            {
                "library": "rectools",
                "model": "SASRecModel",
                "data": os.path.basename(os.path.normpath(args.data)),
                "settings": {k: v for k, v in vars(args).items() if k != "data"},
                "steps_per_epoch": batches,
                "measured_share": round(share, 4),
                "epoch_seconds": [round(s, 3) for s in epochs],
                "epoch_cpu_seconds": [round(s, 3) for s in cpu],
                "positions_per_epoch": positions,
                "positions_per_second": round(positions / best, 1),
                "evaluation_seconds": round(evaluation, 3),
                "scoring_seconds": round(scoring, 3),
                "evaluation_cpu_seconds": round(evaluation_cpu, 3),
                "evaluated_users": len(users),
                "users_per_second": round(len(users) / evaluation, 1),
                "seen_items": "masked (filter_viewed=True)",
                "metrics": {name: round(float(score), 4) for name, score in scores.items()},
                "load_averages": [[round(x, 2) for x in at] for at in (load, os.getloadavg())],
                "versions": {
                    "rectools": version("rectools"),
                    "torch": torch.__version__,
                    "pytorch-lightning": version("pytorch-lightning"),
                    "numpy": np.__version__,
                    "pandas": pd.__version__,
                },
            }
        )
    )


if __name__ == "__main__":
    main()
