"""A child process with a log file, stopped by pid, and the port it listens on."""

import contextlib
import ctypes
import os
import random
import signal
import socket
import subprocess
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
BUILD = Path(os.environ.get('SLUICE_BUILD', ROOT / 'build'))
LOG_TAIL_BYTES = 6000
# Below the range that the kernel takes local ports of outgoing connections from.
PORTS = range(10000, 32000)

_libc = ctypes.CDLL(None)
_PR_SET_PDEATHSIG = 1


def _die_with_parent():
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def free_port():
    """A port nobody listens on now. Somebody may take it before we do: see Process.start."""
    while True:
        port = random.choice(PORTS)
        with socket.socket() as probe:
            try:
                probe.bind(('127.0.0.1', port))
                return port
            except OSError:
                continue


class Here:
    """The host that the test itself is on; harness/wan.py has others."""

    address = '127.0.0.1'

    @staticmethod
    def command(argv):
        return argv

    @staticmethod
    def inside():
        """Connections that are made within come from that host."""
        return contextlib.nullcontext()


class Process:
    """One program, restartable. Every start appends to the same log."""

    def __init__(self, name, folder, host=Here):
        self.name = name
        self.host = host
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.log = self.folder.parent / f'{name}.log'
        self.log.touch()
        self.child = None
        self.environment = {}

    def argv(self):
        raise NotImplementedError

    def is_ready(self):
        """True once the program serves."""
        raise NotImplementedError

    def spawn(self):
        with self.log.open('ab') as log:
            self.child = subprocess.Popen(
                [str(word) for word in self.host.command(self.argv())], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                cwd=self.folder, env={**os.environ, **self.environment}, preexec_fn=_die_with_parent)

    def start(self, within=15.0):
        self.spawn()
        self.wait_ready(within)
        return self

    def wait_ready(self, within=15.0):
        deadline = time.monotonic() + within
        while not self._ready_now():
            if self.child.poll() is not None:
                raise RuntimeError(f'{self.name} exited with {self.child.returncode}\n{self.log_tail()[-1500:]}')
            if time.monotonic() > deadline:
                raise RuntimeError(f'{self.name} not ready within {within} s\n{self.log_tail()[-1500:]}')
            time.sleep(0.01)

    def _ready_now(self):
        try:
            return self.is_ready()
        except Exception:  # not there yet
            return False

    @property
    def pid(self):
        return self.child.pid

    @property
    def alive(self):
        return self.child is not None and self.child.poll() is None

    def signal(self, number):
        if self.alive:
            self.child.send_signal(number)

    def kill(self):
        """As a crash: no time to do anything."""
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGKILL)
        if self.child:
            self.child.wait()

    def stop(self, within=15.0):
        """In good order, returning the exit code."""
        self.signal(signal.SIGTERM)
        try:
            return self.child.wait(within)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f'{self.name} did not stop within {within} s') from None

    def pause(self):
        self.signal(signal.SIGSTOP)

    def resume(self):
        self.signal(signal.SIGCONT)

    def log_text(self):
        return self.log.read_text(errors='replace')

    def log_tail(self):
        text = self.log_text()
        return text if len(text) < LOG_TAIL_BYTES else '…' + text[-LOG_TAIL_BYTES:]

    def threads(self):
        return len(os.listdir(f'/proc/{self.pid}/task'))

    def rss_bytes(self):
        for line in Path(f'/proc/{self.pid}/status').read_text().splitlines():
            if line.startswith('VmRSS:'):
                return int(line.split()[1]) * 1024
        raise RuntimeError('no VmRSS')
