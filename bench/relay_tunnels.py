#!/usr/bin/python3
"""Memory of a relay per idle tunnel, and how many it holds: bench/relay_tunnels.py [TUNNELS].

Starts `sluice relay` and a silent server, opens the tunnels, sends one byte each way over each, and
prints the relay's memory before and after."""

import resource
import selectors
import socket
import subprocess
import sys
import time
from pathlib import Path

SLUICE = Path(__file__).resolve().parents[1] / 'build' / 'sluice'


def memory_kb(pid):
    for line in Path(f'/proc/{pid}/status').read_text().splitlines():
        if line.startswith('VmRSS'):
            return int(line.split()[1])
    raise RuntimeError('no VmRSS')


def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 5000
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    listener = socket.create_server(('127.0.0.1', 0), backlog=4096)
    target, port = listener.getsockname()[1], free_port()
    relay = subprocess.Popen([SLUICE, 'relay', '--listen', f'127.0.0.1:{port}', '--tunnels-max', str(count),
                              '--allow', f'127.0.0.1:{target}'], stderr=subprocess.DEVNULL)
    try:
        ends = open_all(count, port, target, listener, relay.pid)
    finally:
        relay.kill()
        relay.wait()
    del ends


def open_all(count, port, target, listener, pid):
    for _ in range(200):
        try:
            socket.create_connection(('127.0.0.1', port)).close()
            break
        except OSError:
            time.sleep(0.05)
    before, began = memory_kb(pid), time.monotonic()
    line = f'+PROXY ROUTE TCP://127.0.0.1:{target}\r\nx'.encode()
    ends = []
    while len(ends) < 2 * count:
        fronts = [socket.create_connection(('127.0.0.1', port)) for _ in range(min(200, count))]
        for front in fronts:
            front.sendall(line)
        for _ in fronts:
            back, _ = listener.accept()
            assert back.recv(1) == b'x'
            back.sendall(b'y')
            ends.append(back)
        for front in fronts:
            assert front.recv(1) == b'y'
        ends += fronts
    took, after = time.monotonic() - began, memory_kb(pid)
    opened = len(ends) // 2
    print(f'{opened} tunnels opened in {took:.2f} s; memory {before} kB before, {after} kB with them: '
          f'{(after - before) / opened:.2f} kB each')
    return ends


if __name__ == '__main__':
    main()
