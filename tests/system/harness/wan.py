"""An emulated WAN for a test: hosts a, b, … with packets delayed and lost between them."""

import contextlib
import ctypes
import json
import os
import random
import subprocess
from pathlib import Path

from harness.process import BUILD, Process

SLUICE = BUILD / 'sluice'
_libc = ctypes.CDLL(None, use_errno=True)
_CLONE_NEWNET = 0x40000000


class Wan(Process):
    """`conditions` as in `sluice lab wan --help`: Wan(name, folder, delay='200ms', loss='1%')."""

    def __init__(self, name, folder, sides=2, seed=1, **conditions):
        super().__init__(name, folder)
        self.wan_name = f'test-{os.getpid()}-{random.randrange(1 << 32):x}'
        self.options = {'name': self.wan_name, 'sides': sides, 'seed': seed, **conditions}

    def argv(self):
        return [SLUICE, 'lab', 'wan', 'up', *_flags(self.options)]

    def is_ready(self):
        self.side_status = {side['name']: side for side in self.status()['sides']}
        return True

    def start_anywhere(self):
        return self.start()

    def kill(self):
        super().kill()
        for left in Path('/run/sluice').glob(f'wan-{self.wan_name}.*'):
            left.unlink(missing_ok=True)

    # --- conditions -----------------------------------------------------------------------------

    def set(self, *words, **conditions):
        """set(loss='1%'), set('--clear', delay='10ms'), set(cut='30s', **{'from': 'a', 'to': 'b'})"""
        done = subprocess.run([str(SLUICE), 'lab', 'wan', '--name', self.wan_name, '--json', *words,
                               *_flags(conditions)], capture_output=True, text=True, timeout=20)
        if done.returncode != 0:
            raise RuntimeError(done.stderr)
        return json.loads(done.stdout)

    def status(self):
        return self.set()

    def cut(self, time, **directions):
        return self.set(cut=time, **directions)

    def heal(self):
        return self.set('--heal')

    def direction(self, source, target):
        """Its conditions, the cut that is left and its counters."""
        return next(way for way in self.status()['directions']
                    if (way['from'], way['to']) == (source, target))

    def side(self, name):
        """For Process(host=...)."""
        return Side(self, name)

    # --- hosts ----------------------------------------------------------------------------------

    def address(self, side):
        return self.side_status[side]['address']

    def on(self, side, *argv):
        """The command line that runs argv on that host; it becomes argv, so the pid is its own."""
        return [str(SLUICE), 'lab', 'wan', 'exec', '--name', self.wan_name, side, '--',
                *map(str, argv)]

    def run(self, side, *argv, **options):
        return subprocess.run(self.on(side, *argv), capture_output=True, text=True,
                              **{'timeout': 60, **options})

    @contextlib.contextmanager
    def inside(self, side):
        """Sockets that this thread makes within are of that host, and stay so."""
        before = os.open('/proc/thread-self/ns/net', os.O_RDONLY | os.O_CLOEXEC)
        there = os.open(self.side_status[side]['netns'], os.O_RDONLY | os.O_CLOEXEC)
        try:
            _enter(there)
            yield
        finally:
            _enter(before)
            os.close(there)
            os.close(before)


class Side:
    """A host of a WAN, for processes of the test: see harness/process.py, Here."""

    def __init__(self, wan, name):
        self._wan, self._name = wan, name
        self.address = wan.address(name)

    def command(self, argv):
        return self._wan.on(self._name, *argv)

    def inside(self):
        return self._wan.inside(self._name)


def _enter(namespace):
    if _libc.setns(namespace, _CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), 'setns')


def _flags(options):
    return [word for key, value in options.items() for word in (f'--{key.replace("_", "-")}', str(value))]
