"""The command-line programs: arguments, messages, order of work. The layers below do the work."""
