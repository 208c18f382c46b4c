"""The door: every command of Genesis; none holds logic of its own."""

from ai.cli.app import app, main

__all__ = ["app", "main"]
