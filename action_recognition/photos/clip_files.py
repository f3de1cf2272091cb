"""Classification of clips in files and folders, each as a whole, by a model of clips.

Every clip is tried. The problems of all are reported together at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from action_recognition.data.video import notes_on
from action_recognition.dataset_tools.importing.media_walk import Medium, walk_media
from action_recognition.deploy.predictor import Predictor
from action_recognition.errors import Problem, UserError, user_error
from action_recognition.photos.photo_report import PhotoResult


def list_clips(path: Path) -> tuple[list[Path], list[Medium]]:
    """Return the file, or the videos and frame folders below a folder, and what is none there.

    Raises UserError: there is no such file, or a folder without clips.
    """
    if path.is_file():
        return [path], []
    if not path.is_dir():
        fix = "a camera or an address is for demo.py"
        raise user_error(str(path), "there is no such file or folder", fix=fix)

    # A folder that holds numbered images itself is one clip.
    if [medium.path for medium in walk_media(path.parent, path.name)] == [path.name]:
        return [path], []
    media = list(walk_media(path))
    clips = [path / medium.path for medium in media if not medium.problem]
    if not clips:
        raise user_error(str(path), "the folder holds no clip", "videos or folders of frames")
    return clips, [medium for medium in media if medium.problem]


def classify_clips(
    predictor: Predictor,
    files: Sequence[Path],
    progress: Callable[[int, int], None],
    say: Callable[[str], None] = lambda _: None,
) -> tuple[list[PhotoResult], list[Problem]]:
    """Return the results of the clips that can be read, and the problems of the others.

    Of each clip the centre window is classified, as `eval.py` does. `progress` gets the number of
    clips done and of all clips. `say` gets what is not read as its file states it.
    """
    results: list[PhotoResult] = []
    problems: list[Problem] = []
    for number, file in enumerate(files, start=1):
        try:
            results.append(PhotoResult(str(file), predictor.predict_file(file)))
            for note in notes_on(file):
                say(f"{file}: {note}")
        except UserError as error:
            problems.extend(error.problems)
        progress(number, len(files))
    return results, problems
