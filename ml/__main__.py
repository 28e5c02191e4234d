"""`python -m ml` is `martlet`."""

from ml.cli import main

if __name__ == "__main__":
    main()
