"""Serves a video by RTSP at its rate, with a user name and a password; run by the system's Python,
which has GStreamer's RTSP server.

python3 rtsp_server.py VIDEO PORT USER PASSWORD    prints "ready" and goes on until it is killed;
the address ends in /live python3 rtsp_server.py --check                     ends with 0 where all
that it needs is installed
"""

from __future__ import annotations

import sys

ELEMENTS = ("qtdemux", "h264parse", "rtph264pay")  # of GStreamer's good and bad plugins


def check() -> int:
    import gi

    gi.require_version("Gst", "1.0")
    gi.require_version("GstRtspServer", "1.0")
    from gi.repository import Gst, GstRtspServer  # noqa: F401

    Gst.init(None)
    return 0 if all(Gst.ElementFactory.find(name) for name in ELEMENTS) else 1


def main(video: str, port: str, user: str, password: str) -> None:
    import gi

    gi.require_version("Gst", "1.0")
    gi.require_version("GstRtspServer", "1.0")
    from gi.repository import GLib, Gst, GstRtspServer

    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(port)
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(
        f'( filesrc location="{video}" ! qtdemux ! h264parse config-interval=-1 ! rtph264pay '
        f"name=pay0 pt=96 )"
    )
    permissions = GstRtspServer.RTSPPermissions()
    permissions.add_permission_for_role("viewer", "media.factory.access", True)
    permissions.add_permission_for_role("viewer", "media.factory.construct", True)
    factory.set_permissions(permissions)
    server.get_mount_points().add_factory("/live", factory)
    access = GstRtspServer.RTSPAuth()
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", "viewer")
    access.add_basic(GstRtspServer.RTSPAuth.make_basic(user, password), token)
    server.set_auth(access)
    server.attach(None)
    print("ready", flush=True)
    GLib.MainLoop().run()


if __name__ == "__main__":
    if sys.argv[1:] == ["--check"]:
        sys.exit(check())
    main(*sys.argv[1:])
