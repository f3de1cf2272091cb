"""Frames from an address: RTSP, HTTP and similar protocols, or a pipe.

A lost connection is opened again. Messages never show a password.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any, Final

import av

from action_recognition.data.media.colours import colour_note
from action_recognition.data.media.decoding import DisplayStamps, clock_of
from action_recognition.data.media.pixel_shape import pixel_shape_note
from action_recognition.data.media.rates import ASSUMED_RATE_FPS, stated_rate
from action_recognition.deploy.stream_models import Picture
from action_recognition.live.frame_times import TimedFrame
from action_recognition.live.sources.connection import (
    Connection,
    has_end,
    has_times,
    length_s,
    reason,
    video_of,
)
from action_recognition.live.sources.packet_pictures import PacketPictures
from action_recognition.live.sources.retrying import Patience
from action_recognition.live.sources.seen_film import SeenFilm, Sight
from action_recognition.live.sources.stream_clock import Pace, StreamClock

_RATE_FPS: Final = 30.0


class AddressSource:
    """A source of frames at an address, of which `container` is the first connection.

    A source that states its length ends, such as a file behind HTTP or a recording that RTSP
    plays, and so does a pipe. Any other is connected again until `stop`, and so is a recording of
    RTSP that broke off. A film without a stated length ends too: it came much faster than it plays,
    or it comes again from its start and ends where it did before. What was seen is left out then.

    A live source drops frames where the reader is slow. Frames that came before their time wait.
    """

    frame_rate_fps: float

    def __init__(
        self,
        connection: Connection,
        container: Any,
        patience: Patience,
        say: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = connection.name
        self._connection, self._container = connection, container
        self._patience, self._say, self._clock = patience, say, clock
        self._pictures = PacketPictures(self.name, say)

        stream = video_of(container)
        rate_fps = stated_rate(stream).fps
        self.frame_rate_fps = rate_fps if 1 <= rate_fps <= 240 else _RATE_FPS
        for note in (colour_note(stream.codec_context), pixel_shape_note(stream)):
            if note:
                say(f"{self.name}: {note}")

        # Of MJPEG, the form of cameras, FFmpeg makes up times and rate.
        self._is_mjpeg = container.format.name in ("mjpeg", "mpjpeg")
        self._has_times = has_times(container) and not self._is_mjpeg
        self._length_s = length_s(container)
        # An RTSP server sets the pace of a recording too.
        self.is_live = connection.is_rtsp or not has_end(container)
        self._can_reconnect = self.is_live and not connection.is_pipe

    @property
    def num_corrupt(self) -> int:
        """Number of damaged packets and pictures so far."""
        return self._pictures.num_corrupt

    def frames(self) -> Iterator[TimedFrame]:
        """Yield frames until the source ends for good."""
        if not self.is_live:
            yield from self._frames_to_the_end()
            return

        stamps, film, is_restart = StreamClock(self._least_step_s()), SeenFilm(), False
        container = self._container
        while container is not None:
            film.connected()
            pts_s, pace = None, Pace(self._clock)
            for number, (pts_s, picture) in enumerate(self._new_pictures(container, film)):
                time_s, torn = stamps.time_of(pts_s, self._clock())
                due_s = pace.due_s(number / ASSUMED_RATE_FPS if self._is_mjpeg else time_s)
                yield TimedFrame(time_s, picture, is_restart or torn, due_s=due_s)
                pace.resumed()
                is_restart = False

            container.close()
            if self._is_over(film, pace, pts_s):
                return
            # None after patience has ended.
            container = self._patience.again(self.name, self._connection.reopen)
            stamps.reconnected()
            is_restart = True

    def stop(self) -> None:
        """End all attempts. An open connection ends with its next packet or when it stalls."""
        self._patience.give_up()

    def _frames_to_the_end(self) -> Iterator[TimedFrame]:
        """Yield the frames of a film with a stated length, with the times of a file."""
        clock = clock_of(video_of(self._container), self.frame_rate_fps)
        for stamp, picture in self._decode(self._container, SeenFilm()):
            yield TimedFrame(clock.time_of(stamp), picture)
        self._container.close()

    def _least_step_s(self) -> float:
        """Return the time that a frame without a stamp takes at least, in seconds."""
        return 0.0 if self._has_times or self._is_mjpeg else 1 / self.frame_rate_fps

    def _is_over(self, film: SeenFilm, pace: Pace, pts_s: float | None) -> bool:
        """Return True if the source is not to be opened again."""
        is_at_its_end = (
            self._length_s is not None and pts_s is not None and pts_s >= self._length_s - 1.0
        )
        was_a_film = not self._connection.is_rtsp and pace.was_far_ahead
        is_over = not self._can_reconnect or is_at_its_end or was_a_film or self._patience.is_over
        return is_over or film.has_ended_again

    def _new_pictures(
        self, container: Any, film: SeenFilm
    ) -> Iterator[tuple[float | None, Picture]]:
        """Yield time stamps in seconds and pictures of a connection, without those seen before."""
        time_base = video_of(container).time_base
        for stamp, picture in self._decode(container, film):
            is_real = stamp is not None and self._has_times
            yield float(stamp * time_base) if is_real else None, picture

    def _decode(self, container: Any, film: SeenFilm) -> Iterator[tuple[int | None, Picture]]:
        """Yield time stamps in ticks and pictures of a connection until it is lost.

        What the film has shown already is decoded, since later frames need it, and left out.
        """
        stream, held = video_of(container), list[tuple[int | None, Picture]]()
        stamps, was_said = DisplayStamps(stream), False
        try:
            for packet in container.demux(stream):
                if self._patience.is_over:
                    return
                stamps.add_packet(packet)
                # A camera's pictures of the dark are all the same.
                sight = Sight.NEW if self._is_mjpeg else film.look_at(bytes(packet))

                held += self._pictures.of(packet, stamps)
                if sight is Sight.UNDECIDED:
                    continue
                if sight is Sight.SEEN and not was_said:
                    was_said = True
                    self._say(f"{self.name}: the same film again; what was seen is left out")
                yield from (item for item in held if film.is_new_picture())
                held.clear()
        except (av.FFmpegError, OSError) as error:
            # A lost connection that is opened again is reported by the patience.
            if not self._can_reconnect and not isinstance(error, av.EOFError):
                self._say(f"{self.name}: lost ({reason(error)})")
            held += self._pictures.held_back(stream, stamps)
            yield from (item for item in held if film.is_new_picture())
