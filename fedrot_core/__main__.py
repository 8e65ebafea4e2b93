"""``python -m fedrot_core`` does the same as the command ``fedrot``, see :mod:`fedrot_core.cli`."""

import sys

if __name__ == "__main__":
    try:
        from fedrot_core.cli import main
    except KeyboardInterrupt:  # torch takes seconds to load
        sys.exit(130)
    main()
