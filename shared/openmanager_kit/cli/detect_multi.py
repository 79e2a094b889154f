"""`openmanager detect-multi`: one server's metrics from two CSV files, scores and blame to standard output."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import orjson

from openmanager_core.errors import InvalidRequest, NotFound
from openmanager_kit.cli.csv_input import Table, read_table, tell

_SHOWN = 10


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument("--train", required=True, metavar="A.csv", help="ordinary operation: timestamp, then metrics")
    parser.add_argument("--test", required=True, metavar="B.csv", help="what to judge: the same columns")
    parser.add_argument(
        "--format", choices=("json", "text"), default="json", help="json: the whole answer; text: the strangest rows"
    )


def run(args: argparse.Namespace) -> int:
    """Read both tables, match their columns by name, and answer."""
    from openmanager_core.analysis import detect_multi

    train, test = _open(args.train), _open(args.test)
    missing = [name for name in train.names if name not in test.names]
    if missing:
        raise InvalidRequest(
            f"{args.test} lacks the column {missing[0]!r} of {args.train}", hint="give both files the same columns"
        )
    order = [test.names.index(name) for name in train.names]
    answer = detect_multi(train.values, test.values[:, order])
    if args.format == "text":
        sys.stdout.write(as_text(answer["scores"], np.asarray(answer["contributions"]), train.names))
    else:
        sys.stdout.write(orjson.dumps(answer | {"metrics": list(train.names)}).decode() + "\n")
    return 0


def as_text(scores: list[float], contributions: np.typing.NDArray[np.float64], names: tuple[str, ...]) -> str:
    """The strangest rows, each with the three metrics most to blame."""
    lines = [f"{len(scores)} rows, the strangest first"]
    for row in np.argsort(-np.asarray(scores), kind="stable")[:_SHOWN].tolist():
        blamed = np.argsort(-contributions[row], kind="stable")[:3].tolist()
        lines.append(f"row {row}  score {scores[row]:.2f}  {', '.join(names[i] for i in blamed)}")
    return "\n".join(lines) + "\n"


def _open(path: str) -> Table:
    try:
        with Path(path).open(encoding="utf-8", newline="") as stream:
            table = read_table(stream)
    except FileNotFoundError:
        raise NotFound(f"file {path!r} does not exist") from None
    except OSError as exc:
        raise InvalidRequest(f"file {path!r} can not be read: {exc.strerror}") from None
    except InvalidRequest as exc:
        raise InvalidRequest(f"file {path!r}: {exc.message}", hint=exc.hint) from None
    tell(table.problems, where=path)
    return table
