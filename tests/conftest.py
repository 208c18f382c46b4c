"""For all tests: NumPy on one thread, as ai.memory has it, also where a test imports NumPy first."""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
