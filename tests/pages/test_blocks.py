"""Every command block of README and guides runs in a test, or says here why it does not.

Each is typed in a folder that the text before it names.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY
from tests.pages.blocks import PAGES, blocks_of, place_of

SET_UP = "tests/test_setup.py"
APPLICATION = "tests/pages/test_application_walk.py"
DATA, SETS = "tests/test_data_page.py", "tests/test_data_sets_pages.py"
EXAMPLES, CHECK = "tests/test_data_examples_page.py", "tests/test_data_check_page.py"
PHOTOS = "tests/pages/test_photos_walk.py"
PUBLISHED = "tests/test_readme.py"
TRAINING = (
    "not run: its flags are read by tests/test_training_page.py; tests/training runs each way"
)

# A test file that runs the block, or "not run: " and the reason, in the order of each page.
WHO: dict[str, list[tuple[str, str]]] = {
    "README.md": [
        ("./init_venv.sh", "not run: tests/test_quickstart.py runs its second half, .ci/run all"),
        ("./init_venv.sh", "not run: it is the run of all tests, and .ci/run has it"),
        ("python tools/build_model.py", PUBLISHED),
        ("cd my_model/export", PUBLISHED),
    ],
    "CONTRIBUTING.md": [("./init_venv.sh", "not run: .ci/run has these lines")],
    "docs/benchmarks.md": [
        ("python benchmarks/train_step.py", "not run: minutes; tests/benchmarks runs others")
    ],
    "docs/build_model.md": [
        ("python tools/build_model.py", f"not run: {PUBLISHED} runs the same"),
        ("cd my_model/export", f"not run: {APPLICATION} runs the same"),
    ],
    "docs/calibration.md": [
        ("python calibrate.py", "not run: tests/evaluation/test_calibrating.py runs these flags")
    ],
    "docs/data.md": [
        ("python tools/data/import_clips.py", DATA),
        ("python tools/data/check.py", DATA),
        (
            "python tools/instantiate_template.py",
            f"not run: {EXAMPLES} runs the same on real clips",
        ),
        ("python tools/data/import_clips.py", DATA),
        ("python tools/data/make_negatives.py", DATA),
        ("python tools/data/split.py", DATA),
    ],
    "docs/data_check.md": [
        ("python tools/data/check.py", CHECK),
        ("python tools/data/show.py", CHECK),
    ],
    "docs/data_examples.md": [
        ("export DATA=$(realpath", EXAMPLES),
        ("python tools/data/import_clips.py", EXAMPLES),
        ("python tools/data/import_clips.py", EXAMPLES),
        ("python tools/data/import_clips.py", EXAMPLES),
    ],
    "docs/data_jester.md": [
        ("python tools/data/prepare_jester.py", SETS),
        ("python tools/data/check.py", SETS),
    ],
    "docs/data_msasl.md": [
        ("python tools/data/prepare_msasl.py", SETS),
        ("python tools/data/prepare_msasl.py", SETS),
        ("python tools/data/check.py", SETS),
    ],
    "docs/data_public_sets.md": [
        (
            "python tools/data/import_clips.py",
            "not run: tests/dataset_tools/importing has each set",
        ),
        (
            "python tools/data/import_clips.py",
            "not run: tests/dataset_tools/importing has each set",
        ),
    ],
    "docs/deploy.md": [
        ("python predict.py", APPLICATION),
        ("python run.py", APPLICATION),
        ("cd samples/web", "not run: a server of Python's own that never ends"),
        ("pip install", "not run: it would install packages; tests/test_setup.py has the lists"),
        ("python export.py", APPLICATION),
        ("python tools/verify.py", APPLICATION),
        ("python compress.py", "not run: tests/compression/test_compress_folder.py runs the flags"),
        ("python eval.py", APPLICATION),
        ("python tools/benchmark.py", APPLICATION),
        ("cmake -S", "tests/deploy/test_cpp_sample.py"),
        ("ffmpeg -i", "tests/deploy/test_cpp_sample.py"),
        ("accuracy_check -c", "not run: a program that is not of this project"),
    ],
    "docs/false_alarms.md": [
        (
            "python demo.py",
            "not run: a camera; tests/live/outputs/test_event_clips.py has the films",
        ),
        ("mkdir -p", "not run: films that a camera took"),
        ("python tools/build_model.py", "not run: tests/test_readme.py runs this command"),
        ("python tools/data/compose_streams.py", "not run: two hours of streams, and a camera"),
        (
            "python calibrate.py",
            "not run: a camera; tests/evaluation/personal/test_personal.py has the flags on films",
        ),
    ],
    "docs/install.md": [
        ("./init_venv.sh", f"not run: {SET_UP} runs it with stand-ins"),
        ("pip install", "not run: it would install packages"),
        ("pip install", "not run: it would install packages"),
    ],
    "docs/landmarks.md": [
        (
            "python tools/fetch_hands.py",
            "not run: a download; tests/hands has it from a made index",
        ),
        ("python tools/instantiate_template.py", "not run: tests/training/test_landmark_run.py"),
        ("python train.py", "not run: tests/training has the start from photos"),
        ("python tools/instantiate_template.py", "not run: tests/training has the streams"),
        ("python tools/data/landmarks.py", "not run: tests/commands/test_landmarks.py"),
    ],
    "docs/live.md": [
        (
            "python demo.py",
            "not run: a camera; tests/commands/test_demo.py runs the flags on files",
        ),
        ("python tools/data/compose_streams.py", "not run: tests/evaluation has such streams"),
        ("python tools/data/compose_streams.py", "not run: two hours of streams"),
        ("python tools/instantiate_template.py", "not run: tests/training/test_causal_run.py"),
    ],
    "docs/photos.md": [
        (
            "python tools/collect.py",
            "not run: a camera; tests/commands/test_collect.py has its keys",
        ),
        ("python tools/data/import_clips.py", PHOTOS),
        ("python tools/data/build_dataset.py", PHOTOS),
        ("python predict.py", PHOTOS),
        ("npm ci", "not run: a download; .ci/run has it"),
        ("python tools/serve.py", "not run: it needs what npm fetched; tests/photos/page has it"),
    ],
    "docs/published_models.md": [
        ("./init_venv.sh", f"not run: {SET_UP} runs it with stand-ins"),
        *[
            (name, PUBLISHED)
            for name in (
                "export MODEL_TEMPLATE=`realpath",
                "export DATA_DIR=/path/to/my_gestures",
                "cd ${WORK_DIR}",
                "python train.py",
                "python eval.py",
                "python export.py",
                "python demo.py",
            )
        ],
    ],
    "docs/scale.md": [("python tools/data/make_shards.py", "tests/test_scale_page.py")],
    "docs/search.md": [
        (
            "python tools/search.py",
            "not run: tests/training/studies/test_search.py runs such a space",
        )
    ],
    "docs/studio.md": [
        (
            "python tools/fetch_hands.py",
            "not run: a download and a page; tests/studio has the page",
        ),
        ("python tools/studio.py", "not run: tests/studio pairs a phone with --lan"),
        ("python tools/data/import_clips.py", "not run: tests/studio imports a project"),
    ],
    "docs/teach.md": [
        ("python tools/instantiate_template.py", "not run: tests/teaching trains such a model"),
        ("python tools/teach.py", "not run: tests/teaching runs these flags"),
    ],
    "docs/training.md": [("python train.py", TRAINING)] * 5,
}


@pytest.mark.parametrize("page", sorted(PAGES))
def test_every_block_is_run_or_has_its_reason(page: str) -> None:
    blocks = list(blocks_of(page))
    listed = WHO.get(page, [])
    assert [block.name for block in blocks] == [name for name, _ in listed]
    for _, who in listed:
        for test in re.findall(r"tests/[\w/.]*\w", who):
            assert (REPOSITORY / test).exists(), test
        if not who.startswith("not run: "):
            test = (REPOSITORY / who).read_text(encoding="utf-8")
            assert Path(page).name in test, f"{who} never reads {page}"


@pytest.mark.parametrize("page", sorted(PAGES))
def test_the_text_before_a_block_names_the_folder_and_it_holds(page: str) -> None:
    wrong = [
        f"{page}:{block.line}: {command!r} is in {place_of(command)}, the text says {place}"
        for block in blocks_of(page)
        for command, place in zip(block.commands, block.places, strict=True)
        if place_of(command) not in (None, place)
    ]
    assert not wrong, "\n".join(wrong)
