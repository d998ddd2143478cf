"""
Run one command and print what it cost as JSON: `python -S meter.py COMMAND...`.

A process of its own because a child starts with the peak memory of the process that it was forked from: that of this
one is 10 MB, that of a test run is not. Standard output of the command is dropped, its last words on stderr are kept.
"""

import json
import os
import sys
import tempfile
import time

with tempfile.TemporaryFile() as errors, open(os.devnull, "r+b") as nothing:
    started = time.perf_counter()
    child = os.fork()
    if not child:
        for source, number in ((nothing, 0), (nothing, 1), (errors, 2)):
            os.dup2(source.fileno(), number)
        os.execv(sys.argv[1], sys.argv[1:])
    _, status, usage = os.wait4(child, 0)
    wall = time.perf_counter() - started
    errors.seek(0)
    words = errors.read()[-2000:].decode(errors="replace")
peak = usage.ru_maxrss / (1024 * 1024 if sys.platform == "darwin" else 1024)
code = os.waitstatus_to_exitcode(status)
spent = usage.ru_utime + usage.ru_stime
print(json.dumps({"code": code, "wall": wall, "processor": spent, "memory": peak, "words": words}))
