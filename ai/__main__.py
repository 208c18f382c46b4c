"""`python -m ai`: the same as the installed command `genesis`."""

from ai.cli import main

if __name__ == "__main__":
    main()
