"""`python -m tests.unit.program.golden` writes the files anew: read the difference."""

from tests.unit.program.golden import write

write()
