"""`python -m mtstore`: the command line, where its script is not on the path."""

from mtstore.cli.main import main

if __name__ == "__main__":
    main()
