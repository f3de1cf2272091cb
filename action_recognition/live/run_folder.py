"""`run.py` of an exported folder: gestures of a camera, a file or a clip as lines of JSON."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from action_recognition.deploy.backends.model_files import IR_FILE, ONNX_FILE
from action_recognition.deploy.calibration.personal import PERSONAL_IN_USE
from action_recognition.errors import user_error
from action_recognition.program import program

_DESCRIPTION = """\
Recognise gestures with the model of this folder. Each gesture is printed as a line of JSON.
docs/deploy.md of the toolkit says what its fields mean.
"""


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of `run.py`."""
    parser = argparse.ArgumentParser(
        prog=program("run.py"),
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "source",
        nargs="?",
        default="0",
        metavar="SOURCE",
        help="A camera's number, a video, or an rtsp:// or http:// address (default: 0).",
    )
    # One answer for a whole film, in place of events.
    parser.add_argument(
        "--clip",
        action="store_true",
        help="SOURCE is one gesture from its first frame to its last: print one prediction.",
    )
    parser.add_argument("--show", action="store_true", help="Open a window with the picture.")
    parser.add_argument(
        "--serve",
        type=int,
        metavar="PORT",
        help="Also send the lines to WebSocket clients on 127.0.0.1.",
    )
    parser.add_argument(
        "--personal",
        type=Path,
        metavar="FILE",
        help="Thresholds for one person, from calibrate.py --personal.",
    )
    parser.add_argument("--threads", type=int, metavar="N", help="CPU threads (default: all).")
    return parser


def main(folder: Path, argv: Sequence[str] | None = None) -> int:
    """Parse the flags and recognise."""
    arguments = build_parser().parse_args(argv)
    model = model_of(folder)
    if arguments.clip:
        from action_recognition.deploy import Predictor

        predictor = Predictor.from_path(
            model, num_threads=arguments.threads, personal=arguments.personal
        )
        if arguments.personal is not None:
            # Standard output is left to the prediction.
            print(f"{arguments.personal}: {PERSONAL_IN_USE}", file=sys.stderr)
        prediction = predictor.predict_file(arguments.source)
        print(json.dumps(prediction.to_dict(), ensure_ascii=False))
        return 0

    from action_recognition.live.demo import DemoOptions, run_demo
    from action_recognition.live.outputs.events import STDOUT

    options = DemoOptions(
        model=model,
        source=arguments.source,
        show=arguments.show,
        events=STDOUT,
        serve=arguments.serve,
        num_threads=arguments.threads,
        personal=arguments.personal,
    )
    run_demo(options)
    return 0


def model_of(folder: Path) -> Path:
    """Return the model of an exported folder. Raises UserError: there is none."""
    for name in (IR_FILE, ONNX_FILE):
        if (folder / name).is_file():
            return folder / name
    raise user_error(str(folder), f"holds neither {IR_FILE} nor {ONNX_FILE}", fix="export again")
