"""`sluice relay` as a process under test, and raw conversations with it."""

import json
import socket
import ssl
import subprocess
import urllib.request

from harness.keeper import SLUICE
from harness.process import Here, Process, free_port


class Relay(Process):
    """`allow` is a list of rules; `tls` (certificates) adds a TLS listener; `clients` are [[client]]
    tables as dictionaries, which need a file."""

    def __init__(self, name, folder, allow=(), tls=None, flags=None, clients=(), host=Here):
        super().__init__(name, folder, host)
        self.port, self.tls_port, self.metrics_port = free_port(), free_port(), free_port()
        self.allow = list(allow)
        self.tls = tls
        self.flags = {'tunnels-max': 1000, **(flags or {})}
        self.clients = list(clients)

    def argv(self):
        words = [SLUICE, 'relay', '--listen', f'127.0.0.1:{self.port}',
                 '--metrics', f'127.0.0.1:{self.metrics_port}']
        for rule in self.allow:
            words += ['--allow', rule]
        if self.tls:
            words += ['--tls-listen', f'{self.host.address}:{self.tls_port}', '--tls-cert', self.tls.server_cert,
                      '--tls-key', self.tls.server_key, '--tls-ca', self.tls.ca]
        for key, value in self.flags.items():
            words += [f'--{key}', value]
        if self.clients:
            self.config = self.folder / 'relay.toml'
            tables = ['[[client]]\n' + ''.join(f'{k} = {json.dumps(v)}\n' for k, v in table.items())
                      for table in self.clients]
            self.config.write_text('\n'.join(tables))
            words += ['--config', self.config]
        return words

    def start_anywhere(self, within=15.0):
        for _ in range(5):
            try:
                return self.start(within)
            except RuntimeError:
                if 'ddress already in use' not in self.log_text():
                    raise
                self.port, self.tls_port, self.metrics_port = free_port(), free_port(), free_port()
        raise RuntimeError(f'{self.name}: no free port')

    def is_ready(self):
        return self.health()['status'] == 'running'

    def _get(self, path):
        with self.host.inside():
            with urllib.request.urlopen(f'http://127.0.0.1:{self.metrics_port}{path}', timeout=5) as page:
                return page.read().decode()

    def health(self):
        return json.loads(self._get('/health'))

    def metric(self, name, **labels):
        """The sum over all series of that name that have these labels."""
        total, wanted = 0.0, [f'{key}="{value}"' for key, value in labels.items()]
        for line in self._get('/metrics').splitlines():
            series, _, value = line.rpartition(' ')
            if series.split('{')[0] == name and all(label in series for label in wanted):
                total += float(value)
        return total

    @property
    def uri(self):
        return f'PROXYTCP://127.0.0.1:{self.port}'

    @property
    def tls_uri(self):
        return f'PROXYTLS://{self.host.address}:{self.tls_port}'

    def connect(self, tls=None, timeout=10):
        """A raw connection; with `tls` (certificates) to the TLS port, showing the client's."""
        plain = socket.create_connection(('127.0.0.1', self.tls_port if tls else self.port), timeout)
        plain.settimeout(timeout)
        if not tls:
            return plain
        context = ssl.create_default_context(cafile=str(tls.ca))
        context.load_cert_chain(tls.client_cert, tls.client_key)
        return context.wrap_socket(plain, server_hostname='127.0.0.1')

    def say(self, line, tls=None, half_close=True):
        """What comes back for `line` until the relay closes."""
        with self.connect(tls) as link:
            link.sendall(line if isinstance(line, bytes) else line.encode())
            if half_close:
                link.shutdown(socket.SHUT_WR)
            return read_all(link)


def read_all(link):
    seen = b''
    try:
        while piece := link.recv(65536):
            seen += piece
    except (TimeoutError, ConnectionError, ssl.SSLError):
        pass
    return seen.decode(errors='replace')


def read_line(link):
    seen = b''
    while not seen.endswith(b'\r\n'):
        piece = link.recv(1)
        if not piece:
            break
        seen += piece
    return seen.decode()


def check_route(route, *options):
    """(exit code, text) of `sluice relay check`."""
    done = subprocess.run([str(SLUICE), 'relay', 'check', route, *map(str, options)],
                          capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout + done.stderr
