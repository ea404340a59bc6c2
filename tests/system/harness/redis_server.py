"""Stock redis-server and redis-sentinel; another server by SLUICE_REDIS_SERVER=/path/valkey-server."""

import os
import re

import redis

from harness.process import Here, Process, free_port
from harness.waiting import eventually

REDIS_SERVER = os.environ.get('SLUICE_REDIS_SERVER', 'redis-server')
REDIS_SENTINEL = os.environ.get('SLUICE_REDIS_SENTINEL', 'redis-sentinel')


class Tls:
    """How to reach a server with TLS: files of harness/certificates.py."""

    def __init__(self, files):
        self.files = files

    def client_options(self):
        return dict(ssl=True, ssl_ca_certs=str(self.files.ca), ssl_certfile=str(self.files.client_cert),
                    ssl_keyfile=str(self.files.client_key), ssl_check_hostname=False)


class DistantConnection(redis.Connection):
    """Is made on another host (harness/wan.py)."""

    def __init__(self, inside, **options):
        self._inside = inside
        super().__init__(**options)

    def _connect(self):
        with self._inside():
            return super()._connect()


class Server(Process):
    """Anything that speaks RESP on a port."""

    def __init__(self, name, folder, user=None, password=None, tls=None, host=Here):
        super().__init__(name, folder, host)
        self.port = free_port()
        self.user = user
        self.password = password
        self.tls = tls
        self._client = None

    @property
    def address(self):
        return f'127.0.0.1:{self.port}'

    def connect(self, **options):
        """A client of its own; `client` is the shared one."""
        settings = dict(host='127.0.0.1', port=self.port, socket_timeout=10, socket_connect_timeout=5,
                        username=self.user, password=self.password)
        if self.tls:
            settings.update(self.tls.client_options())
        settings.update(options)
        if self.host is not Here:
            pool = redis.ConnectionPool(connection_class=DistantConnection, inside=self.host.inside, **settings)
            return redis.Redis(connection_pool=pool)
        return redis.Redis(**settings)

    @property
    def client(self):
        if self._client is None:
            self._client = self.connect()
        return self._client

    def is_ready(self):
        return self.client.ping()

    def info(self, section='replication'):
        return self.client.info(section)

    @property
    def offset(self):
        return self.info()['master_repl_offset']

    @property
    def replid(self):
        return self.info()['master_replid']

    def link_is_up(self):
        return self.info().get('master_link_status') == 'up'

    def start_anywhere(self, within=15.0):
        """start(), on another port if somebody took ours in between."""
        for _ in range(5):
            try:
                return self.start(within)
            except RuntimeError:
                if 'ddress already in use' not in self.log_text():
                    raise
                self.port = free_port()
                self._client = None
        raise RuntimeError(f'{self.name}: no free port')


class Redis(Server):
    def __init__(self, name, folder, options=None, **server):
        super().__init__(name, folder, **server)
        self.options = {
            'bind': '127.0.0.1', 'dir': self.folder, 'save': '""', 'appendonly': 'no',
            'enable-debug-command': 'yes', 'repl-diskless-sync-delay': 0, 'loglevel': 'verbose',
            'repl-ping-replica-period': 1, 'repl-backlog-size': 64 << 20, **(options or {})}
        if self.password and not self.user:
            self.options.setdefault('requirepass', self.password)

    def argv(self):
        ports = ['--port', self.port]
        if self.tls:
            files = self.tls.files
            ports = ['--port', 0, '--tls-port', self.port, '--tls-cert-file', files.server_cert,
                     '--tls-key-file', files.server_key, '--tls-ca-cert-file', files.ca,
                     '--tls-replication', 'yes']
        words = [REDIS_SERVER, *ports]
        for key, value in self.options.items():
            for one in value if isinstance(value, list) else [value]:
                words += [f'--{key}', *(['""'] if one == '""' else str(one).split(' '))]
        return words

    def digest(self):
        return self.client.execute_command('DEBUG', 'DIGEST')

    def expires(self, is_on):
        self.client.execute_command('DEBUG', 'SET-ACTIVE-EXPIRE', int(is_on))

    def full_resyncs(self):
        """How many it has asked for and been given, as a replica; Valkey's log says primary, Redis 8 takes the RDB over a second connection."""
        return len(re.findall('Full resync from (?:master|primary)|initialize RDB channel', self.log_text()))

    def stats(self, key):
        return self.info('stats')[key]

    def replica_ack(self, port):
        """The offset acknowledged by the replica that listens on `port`, or None."""
        for key, value in self.info().items():
            if key.startswith('slave') and isinstance(value, dict) and int(value['port']) == port:
                return int(value['offset']) if value['state'] == 'online' else None
        return None


class Sentinel(Server):
    """One sentinel with quorum 1 that watches one master under the name `shard`."""

    def __init__(self, name, folder, master, down_after_ms=3000, **server):
        super().__init__(name, folder, **server)
        self.config = self.folder / 'sentinel.conf'
        self.master = master
        self.down_after_ms = down_after_ms

    def argv(self):
        self.config.write_text(
            f'port {self.port}\nbind 127.0.0.1\ndir {self.folder}\n'
            f'sentinel monitor shard 127.0.0.1 {self.master.port} 1\n'
            f'sentinel down-after-milliseconds shard {self.down_after_ms}\n'
            'sentinel failover-timeout shard 10000\n'
            'sentinel parallel-syncs shard 4\n')
        return [REDIS_SENTINEL, self.config]

    def master_port(self):
        return int(self.client.execute_command('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', 'shard')[1])

    def replicas(self):
        """Ports of the replicas that it knows."""
        return {int(r['port']): r for r in self.client.sentinel_slaves('shard')}


def difference(master, replica):
    """Why the replica has not all that the master has; None once it has, by content."""
    if not replica.link_is_up():
        return 'its link is down'
    offsets = master.offset, replica.offset
    if offsets[0] != offsets[1]:
        return f'offsets {offsets}'
    return 'its content differs' if master.digest() != replica.digest() else None


def wait_in_sync(master, *replicas, within=20.0):
    """Waits until the replicas have what the master has, and fails with what is missing.

    Meanwhile the master expires nothing, else its content would move while we compare.
    """
    master.expires(False)
    for replica in replicas:
        def is_in_sync():
            why = difference(master, replica)
            if why:
                raise AssertionError(why)
            return True
        eventually(is_in_sync, f'{replica.name} in sync with {master.name}', within)
    master.expires(True)
