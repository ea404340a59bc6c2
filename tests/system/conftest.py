"""Fixtures. Each starts something of the test's own and stops it by pid, whatever happened."""

import gc
import os
import shutil
import tempfile
from pathlib import Path

import pytest

from harness import geo
from harness.certificates import Certificates
from harness.clock import Clock
from harness.delay import Delay
from harness.faults import Faults
from harness.regions import Link, Mesh
from harness.keeper import Keeper
from harness.load import Load
from harness.proxy import Proxy
from harness.psync import Recorder
from harness.relay import Relay
from harness.redis_server import Redis, Sentinel, Tls
from harness.wan import Wan

DESCRIPTORS_MANY = 200


class Bench:
    """What one test has started, in order."""

    def __init__(self, folder):
        self.folder = folder
        self.processes = []
        self.others = []  # with close() or stop()
        self._numbers = {}

    def name(self, kind):
        self._numbers[kind] = self._numbers.get(kind, 0) + 1
        return f'{kind}{self._numbers[kind]}'

    def add(self, process, start=True):
        self.processes.append(process)
        return process.start_anywhere() if start else process

    def add_other(self, thing):
        self.others.append(thing)
        return thing

    def end(self):
        for other in reversed(self.others):
            (getattr(other, 'stop', None) or other.close)()
        for process in reversed(self.processes):
            if process.child is not None:
                process.kill()
            if client := getattr(process, '_client', None):
                client.connection_pool.disconnect()


@pytest.fixture
def bench(request):
    folder = Path(tempfile.mkdtemp(prefix='sluice-test-'))
    bench = Bench(folder)
    request.node.bench = bench
    yield bench
    bench.end()
    if len(os.listdir('/proc/self/fd')) > DESCRIPTORS_MANY:
        gc.collect()  # connections of tests that are over, which refer to one another
    if not os.environ.get('SLUICE_KEEP'):
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def region(recorder):
    return lambda server: geo.Region(server, recorder(server))


@pytest.fixture(scope='module')
def servers():
    """A plain server and one with sluice-geo.so, for comparisons; one pair per file."""
    folder = Path(tempfile.mkdtemp(prefix='sluice-test-'))
    pair = Redis('plain', folder / 'plain'), Redis('module', folder / 'module', geo.options(1, allow_flush='yes'))
    for server in pair:
        server.start_anywhere()
    yield pair
    for server in pair:
        server.kill()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def redis_server(bench):
    """redis_server(name='master', replica_of=server, options={...}, environment={...}, user=, password=, tls=)"""

    def start(name='redis', replica_of=None, options=None, start=True, environment=None, **server):
        name = bench.name(name)
        process = Redis(name, bench.folder / name, options, **server)
        process.environment = environment or {}
        if replica_of is not None:
            process.options['replicaof'] = f'127.0.0.1 {replica_of.port}'
        return bench.add(process, start)

    return start


@pytest.fixture
def keeper(bench):
    """keeper(upstream, flags={'fsync': 'always'}, ...): see harness/keeper.py"""

    def start(upstream, name='keeper', start=True, environment=None, **options):
        name = bench.name(name)
        process = Keeper(name, bench.folder / name, upstream, **options)
        process.environment = environment or {}
        return bench.add(process, start)

    return start


@pytest.fixture
def certificates(tmp_path):
    return Certificates(tmp_path / 'certificates')


@pytest.fixture
def relay(bench):
    """relay(allow=['127.0.0.1:6379'], tls=certificates, ...): see harness/relay.py"""

    def start(allow=(), name='relay', start=True, **options):
        name = bench.name(name)
        return bench.add(Relay(name, bench.folder / name, allow, **options), start)

    return start


@pytest.fixture
def delay(bench):
    """delay(master, [('keeper', kept), ('replica', replica)], flags={...}): see harness/delay.py"""

    def start(master, nodes, name='delay', start=True, **options):
        name = bench.name(name)
        return bench.add(Delay(name, bench.folder / name, master, nodes, **options), start)

    return start


@pytest.fixture
def link(bench):
    """link([('eu', keeper)], [master], flags={...}): see harness/regions.py"""

    def start(sources, targets, name='link', start=True, **options):
        name = bench.name(name)
        return bench.add(Link(name, bench.folder / name, sources, targets, **options), start)

    return start


@pytest.fixture
def mesh(redis_server, keeper, proxy, link, sentinel):
    """mesh(count=2, replicas=0): see harness/regions.py"""
    def start(**options):
        made = Mesh(redis_server, keeper, proxy, link, **options)
        made.sentinel = sentinel
        return made
    return start


@pytest.fixture
def sentinel(bench):
    def start(master, **options):
        name = bench.name('sentinel')
        return bench.add(Sentinel(name, bench.folder / name, master, **options))

    return start


@pytest.fixture
def proxy(bench):
    return lambda server: bench.add_other(Proxy(server.port))


@pytest.fixture
def wan(bench):
    """wan(sides=2, delay='200ms', loss='1%'): see harness/wan.py"""

    def start(**options):
        name = bench.name('wan')
        return bench.add(Wan(name, bench.folder / name, **options))

    return start


@pytest.fixture
def load(bench):
    """load(server or function that returns a port, pipeline=, pause=, connect=)"""

    def start(target, **options):
        return bench.add_other(Load(target if callable(target) else target.port, **options))

    return start


@pytest.fixture
def recorder(bench):
    return lambda server, **link: bench.add_other(Recorder(server.port, **link))


@pytest.fixture
def faults(bench):
    return bench.add_other(Faults(bench.folder))


@pytest.fixture
def clock(bench):
    """clock(): a wall clock of its own for some processes; see harness/clock.py"""
    return lambda: Clock(bench.folder / bench.name('clock'))


@pytest.fixture(scope='session')
def tls(tmp_path_factory):
    return Tls(Certificates(tmp_path_factory.mktemp('certificates')))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failed test shows the end of every log it made."""
    report = (yield).get_result()
    bench = getattr(item, 'bench', None)
    if report.when == 'call' and report.failed and bench:
        for process in bench.processes:
            report.sections.append((f'log of {process.name}', process.log_tail()))
