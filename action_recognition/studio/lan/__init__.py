"""The second site of the studio, by which a phone of the local network can be the camera."""
