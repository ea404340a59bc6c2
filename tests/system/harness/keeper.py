"""`sluice keeper` as a server under test."""

import json
import os
import subprocess
import urllib.request

from harness.process import BUILD, free_port
from harness.redis_server import REDIS_SERVER, Server

SLUICE = BUILD / 'sluice'


class Keeper(Server):
    """`upstream` has a port (a server or a proxy); `flags` are further options of `sluice keeper`.

    `disk_bytes` puts the folder on a small disk of its own (a tmpfs in a mount namespace);
    `in_file` says all of it in a configuration file instead of flags.
    """

    def __init__(self, name, folder, upstream, flags=None, upstream_user=None, upstream_password=None,
                 upstream_tls=None, disk_bytes=None, in_file=False, **server):
        super().__init__(name, folder, **server)
        self.dir = self.folder / 'log'
        self.dir.mkdir(exist_ok=True)
        self.upstream_url = self._url(upstream.port, upstream_user, upstream_password, upstream_tls)
        self.upstream_tls = upstream_tls
        self.flags = dict(flags or {})
        self.disk_bytes = disk_bytes
        self.metrics_port = free_port()
        self.config = self.folder / 'keeper.toml' if in_file else None

    @staticmethod
    def _url(port, user, password, tls):
        login = f'{user or ""}:{password}@' if password else ''
        return f'redis{"s" if tls else ""}://{login}127.0.0.1:{port}'

    def settings(self):
        return {'upstream': self.upstream_url, 'listen': self.address, 'dir': self.dir,
                'metrics': f'127.0.0.1:{self.metrics_port}',
                'redis-server': REDIS_SERVER, **self.flags}

    def argv(self):
        words = [SLUICE, 'keeper']
        if self.config:
            if not self.config.exists():
                lines = [f'{key.replace("-", "_")} = "{value}"\n' for key, value in self.settings().items()]
                self.config.write_text(''.join(lines))
            words += ['--config', self.config]
        else:
            for key, value in self.settings().items():
                words += [f'--{key}'] if value is True else [f'--{key}', value]
        if self.disk_bytes:
            # exec all the way, so that the pid is the keeper's.
            mount = f'mount -t tmpfs -o size={self.disk_bytes} none "$0" && exec "$@"'
            words = ['unshare', '-m' if os.getuid() == 0 else '-rm', 'sh', '-c', mount, self.dir, *words]
        return words

    @property
    def disk(self):
        """The folder as the running keeper sees it."""
        return self.dir if not self.disk_bytes else self._inside(self.dir)

    def _inside(self, path):
        return path.__class__(f'/proc/{self.pid}/root{path}')

    def metrics(self):
        """The text of /metrics as {'name{labels}': value}."""
        with self.host.inside():
            with urllib.request.urlopen(f'http://127.0.0.1:{self.metrics_port}/metrics', timeout=5) as page:
                lines = page.read().decode().splitlines()
        pairs = (line.rsplit(' ', 1) for line in lines if line and not line.startswith('#'))
        return {name: float(value) for name, value in pairs}

    def metric(self, name):
        """The sum over all labels."""
        found = [value for key, value in self.metrics().items() if key.split('{')[0] == name]
        assert found, f'no metric {name}'
        return sum(found)

    def keeper(self, *words):
        return self.client.execute_command('KEEPER', *words)


def log_tool(*words, check=True):
    """Runs `sluice log …` and returns the finished process."""
    done = subprocess.run([str(SLUICE), 'log', *map(str, words)], capture_output=True, timeout=120)
    if check and done.returncode != 0:
        raise AssertionError(f'sluice log {words}: {done.returncode}\n{done.stderr.decode()}')
    return done


def log_json(*words):
    return json.loads(log_tool(*words, '--json').stdout)
