"""The steps from a template to a work dir."""

from __future__ import annotations

from pathlib import Path

from action_recognition.errors import nearest, user_error
from action_recognition.template import (
    SNAPSHOT_FILE,
    TEMPLATE_FILE,
    load_template_dir,
    named_template,
    shipped_templates,
)
from action_recognition.workdir.copy_plan import plan_copies
from action_recognition.workdir.options import InstantiateOptions, WorkDir
from action_recognition.workdir.place_checks import (
    check_nothing_is_lost,
    check_place,
    check_snapshot_flag,
)
from action_recognition.workdir.record import new_record, read_record
from action_recognition.workdir.start_weights import get_dependencies
from action_recognition.workdir.writing import force_backup, write_work_dir


def instantiate(template: Path, work_dir: Path, options: InstantiateOptions) -> WorkDir:
    """Make `work_dir` from `template`: a template.yaml, its folder, or a name of the toolkit's.

    Everything is checked before anything is written. The start weights come last. If they cannot be
    fetched, the work dir is complete but for them, and the `UserError` explains the next step. The
    same call again completes it.
    Raises UserError: the template has problems, the work dir holds someone's files, or a snapshot
    cannot be read or fetched.
    """
    source_dir = _template_folder(template)
    loaded, _ = load_template_dir(source_dir)
    plan = plan_copies(source_dir, loaded, options.say)

    # Check the place.
    target = work_dir.resolve()
    check_place(target, work_dir, source_dir)
    check_snapshot_flag(target, options)
    previous = read_record(target)
    if not options.force:
        check_nothing_is_lost(target, loaded.name, plan, previous, options.snapshot)

    # Write the files, then get the start weights.
    record = new_record(source_dir, loaded.name, plan)
    with force_backup(target, options):
        write_work_dir(target, plan, record, options.detail)
    if previous and (target / SNAPSHOT_FILE).exists():
        record["snapshot"] = previous.get("snapshot")
    get_dependencies(loaded, target, record, options)
    return WorkDir(target, loaded, record)


def _template_folder(template: Path) -> Path:
    template = named_template(template)
    folder = template if template.is_dir() else template.parent
    if not template.is_dir() and template.name != TEMPLATE_FILE:
        beside = [path.parent.name for path in template.parent.glob(f"*/{TEMPLATE_FILE}")]
        shipped = shipped_templates()
        found = f"is not a template{nearest(template.name, [*beside, *shipped])}"
        allowed = f"a {TEMPLATE_FILE}, its folder, or one of {', '.join(shipped)}"
        raise user_error(str(template), found, allowed)
    return folder.resolve()
