"""From a folder to an exported model by one command, which runs the ordinary commands in turn."""
