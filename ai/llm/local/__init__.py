"""The embedded local model: weights by their hash, one child process on a Unix socket, no key and no network."""
