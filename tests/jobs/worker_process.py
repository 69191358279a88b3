"""A worker process of the tests: `worker_process.py SECONDS LEASE BEAT` works until there is nothing for SECONDS."""

import sys
import time
from datetime import timedelta

import django

django.setup()

from tests.jobs.trial import register_all  # noqa: E402
from weilu.jobs import worker  # noqa: E402

seconds, lease, beat = (float(one) for one in sys.argv[1:4])
worker.LEASE, worker.BEAT_SECONDS = timedelta(seconds=lease), beat
register_all()
holder, idle_since = worker.new_holder(), time.monotonic()
print("ready", flush=True)
while time.monotonic() - idle_since < seconds:
    if worker.work_once(holder):
        idle_since = time.monotonic()
    else:
        time.sleep(0.02)
