"""Time and score RecBole's SASRec on a leave-one-out split.

Reads a gzipped text file with one user a line (the user's id, then item ids in
time order), or a folder with a RecBole atomic file (``*.inter`` or
``*.inter.gz``). Every user's last item is the test item and the one before it
the validation item; the rest is trained on. Prints one JSON line, with the
process's CPU seconds beside the clock's (on a shared machine with one thread
they tell more) and the load averages at start and end.

RecBole expands every prefix of a training sequence to a sample of its own, so
a trained position is one sample, and ``--batch`` counts samples. Its full
evaluation of a sequential model reads the history with the validation item
and masks no seen items (only the padding item).

Needs ``recbole`` (1.2.1 tried); it leaves numpy 2's removed names to be
supplied, which `supply_numpy_names` does.
"""

import argparse
import glob
import gzip
import itertools
import json
import os
import sys
import tempfile
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


def supply_numpy_names():
    """Names that RecBole's configuration reads and numpy 2 dropped."""
    import numpy as np

    for name, value in (("float_", np.float64), ("complex_", np.complex128), ("unicode_", np.str_)):
        if name not in np.__dict__:
            setattr(np, name, value)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", required=True, help="file of sequences, or atomic-file folder")
    parser.add_argument("--dim", type=int, default=64)
    parser.add_argument("--inner", type=int, help="feed-forward width (default: --dim)")
    parser.add_argument("--length", type=int, default=50)
    parser.add_argument("--blocks", type=int, default=1)
    parser.add_argument("--heads", type=int, default=1)
    parser.add_argument("--dropout", type=float, default=0.2)
    parser.add_argument("--lr", type=float, default=0.001)
    parser.add_argument("--batch", type=int, default=128, help="samples (prefixes) a step")
    parser.add_argument("--eval-batch", type=int, default=256, help="users a batch in evaluation")
    parser.add_argument("--loss", choices=("CE", "BPR"), default="CE")
    parser.add_argument("--negatives", type=int, default=1, help="a sample, for BPR only")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--max-batches", type=int, help="stop each epoch here and extrapolate")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def write_atomic(sequences, folder):
    """RecBole's input: the sequences with each item's position as its time."""
    os.makedirs(os.path.join(folder, "peer"))
    with open(os.path.join(folder, "peer", "peer.inter"), "w") as out:
        out.write("user_id:token\titem_id:token\ttimestamp:float\n")
        for user, items in enumerate(sequences, 1):
            out.writelines(f"{user}\t{item}\t{at}\n" for at, item in enumerate(items))


def main():
    args = parse_arguments()
    load = os.getloadavg()
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = str(args.threads)
    warnings.filterwarnings("ignore")
    sequences = read_sequences(args.data)
    supply_numpy_names()

    import numpy
    import pandas
    import recbole
    import torch
    from recbole.config import Config
    from recbole.data import create_dataset, data_preparation
    from recbole.utils import get_model, get_trainer, init_seed

    torch.set_num_threads(args.threads)
    settings = {
        "load_col": {"inter": ["user_id", "item_id", "timestamp"]},
        "eval_args": {
            "split": {"LS": "valid_and_test"},
            "group_by": "user",
            "order": "TO",
            "mode": "full",
        },
        "train_neg_sample_args": (
            {"distribution": "uniform", "sample_num": args.negatives, "dynamic": False}
            if args.loss == "BPR"
            else None
        ),
        "loss_type": args.loss,
        "hidden_size": args.dim,
        "inner_size": args.inner or args.dim,
        "n_layers": args.blocks,
        "n_heads": args.heads,
        "hidden_dropout_prob": args.dropout,
        "attn_dropout_prob": args.dropout,
        "MAX_ITEM_LIST_LENGTH": args.length,
        "train_batch_size": args.batch,
        "eval_batch_size": args.eval_batch,
        "learning_rate": args.lr,
        "metrics": ["Hit", "NDCG"],
        "topk": [10],
        "valid_metric": "NDCG@10",
        "use_gpu": False,
        "show_progress": False,
        "seed": args.seed,
    }
    with tempfile.TemporaryDirectory() as folder:
        write_atomic(sequences, folder)
        os.chdir(folder)  # RecBole leaves logs and checkpoints in the current folder
        settings["data_path"] = folder
        sys.argv = sys.argv[:1]  # Config reads the command line
        config = Config(model="SASRec", dataset="peer", config_dict=settings)
        init_seed(config["seed"], config["reproducibility"])
        dataset = create_dataset(config)
        train, _, test = data_preparation(config, dataset)
        init_seed(config["seed"], config["reproducibility"])
        model = get_model("SASRec")(config, train.dataset)
        trainer = get_trainer(config["MODEL_TYPE"], "SASRec")(config, model)

        samples, batches = len(train.dataset), len(train)
        measured = min(args.max_batches or batches, batches)
        share = 1.0 if measured == batches else measured / batches
        epochs, cpu = [], []
        for epoch in range(args.epochs):
            start, start_cpu = time.perf_counter(), time.process_time()
            trainer._train_epoch(itertools.islice(train, measured), epoch)
            epochs.append((time.perf_counter() - start) / share)
            cpu.append((time.process_time() - start_cpu) / share)
        start, start_cpu = time.perf_counter(), time.process_time()
        scores = trainer.evaluate(test, load_best_model=False)
        evaluation = time.perf_counter() - start
        evaluation_cpu = time.process_time() - start_cpu
        users = len(test.dataset)
        os.chdir(os.path.dirname(folder))

    best = min(epochs)
    print(
        json.dumps(
            {
                "library": "recbole",
                "model": "SASRec",
                "data": os.path.basename(os.path.normpath(args.data)),
                "settings": {k: v for k, v in vars(args).items() if k != "data"},
                "steps_per_epoch": batches,
                "measured_share": round(share, 4),
                "epoch_seconds": [round(s, 3) for s in epochs],
                "epoch_cpu_seconds": [round(s, 3) for s in cpu],
                "positions_per_epoch": samples,
                "positions_per_second": round(samples / best, 1),
                "evaluation_seconds": round(evaluation, 3),
                "evaluation_cpu_seconds": round(evaluation_cpu, 3),
                "evaluated_users": users,
                "users_per_second": round(users / evaluation, 1),
                "seen_items": "not masked (the library's default for sequential models)",
                "metrics": {
                    "hit@10": float(scores["hit@10"]),
                    "ndcg@10": float(scores["ndcg@10"]),
                },
                "load_averages": [[round(x, 2) for x in at] for at in (load, os.getloadavg())],
                "versions": {
                    "recbole": recbole.__version__,
                    "torch": torch.__version__,
                    "numpy": numpy.__version__,
                    "pandas": pandas.__version__,
                },
            }
        )
    )


if __name__ == "__main__":
    main()
