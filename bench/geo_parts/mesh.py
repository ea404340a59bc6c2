"""Two regions as an operator has them: master, keeper and link each, and an ocean between that only takes time."""

import json
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections import deque

from .server import BUILD, SERVER, Connection, Server, ended, free_port, started

SLUICE = BUILD / 'sluice'


class Ocean:
    """A TCP proxy whose bytes come out so much later."""

    def __init__(self, target_port, delay):
        self.target_port, self.delay = target_port, delay
        self.listener = socket.create_server(('127.0.0.1', 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            near = self.listener.accept()[0]
            try:
                far = socket.create_connection(('127.0.0.1', self.target_port))
            except OSError:
                near.close()
                continue
            for source, target in ((near, far), (far, near)):
                target.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._carry(source, target)

    def _carry(self, source, target):
        afloat, some = deque(), threading.Condition()

        def take():
            while True:
                try:
                    piece = source.recv(1 << 16)
                except OSError:
                    piece = b''
                with some:
                    afloat.append((time.monotonic() + self.delay, piece))
                    some.notify()
                if not piece:
                    return

        def give():
            while True:
                with some:
                    while not afloat:
                        some.wait()
                    due, piece = afloat.popleft()
                time.sleep(max(0, due - time.monotonic()))
                try:
                    if not piece:
                        return target.shutdown(socket.SHUT_WR)
                    target.sendall(piece)
                except OSError:
                    return

        for run in (take, give):
            threading.Thread(target=run, daemon=True).start()


class Regions:
    def __init__(self, folder, round_trip, backlog='16mb'):
        self.masters = [Server(folder, True, number=number, words=['--repl-backlog-size', backlog]) for number in (1, 2)]
        for master, other in zip(self.masters, (2, 1)):
            master.admin.call('GEO.JOIN', other)
        self.children, keepers, self.health_ports = [], [], []
        for number, master in enumerate(self.masters, 1):
            keepers.append(free_port())
            self._start('keeper', '--upstream', f'redis://127.0.0.1:{master.port}', '--listen', f'127.0.0.1:{keepers[-1]}',
                        '--dir', folder / f'keeper-{number}', '--metrics', f'127.0.0.1:{free_port()}', '--redis-server', SERVER)
        for port in keepers:
            Connection(port).socket.close()
        self.oceans = [Ocean(port, round_trip / 2) for port in keepers]
        self.links = []
        self.meet()

    def part(self):
        for link in self.links:
            self.children.remove(link)
            ended(link)
        self.links, self.health_ports = [], []

    def meet(self):
        for here, there in ((0, 1), (1, 0)):
            self.health_ports.append(free_port())
            self._start('geo', 'link', '--from', f'r{there + 1}=redis://127.0.0.1:{self.oceans[there].port}',
                        '--to', f'redis://127.0.0.1:{self.masters[here].port}', '--metrics', f'127.0.0.1:{self.health_ports[-1]}')
            self.links.append(self.children[-1])
        self._wait_until_streaming()

    def _start(self, *words):
        self.children.append(started([SLUICE, *words], stderr=subprocess.DEVNULL))

    def _wait_until_streaming(self):
        until = time.monotonic() + 30
        while not all(self._is_streaming(port) for port in self.health_ports):
            if time.monotonic() > until:
                raise SystemExit('the links do not stream')
            time.sleep(0.1)

    @staticmethod
    def _is_streaming(port):
        try:
            with urllib.request.urlopen(f'http://127.0.0.1:{port}/health', timeout=5) as page:
                return json.load(page)['status'] == 'streaming'
        except (urllib.error.URLError, OSError):
            return False

    def stop(self):
        for child in reversed(self.children):
            ended(child)
        for master in self.masters:
            master.stop()
