"""`python -m asg_lifecycle.cli` is `asg-lifecycle`."""

from asg_lifecycle.cli.main import main

main()
