"""User errors for exceptions whose cause is the machine or another process."""

from __future__ import annotations

from action_recognition.data.loading.loader import dead_worker
from action_recognition.errors import UserError, user_error

_CONTINUE = "then continue with --resume-from latest"
# Messages of gloo, NCCL and the store when the other side is gone.
_LOST_PEER = (
    "Connection closed by peer",
    "Connection reset by peer",
    "ncclRemoteError",
    "Broken pipe",
    "Timed out waiting",
    "Socket Timeout",
)


def describe_failure(error: BaseException) -> UserError | None:
    """Return the user error behind an exception, or None if there is none.

    The exception may have come through a data worker, another process or Lightning.
    """
    # The cause may lie behind several exceptions.
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, UserError):
            return seen
        if (known := _of_the_machine(str(seen))) is not None:
            return known
        seen = seen.__cause__ or seen.__context__
    return None


def _of_the_machine(message: str) -> UserError | None:
    return (
        dead_worker(message, then=f", {_CONTINUE}")
        or _lost_process(message)
        or _no_memory(message)
        or _port_in_use(message)
    )


def _lost_process(message: str) -> UserError | None:
    if not any(part in message for part in _LOST_PEER):
        return None
    found = "another process of this run ended"
    fix = f"see what it or its machine says, {_CONTINUE}"
    return user_error("several processes", found, fix=fix)


def _no_memory(message: str) -> UserError | None:
    """Return an error without a batch size.

    For a single process `with_batch_that_fits` adds the size that fits.
    """
    if "out of memory" not in message and "can't allocate memory" not in message:
        return None
    found = f"does not fit into memory: {_first_line(message)}"
    fix = "make it smaller; --accumulate N keeps as many clips a step"
    return user_error("--batch-size", found, "what --find-batch-size finds", fix)


def _port_in_use(message: str) -> UserError | None:
    if "EADDRINUSE" not in message and "address already in use" not in message.lower():
        return None
    fix = "name another one, the same on all machines"
    return user_error("MASTER_PORT", f"is in use: {_first_line(message)}", fix=fix)


def _first_line(message: str) -> str:
    return message.strip().splitlines()[0][:200]
