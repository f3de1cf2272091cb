"""The command-line programs: arguments, messages and order of work; what they do stands in the layers below."""
