#!/usr/bin/python3
"""CPU of a relay per megabyte, beside splice and HAProxy: bench/relay_cost.py [MEGABYTES [ROUNDS]].

Each row is a process that stands between a sender and a sink on this machine, and the CPU that it
used for what passed. The rows are measured in turn, round by round, and the median is printed."""

import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

SLUICE = Path(__file__).resolve().parents[1] / 'build' / 'sluice'
PIECE = os.urandom(1 << 20)
TICK = os.sysconf('SC_CLK_TCK')

SPLICE = """
import os, socket, sys
listener = socket.create_server(('127.0.0.1', int(sys.argv[1])))
while True:
    front, _ = listener.accept()
    back = socket.create_connection(('127.0.0.1', int(sys.argv[2])))
    out, into = os.pipe()
    while count := os.splice(front.fileno(), into, 1 << 20):
        while count:
            count -= os.splice(out, back.fileno(), count)
    back.close(); front.close(); os.close(out); os.close(into)
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


def cpu_seconds(pid):
    fields = Path(f'/proc/{pid}/stat').read_text().rsplit(')', 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


class Sink:
    def __init__(self):
        self.listener = socket.create_server(('127.0.0.1', 0))
        self.port = self.listener.getsockname()[1]

    def take(self, count):
        """Connections that bring nothing came from wait_for()."""
        buffer, seen = bytearray(1 << 20), 0
        while not seen:
            link, _ = self.listener.accept()
            while seen < count and (got := link.recv_into(buffer)):
                seen += got
            link.close()
        return seen


class Row:
    def __init__(self, name, port, line, pids):
        self.name, self.port, self.line, self.pids, self.costs = name, port, line, pids, []


def certificates(folder):
    ca, key, cert = folder / 'ca.pem', folder / 'key.pem', folder / 'cert.pem'
    ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
    run = lambda *words: subprocess.run(['openssl', *map(str, words)], check=True, capture_output=True)
    run('req', '-x509', *ec, '-days', 2, '-subj', '/CN=ca', '-keyout', folder / 'ca.key', '-out', ca)
    run('req', *ec, '-subj', '/CN=relay', '-keyout', key, '-out', folder / 'csr')
    (folder / 'ext').write_text('subjectAltName=IP:127.0.0.1\n')
    run('x509', '-req', '-in', folder / 'csr', '-CA', ca, '-CAkey', folder / 'ca.key', '-CAcreateserial',
        '-days', 2, '-extfile', folder / 'ext', '-out', cert)
    return ['--tls-cert', cert, '--tls-key', key, '--tls-ca', ca]


def start(children, *words):
    children.append(subprocess.Popen(list(map(str, words)), stderr=subprocess.DEVNULL))
    return children[-1].pid


def rows_of(folder, sink, children):
    rows = []
    port = free_port()
    pid = start(children, '/usr/bin/python3', '-c', SPLICE, port, sink.port)
    rows.append(Row('splice, one thread', port, '', [pid]))
    if haproxy := shutil.which('haproxy') or shutil.which('/usr/sbin/haproxy'):
        port, config = free_port(), folder / 'haproxy.cfg'
        config.write_text(f'global\n  nbthread 1\ndefaults\n  mode tcp\n  timeout connect 5s\n  timeout client 1m\n'
                          f'  timeout server 1m\nlisten l\n  bind 127.0.0.1:{port}\n  server s 127.0.0.1:{sink.port}\n')
        rows.append(Row('HAProxy, TCP mode', port, '', [start(children, haproxy, '-f', config, '-db')]))
    tls, port = certificates(folder), free_port()
    pid = start(children, SLUICE, 'relay', '--listen', f'127.0.0.1:{port}', '--allow', f'127.0.0.1:{sink.port}')
    rows.append(Row('relay', port, f'+PROXY ROUTE TCP://127.0.0.1:{sink.port}\r\n', [pid]))
    near, far = free_port(), free_port()
    ends = [start(children, SLUICE, 'relay', '--tls-listen', f'127.0.0.1:{far}', *tls, '--allow', f'127.0.0.1:{sink.port}'),
            start(children, SLUICE, 'relay', '--listen', f'127.0.0.1:{near}', *tls, '--allow', f'127.0.0.1:{far}')]
    line = f'+PROXY ROUTE PROXYTLS://127.0.0.1:{far} TCP://127.0.0.1:{sink.port}\r\n'
    rows.append(Row('two relays, TLS between, near', near, line, ends[1:]))
    rows.append(Row('two relays, TLS between, far', near, line, ends[:1]))
    return rows


def wait_for(row):
    for _ in range(200):
        try:
            with socket.create_connection(('127.0.0.1', row.port)) as link:
                link.sendall(b'+PROXY PING\r\n' if row.line else b'')
                return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError(f'{row.name} does not listen')


def measure(row, sink, megabytes):
    before = sum(map(cpu_seconds, row.pids))
    total = []
    line = row.line.encode()
    taker = threading.Thread(target=lambda: total.append(sink.take(megabytes << 20)))
    taker.start()
    began = time.monotonic()
    with socket.create_connection(('127.0.0.1', row.port)) as link:
        link.sendall(line)
        for _ in range(megabytes):
            link.sendall(PIECE)
        link.shutdown(socket.SHUT_WR)
        taker.join()
    assert total[0] == megabytes << 20, total
    took = time.monotonic() - began
    row.costs.append(((sum(map(cpu_seconds, row.pids)) - before) * 1000 / megabytes, megabytes / took))


def main():
    megabytes = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    folder, children, sink = Path(tempfile.mkdtemp(prefix='relay-cost-')), [], Sink()
    try:
        rows = rows_of(folder, sink, children)
        for row in rows:
            wait_for(row)
        for _ in range(rounds):
            for row in rows:
                measure(row, sink, megabytes)
        print(f'{"":32} {"CPU ms per MB":>14} {"MB/s":>8}')
        for row in rows:
            cost = statistics.median(cost for cost, _ in row.costs)
            rate = statistics.median(rate for _, rate in row.costs)
            print(f'{row.name:32} {cost:14.3f} {rate:8.0f}')
    finally:
        for child in children:
            child.kill()
            child.wait()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == '__main__':
    main()
