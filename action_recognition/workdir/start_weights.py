"""Get the start weights and other files that a template does not carry itself."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from action_recognition.download import Expected, fetch, file_facts
from action_recognition.errors import Problem, UserError
from action_recognition.template import SNAPSHOT_FILE, Dependency, Template
from action_recognition.workdir.copy_plan import is_address
from action_recognition.workdir.options import InstantiateOptions, Say
from action_recognition.workdir.record import write_record
from action_recognition.workdir.writing import copy_file


def get_dependencies(
    template: Template, target: Path, record: dict[str, Any], options: InstantiateOptions
) -> None:
    """Fetch the dependencies of a template into its work dir, and complete the record.

    Raises UserError: the problems of every file that could not be fetched.
    """
    problems: list[Problem] = []
    for dependency in template.dependencies:
        if is_address(dependency) and dependency.destination != SNAPSHOT_FILE:
            destination = target / dependency.destination
            # A destination may name a folder that the template does not have.
            destination.parent.mkdir(parents=True, exist_ok=True)
            fix = "run the same command again"
            problems += _fetch_or_explain(dependency, destination, options.say, fix)

    problems += _StartWeights(template.snapshot(), target, record, options).get()
    # The record is written in any case: what was fetched is part of the work dir.
    write_record(target, record)
    if problems:
        raise UserError(problems)


@dataclass(frozen=True)
class _StartWeights:
    """The start weights of a work dir. `published` is the template's own, if it has any."""

    published: Dependency | None
    target: Path
    record: dict[str, Any]
    options: InstantiateOptions

    @property
    def path(self) -> Path:
        """Return the place of the start weights in the work dir."""
        return self.target / SNAPSHOT_FILE

    def get(self) -> list[Problem]:
        """Take the start weights from --snapshot, the work dir or the network, in this order."""
        say = self.options.say
        if self.options.snapshot is not None:
            copy_file(self.options.snapshot, self.path)
            self._record(str(self.options.snapshot))
        elif self.path.exists():
            self._keep()
        elif self.published is None:
            say("this template publishes no start weights")
        elif not self.options.load_snapshot:
            say(f"start weights not loaded; they would come from {self.published.source}")
        elif not is_address(self.published):
            self._record(self.published.source)
        else:
            return self._fetch(self.published)
        return []

    def _keep(self) -> None:
        """Record the start weights that are in the work dir already."""
        # An earlier call may have recorded their source.
        known = self.record["snapshot"]["source"] if self.record["snapshot"] else None
        verified = self._record(known or "found in the work dir")
        if not verified and self.published:
            move = f"move {self.path} away and run the same command again"
            self.options.say(f"to have the published one: {move}")

    def _fetch(self, published: Dependency) -> list[Problem]:
        fix = (
            f"{self.target} is made and lacks only {SNAPSHOT_FILE} ({_describe(published)}): "
            "run the same command again, or get that file by other means and add --snapshot FILE, "
            "or go without it: --do-not-load-snapshot"
        )
        problems = _fetch_or_explain(published, self.path, self.options.say, fix)
        # A failed download leaves the record without start weights.
        if not problems:
            self._record(published.source)
        return problems

    def _record(self, source: str) -> bool:
        """Record the start weights. Return True if they are the published ones."""
        expected = _expected(self.published) if self.published else Expected()
        facts = file_facts(self.path)
        mismatch = expected.mismatch(facts)
        # The same size alone proves nothing.
        verified = expected.sha256 is not None and not mismatch
        self.options.say(_finding(self.path.name, mismatch, verified))

        self.record["snapshot"] = {
            "source": source,
            **asdict(facts),
            "expected_sha256": expected.sha256,
            "verified": verified,
        }
        return verified


def _finding(name: str, mismatch: str, verified: bool) -> str:
    if verified:
        return f"{name} is there and verified"
    reason = "the template states no sha256 to compare with"
    if mismatch:
        reason = f"not the published file ({mismatch})"
    return f"{name}: {reason}; taken as it is, its sha256 is recorded"


def _fetch_or_explain(
    dependency: Dependency, destination: Path, say: Say, fix: str
) -> list[Problem]:
    """Fetch a file. Return the problems, with the given repair, if that fails."""
    about = f"{dependency.destination} from {dependency.source} ({_describe(dependency)})"
    say(f"fetching {about}")
    try:
        fetch(dependency.source, destination, _expected(dependency), say)
    except UserError as error:
        return [Problem(item.where, item.found, item.allowed, fix) for item in error.problems]
    return []


def _expected(dependency: Dependency) -> Expected:
    return Expected(dependency.size, dependency.sha256)


def _describe(dependency: Dependency) -> str:
    size, sha256 = dependency.size or "not published", dependency.sha256 or "not published"
    return f"size {size}, sha256 {sha256}"
