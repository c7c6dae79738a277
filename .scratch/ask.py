import random
import sqlite3
import sys
import time
from hashlib import sha256
from pathlib import Path

from registry.brand.store import open_store

folder = Path(sys.argv[1])
n = int(sys.argv[2])
s = open_store(folder)


def sub(i):
    return sha256(i.to_bytes(8)).digest()[:20]


ts = []
ends = time.time() + 8
while time.time() < ends and len(ts) < 10000:
    i = random.randrange(n)
    a = time.perf_counter()
    r = s.standing(sub(i), "dpv:Personalisation", ("pd:Purchase",), 1_800_000_000)
    ts.append(time.perf_counter() - a)
    assert r
ts.sort()
print(len(ts), "standing p50 %.3f ms p99 %.3f ms" % (ts[len(ts) // 2] * 1e3, ts[len(ts) * 99 // 100] * 1e3))
for name, f in {
    "to_check": lambda: s.to_check(10**6, 500),
    "expired": lambda: s.expired(1_800_000_000, 500),
    "unsigned": lambda: s.unsigned(500),
    "waiting": lambda: s.waiting(0, 500),
    "view": s.view,
    "by_cap": lambda: s.by_capability(b"x" * 16),
    "counts": s.counts,
    "events": lambda: s.events_after(299000),
    "before": lambda: s.answers_before(2**40, 20),
}.items():
    a = time.perf_counter()
    f()
    print(name, "%.2f ms" % ((time.perf_counter() - a) * 1e3))
db = sqlite3.connect(folder / "brand.sqlite")
