"""Films of other things and folders of examples, checked before anything is computed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from action_recognition.dataset_tools.importing.media_walk import walk_media
from action_recognition.deploy.metadata import DeployMetadata
from action_recognition.errors import Problem, UserError, nearest

_HIDDEN = "."


def check_films(films: Sequence[Path]) -> list[Problem]:
    """Return a problem for every film that is not on this disk, or is named twice."""
    problems = [
        Problem("--others", f"{film} is not there", "videos, or folders of numbered frames")
        for film in films
        if not film.exists()
    ]
    # Twice the same film would be twice the time without any more to see.
    names = [film.resolve() for film in films]
    problems += [
        Problem("--others", f"{film} is named twice", fix="name each film once")
        for number, film in enumerate(films)
        if film.resolve() in names[:number]
    ]
    return problems


def examples_in(folder: Path, metadata: DeployMetadata) -> dict[str, list[Path]]:
    """Return the examples of each label: the clips in the folder of its name.

    A label without a folder, or with an empty one, is not in it.
    Raises UserError: names every folder that is no gesture of the model and every file that is no
    clip, or there is no clip at all.
    """
    if not folder.is_dir():
        found = f"{folder} is {'a file' if folder.exists() else 'not there'}"
        raise UserError([Problem("--examples", found, "a folder with a folder for each gesture")])

    problems: list[Problem] = []
    examples: dict[str, list[Path]] = {}
    for item in sorted(folder.iterdir()):
        if item.name.startswith(_HIDDEN):
            continue
        problem = _folder_problem(item, metadata)
        if problem is not None:
            problems.append(problem)
            continue
        media = list(walk_media(folder, item.name))
        problems += [Problem(str(folder / path), problem) for path, problem in media if problem]
        if clips := [folder / path for path, problem in media if not problem]:
            examples[item.name] = clips

    if not problems and not examples:
        allowed = f"folders of clips, named {', '.join(_gestures(metadata))}"
        problems = [Problem(str(folder), "holds no clip", allowed)]
    if problems:
        raise UserError(problems)
    return examples


def _folder_problem(item: Path, metadata: DeployMetadata) -> Problem | None:
    """Return why an entry of the folder of examples is no gesture of the model, or None."""
    gestures = list(_gestures(metadata))
    if not item.is_dir():
        return Problem(str(item), "lies in no folder of a gesture", fix="move it into one")
    if item.name == metadata.negative_label:
        fix = "give films of other things to --others"
        return Problem(str(item), "is the label of the model that means no gesture", fix=fix)
    if item.name not in gestures:
        found = f"is not a gesture of the model{nearest(item.name, gestures)}"
        return Problem(str(item), found, ", ".join(gestures))
    return None


def _gestures(metadata: DeployMetadata) -> Iterator[str]:
    return (label for label in metadata.labels if label != metadata.negative_label)
