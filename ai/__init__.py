"""Genesis: an AI that lives on a budget it cannot exceed."""

__version__ = "0.1.0"
