"""A real llama.cpp server on a loopback port, as people run one at home: `llama_child.py MODEL` says its address.

It ends when its standard input ends, which is also when its parent dies.
"""

import os
import sys

import xllamacpp


def main() -> None:
    """Serve one model file until nobody holds stdin any more."""
    params = xllamacpp.CommonParams()
    params.model.path = sys.argv[1]
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.n_ctx = 4096
    params.cpuparams.n_threads = 1
    params.cpuparams_batch.n_threads = 1
    params.cache_ram_mib = 0
    params.ui = False
    params.verbosity = 1
    server = xllamacpp.Server(params)
    sys.stdout.write(f"ready {server.listening_address}\n")
    sys.stdout.flush()
    sys.stdin.buffer.read()
    os._exit(0)


if __name__ == "__main__":
    main()
