import os
import sys
import time
from hashlib import sha256
from pathlib import Path

from registry.brand.store import open_store
from tests.support.brand_stores import an_answer

folder = Path(sys.argv[1])
folder.mkdir(exist_ok=True)
n = int(sys.argv[2])
store = open_store(folder)
t = time.time()
file = os.urandom(300)


def sub(i):
    return sha256(i.to_bytes(8)).digest()[:20]


for start in range(0, n, 5000):
    store.take(
        [
            an_answer(i + 1, subject=sub(i), data=("pd:Purchase",), accepted_at=1, file=file)
            for i in range(start, start + 5000)
        ],
        0,
        100,
    )
print("filled", time.time() - t, (folder / "brand.sqlite").stat().st_size / 1e6, "MB")
t = time.time()
s = open_store(folder)
s.view()
print("open", time.time() - t)
import random

ts = []
for _ in range(20000):
    i = random.randrange(n)
    a = time.perf_counter()
    r = s.standing(sub(i), "dpv:Personalisation", ("pd:Purchase",), 1_800_000_000)
    ts.append(time.perf_counter() - a)
    assert r
ts.sort()
print("standing p50 %.3f ms p99 %.3f ms" % (ts[10000] * 1e3, ts[19800] * 1e3))
