"""`python -m ntknas` is the command `ntknas`."""

from ntknas.cli.main import run

__all__: list[str] = []

if __name__ == "__main__":
    run()
