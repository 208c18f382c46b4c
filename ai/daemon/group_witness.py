"""A process that only lies in a process group and tells, when asked, which signals the whole group has got.

Run by its path beside a program on a terminal: what is pending here was sent to all, what is not to `exec` alone.
A line with a signal's number asks; `1` or `0` answers, and that signal is taken off. The end of its input is its end.
"""

import signal
import sys

if __name__ == "__main__":
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for line in sys.stdin:
        number = signal.Signals(int(line))
        got = number in signal.sigpending()
        if got:
            signal.sigwait({number})
        sys.stdout.write(f"{int(got)}\n")
        sys.stdout.flush()
