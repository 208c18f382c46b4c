"""Measurements that print figures, and proofs too heavy for the test suite; each is `python -m benchmarks.NAME`."""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as in ai.memory, before a bench imports NumPy by itself
