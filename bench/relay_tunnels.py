#!/usr/bin/python3
"""Memory of a relay per idle tunnel, and how many it holds: bench/relay_tunnels.py [TUNNELS] [--relays 2]
[--bytes N].

Starts `sluice relay` and a silent server, opens the tunnels, sends one byte each way over each (or N of
text towards the server), and prints the relay's memory before and after, and ten seconds later. With two
relays the tunnels between them are Sluice's own, with compression, and both relays' memory is shown."""

import argparse
import resource
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
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


def wait_listening(port):
    for _ in range(200):
        try:
            return socket.create_connection(('127.0.0.1', port)).close()
        except OSError:
            time.sleep(0.05)
    raise RuntimeError('the relay does not listen')


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('tunnels', type=int, nargs='?', default=5000)
    parser.add_argument('--relays', type=int, choices=(1, 2), default=1)
    parser.add_argument('--bytes', type=int, default=1)
    options = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    listener = socket.create_server(('127.0.0.1', 0), backlog=4096)
    target = listener.getsockname()[1]
    ports = [free_port() for _ in range(options.relays)]
    relays = []
    try:
        for port, onward in zip(ports, [*ports[1:], target]):
            relays.append(subprocess.Popen(
                [SLUICE, 'relay', '--listen', f'127.0.0.1:{port}', '--tunnels-max', str(options.tunnels),
                 '--allow', f'127.0.0.1:{onward}'], stderr=subprocess.DEVNULL))
            wait_listening(port)
        hops = ''.join(f'PROXYTCP://127.0.0.1:{port} ' for port in ports[1:])
        line = f'+PROXY ROUTE {hops}TCP://127.0.0.1:{target}\r\n'.encode()
        measure(options, line, ports[0], listener, [relay.pid for relay in relays])
    finally:
        for relay in relays:
            relay.kill()
            relay.wait()


TEXT = b'*3\r\n$3\r\nSET\r\n$8\r\nkey:1234\r\n$12\r\nvalue:567890\r\n'


def receive(link, count):
    while count > 0:
        piece = link.recv(min(count, 1 << 16))
        assert piece
        count -= len(piece)


def measure(options, line, port, listener, pids):
    before, began = [memory_kb(pid) for pid in pids], time.monotonic()
    sent = (TEXT * (options.bytes // len(TEXT) + 1))[:options.bytes]
    ends = []
    while len(ends) < 2 * options.tunnels:
        fronts = [socket.create_connection(('127.0.0.1', port)) for _ in range(min(200, options.tunnels - len(ends) // 2))]
        with ThreadPoolExecutor(len(fronts)) as senders:
            sending = [senders.submit(front.sendall, line + sent) for front in fronts]
            for _ in fronts:
                back, _ = listener.accept()
                receive(back, len(sent))
                back.sendall(b'y')
                ends.append(back)
            for done in sending:
                done.result()
        for front in fronts:
            assert front.recv(1) == b'y'
        ends += fronts
    took, opened = time.monotonic() - began, len(ends) // 2
    print(f'{opened} tunnels opened in {took:.2f} s, {len(sent)} bytes through each')
    tell('at once', before, pids, opened)
    time.sleep(10)
    tell('after 10 s', before, pids, opened)


def tell(when, before, pids, opened):
    for name, first, pid in zip(('near', 'far'), before, pids):
        now = memory_kb(pid)
        print(f'{when}: {name} relay {first} kB before, {now} kB with them: {(now - first) / opened:.2f} kB each')


if __name__ == '__main__':
    main()
