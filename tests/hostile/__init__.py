"""Hundreds of odd inputs for the commands: none may end in a traceback, a hang or a wrong answer.

    python -m tests.hostile              # all cases, and a table
    python -m tests.hostile --every 10   # a tenth of them, as the test suite runs it

`harness.py` runs a case, `stage.py` makes what cases start from, and each other module holds the
cases of one kind of input.
"""
