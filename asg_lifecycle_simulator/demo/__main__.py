"""`python -m asg_lifecycle_simulator.demo` is `make demo`."""

import sys

from asg_lifecycle_simulator.demo.demo import main

if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
