"""Regions that all take writes: masters with sluice-geo.so, keepers, links, and cuts between them."""

import json
import subprocess
import urllib.request

from harness.keeper import SLUICE
from harness.process import BUILD, Process, free_port
from harness.waiting import eventually

MODULE = BUILD / 'sluice-geo.so'


class Link(Process):
    """`sluice geo link`; `sources` are (name, server or proxy), `targets` servers of one region."""

    def __init__(self, name, folder, sources, targets, flags=None):
        super().__init__(name, folder)
        self.sources, self.targets = list(sources), list(targets)
        self.metrics_port = free_port()
        self.flags = {'position-interval': '100ms', 'retry-wait': '200ms', 'lack-patience': '3s', **(flags or {})}

    def argv(self):
        words = [SLUICE, 'geo', 'link', '--metrics', f'127.0.0.1:{self.metrics_port}']
        for name, server in self.sources:
            words += ['--from', f'{name}=redis://127.0.0.1:{server.port}']
        for server in self.targets:
            words += ['--to', f'redis://127.0.0.1:{server.port}']
        for key, value in self.flags.items():
            words += [f'--{key}', value]
        return words

    def start_anywhere(self, within=15.0):
        return self.start(within)

    def is_ready(self):
        return self.health()

    def health(self):
        try:
            with urllib.request.urlopen(f'http://127.0.0.1:{self.metrics_port}/health', timeout=5) as page:
                return json.load(page)
        except urllib.error.HTTPError as degraded:
            return json.load(degraded)

    def is_streaming(self):
        return self.health()['status'] == 'streaming'

    def metric(self, name):
        """The sum over all labels; 0 if there is none yet."""
        with urllib.request.urlopen(f'http://127.0.0.1:{self.metrics_port}/metrics', timeout=5) as page:
            lines = page.read().decode().splitlines()
        pairs = (line.rsplit(' ', 1) for line in lines if line and not line.startswith('#'))
        return sum(float(value) for key, value in pairs if key.split('{')[0] == name)


class Region:
    def __init__(self, number):
        self.number = number
        self.name = f'r{number}'
        self.nodes = []  # the master first
        self.keeper = self.link = None
        self.ways = {}  # to other regions' keepers, by their number: proxies

    @property
    def master(self):
        return self.nodes[0]

    @property
    def client(self):
        return self.master.client

    def vector(self):
        """{(region, incarnation): seq}"""
        _, entries, _ = self.client.execute_command('GEO.VECTOR')
        return {(region, incarnation): seq for region, incarnation, seq in entries}

    def facts(self):
        return self.facts_of(self.master)

    @staticmethod
    def facts_of(node):
        text = node.client.execute_command('GEO.INFO')
        lines = (text if isinstance(text, str) else text.decode()).splitlines()
        return dict(line.split(':', 1) for line in lines if ':' in line)


class Mesh:
    """`count` regions, each with a link from every other one, through proxies that can be cut."""

    def __init__(self, redis_server, keeper, proxy, link, count=2, replicas=0, options=None, is_joined=True,
                 prepare=None, module_words='', is_linked=True, environments=None):
        self._redis, self._keeper, self._proxy, self._link = redis_server, keeper, proxy, link
        self.module_words = module_words
        self.environments = environments or {}  # of masters and replicas, by the region's number
        self.regions = [Region(number + 1) for number in range(count)]
        for region in self.regions:
            region.nodes = [self.start_redis(region, options)]
            region.nodes += [self.start_redis(region, {**(options or {}), 'replicaof':
                             f'127.0.0.1 {region.master.port}'}) for _ in range(replicas)]
            if prepare:
                prepare(region)
            region.keeper = keeper(region.master, name=f'{region.name}-keeper',
                                   flags={'redis-module': self.module_line(region)})
            eventually(region.keeper.link_is_up, f'the keeper of {region.name} follows')
        # So that nobody forgets what a region lacks that has not been heard of yet.
        for region in self.regions if is_joined else []:
            for other in self.regions:
                if other is not region:
                    region.client.execute_command('GEO.JOIN', other.number)
        for region in self.regions if is_linked else []:
            self.connect(region)

    def module_line(self, region):
        return f'{MODULE} region={region.name} id={region.number} {self.module_words}'.strip()

    def start_redis(self, region, options=None):
        return self._redis(f'{region.name}-redis', environment=self.environments.get(region.number), options={
            'loadmodule': self.module_line(region), **(options or {})})

    def connect(self, region, bytes_per_second=None):
        others = [other for other in self.regions if other is not region]
        region.ways = {other.number: self._proxy(other.keeper) for other in others}
        for way in region.ways.values():
            way.limit(bytes_per_second)
        sources = [(f'r{number}', way) for number, way in region.ways.items()]
        region.link = self._link(sources, region.nodes, name=f'{region.name}-link')

    def __getitem__(self, number):
        return self.regions[number - 1]

    def cut(self, a, b):
        self[a].ways[b].cut()
        self[b].ways[a].cut()

    def heal(self, a, b):
        self[a].ways[b].heal()
        self[b].ways[a].heal()

    def fail_over(self, region):
        """kill -9 of the master, the replica promoted; the old master comes back as its replica."""
        dead, heir = region.nodes[:2]
        dead.kill()
        heir.client.execute_command('REPLICAOF', 'NO', 'ONE')
        heir.options.pop('replicaof', None)
        region.nodes[:2] = heir, dead
        region.keeper.upstream_url = f'redis://127.0.0.1:{heir.port}'
        region.keeper.client.execute_command('REPLICAOF', '127.0.0.1', heir.port)
        dead.options['replicaof'] = f'127.0.0.1 {heir.port}'
        dead.start(within=60)

    def sluice(self, *words):
        """`sluice geo …` with the URLs of all masters."""
        urls = [f'redis://127.0.0.1:{region.master.port}' for region in self.regions]
        return subprocess.run([str(SLUICE), 'geo', *map(str, words), *urls], capture_output=True, text=True,
                              timeout=120)

    def is_settled(self):
        """Nobody lacks an op of another."""
        vectors = [region.vector() for region in self.regions]
        assert all(vector == vectors[0] for vector in vectors), (vectors, [r.link.health() for r in self.regions])
        return True

    def wait_equal(self, within=60.0):
        """Waits until nobody lacks anything; fails with the keys that differ."""
        eventually(self.is_settled, 'all regions have the same ops', within)
        done = self.sluice('verify', '--within', '20s')
        assert done.returncode == 0, done.stdout + done.stderr

    def wait_stable(self, within=30.0):
        """Waits until all metadata is gone."""
        def is_stable():
            facts = [region.facts() for region in self.regions]
            left = [{key: value for key, value in one.items() if key in ('region', 'vector', 'stable', 'unstable_keys')
                     or key.startswith('promise')} for one in facts if one['unstable_keys'] != '0']
            assert not left, left
            return True
        eventually(is_stable, 'no unstable keys', within)
