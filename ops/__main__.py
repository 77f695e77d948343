"""`python -m ops` is `ledgerbank`."""

from ops.cli import main

if __name__ == "__main__":
    main()
