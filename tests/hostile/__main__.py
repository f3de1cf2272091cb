"""Run the cases, and print a table of how they ended."""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.hostile import (
    annotations,
    flags,
    folders,
    json_files,
    models,
    outputs,
    photos,
    templates,
    videos,
)
from tests.hostile.harness import BAD, GOOD, Case, Verdict, run_cases
from tests.hostile.stage import Stage, make_stage

KINDS = (templates, flags, annotations, json_files, models, outputs, videos, photos, folders)


def main(words: Sequence[str] | None = None) -> int:
    """Run what the flags ask for. Return 1 where a case ended badly."""
    parser = argparse.ArgumentParser(prog="python -m tests.hostile", description=__doc__)
    parser.add_argument("--every", type=int, default=1, metavar="N", help="every N-th case only")
    parser.add_argument("--kind", help="cases of this kind only")
    parser.add_argument("--name", help="cases with this text in their name only")
    parser.add_argument("--processes", type=int, default=os.cpu_count(), metavar="N")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the bad ones there")
    options = parser.parse_args(words)

    with tempfile.TemporaryDirectory(prefix="hostile-") as folder:
        root = Path(folder)
        stage = _made_apart(root / "stage")
        chosen = [case for case in all_cases(stage) if _is_wanted(case, options)]
        # Neighbours are alike, so a part of them is drawn, always the same one.
        random.Random(0).shuffle(chosen)
        chosen = chosen[:: options.every]
        began = time.monotonic()
        verdicts = list(_told(run_cases(chosen, root, stage.root, options.processes), len(chosen)))
    bad = [verdict for verdict in verdicts if verdict.outcome in BAD]
    print(table(verdicts))
    print(f"{len(verdicts)} cases, {len(bad)} bad, {time.monotonic() - began:.0f} s")
    if options.json:
        found = [[item.case.kind, item.case.name, item.outcome, item.reason] for item in bad]
        options.json.write_text(json.dumps(found, indent=1))
    return 1 if bad or not verdicts else 0


def all_cases(stage: Stage) -> Iterator[Case]:
    """Yield the cases of all kinds."""
    for kind in KINDS:
        yield from kind.cases(stage)


def table(verdicts: Sequence[Verdict]) -> str:
    """Return a table: a row for each kind, a column for each way to end."""
    columns = [*GOOD, *BAD]
    lines = [f"| kind | cases | {' | '.join(columns)} |", "|---" * (len(columns) + 2) + "|"]
    for kind in dict.fromkeys(item.case.kind for item in verdicts):
        of_kind = [item for item in verdicts if item.case.kind == kind]
        counts = Counter(item.outcome for item in of_kind)
        cells = [kind, str(len(of_kind)), *(str(counts[name]) for name in columns)]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _is_wanted(case: Case, options: argparse.Namespace) -> bool:
    return (not options.kind or case.kind == options.kind) and (
        not options.name or options.name in case.name
    )


def _made_apart(root: Path) -> Stage:
    """Make the stage in a process of its own: this one must start no threads."""
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            with Path(os.devnull).open("w") as nowhere:
                os.dup2(nowhere.fileno(), 1)
                make_stage(root)
            code = 0
        finally:
            os._exit(code)
    if os.waitpid(pid, 0)[1]:
        raise RuntimeError("the stage could not be made")
    return Stage(root)


def _told(verdicts: Iterator[Verdict], total: int) -> Iterator[Verdict]:
    """Print the bad ones as they come, and how far it is."""
    for number, item in enumerate(verdicts, start=1):
        if item.outcome in BAD:
            print(f"{item.outcome}: {item.case.kind}: {item.case.name}\n    {item.reason}")
        if number % 50 == 0:
            print(f"{number} of {total} cases", file=sys.stderr, flush=True)
        yield item


def _load_libraries() -> None:
    """Import what the commands need once, for all cases."""
    import lightning  # noqa: F401
    import onnxruntime  # noqa: F401
    import openvino  # noqa: F401
    import torch

    import action_recognition.training.run  # noqa: F401

    torch.set_num_threads(1)


if __name__ == "__main__":
    _load_libraries()
    sys.exit(main())
