"""The child process: llama.cpp's OpenAI-compatible server on one Unix socket, for as long as its parent holds stdin.

Started as a script by `child.py`, never imported: so it carries xllamacpp and nothing else of Genesis.
It says `ready` on stdout when the model is loaded, and ends when stdin ends, which is also when the parent dies.
"""

import argparse
import contextlib
import os
import sys
from pathlib import Path

import xllamacpp


def parameters(options: argparse.Namespace) -> "xllamacpp.CommonParams":
    """Return llama.cpp's parameters for `options`; each line undoes a default that was measured to hurt."""
    params = xllamacpp.CommonParams()
    params.model.path = options.model
    params.model_alias = {options.alias}
    params.hostnames = [options.socket]  # a path here makes it a Unix socket; the default is an open TCP port
    params.n_ctx = options.context
    params.n_parallel = 1  # calls queue: one mind thinks one thought at a time
    params.cpuparams.n_threads = options.threads
    params.cpuparams_batch.n_threads = options.threads
    params.cache_ram_mib = options.prompt_cache  # the default of 8 GB grew from 240 to 878 MB in 25 prompts
    params.no_extra_bufts = True  # repacked copies of the weights would take as much memory again
    params.fit_params = False  # memory was looked at by the parent; the given context is the context
    params.sampling.penalty_repeat = 1.1  # with the last 64 tokens: small models loop and copy without it
    params.ui = False
    params.endpoint_slots = False
    params.verbosity = 1  # errors only
    return params


def main() -> None:
    """Serve until stdin ends."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True)
    parser.add_argument("--alias", required=True)
    parser.add_argument("--socket", required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--context", type=int, required=True)
    parser.add_argument("--prompt-cache", type=int, required=True, help="in MiB; 0: the last prompt only is known")
    options = parser.parse_args()
    server = xllamacpp.Server(parameters(options))  # returns when the model is loaded, raises when it cannot be
    sys.stdout.write(f"ready {server.listening_address}\n")
    sys.stdout.flush()
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # nobody reads stdout from here on; a full pipe would block
    sys.stdin.buffer.read()
    with contextlib.suppress(OSError):  # the parent may have died without tidying up
        Path(options.socket).unlink()
    with contextlib.suppress(OSError):
        Path(options.socket).parent.rmdir()
    os._exit(0)  # a thought still being generated has no reader any more


if __name__ == "__main__":
    main()
