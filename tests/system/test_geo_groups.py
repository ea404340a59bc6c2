"""Consumer groups are each region's own: what is read, pending and acknowledged in one stays so, whatever is written, dies or rejoins."""

import threading
import time

import pytest
import redis
from harness.redis_server import wait_in_sync
from harness.regions import MODULE
from harness.waiting import eventually

pytestmark = pytest.mark.skipif(not MODULE.exists(), reason='sluice-geo.so is not built')


def groups(client, key='s'):
    """What is known of each group, as text; idle times left out."""
    found = {}
    for one in client.xinfo_groups(key):
        pending = client.xpending_range(key, one['name'], '-', '+', 1000)
        found[one['name']] = (one['last-delivered-id'], one.get('entries-read'),
                              sorted(each['name'] for each in client.xinfo_consumers(key, one['name'])),
                              [(each['message_id'], each['consumer'], each['times_delivered']) for each in pending])
    return found


def use_groups(client, name):
    """A group with a consumer that has nothing, one with entries that are pending, one delivered twice, one acknowledged."""
    client.xgroup_create('s', name, '0', mkstream=True)
    client.xgroup_create('s', f'{name}-idle', '$')
    for number in range(5):
        client.xadd('s', {name: number})
    read = client.xreadgroup(name, 'one', {'s': '>'}, count=4)[0][1]
    client.xack('s', name, read[0][0])
    client.xclaim('s', name, 'other', 0, [read[1][0]])
    client.xgroup_createconsumer('s', name, 'nothing')


def rejoin(m, number):
    others = [region for region in m.regions if region.number != number]
    for other in others:
        m.cut(number, other.number)
    others[0].client.execute_command('GEO.DETACH', number)
    return lambda: [m.heal(number, other.number) for other in others]


def is_back(m, number):
    eventually(lambda: m[number].link.metric('sluice_geo_merges_total') >= 1, 'it has merged', 60)
    m.wait_equal()


def test_a_region_that_rejoins_keeps_its_own_groups(mesh):
    m = mesh(replicas=1)
    use_groups(m[1].client, 'theirs')
    m.wait_equal()
    use_groups(m[2].client, 'ours')
    m[2].client.xadd('own', {'a': 1}, id='1-1')
    m[2].client.xgroup_create('own', 'g', '0')
    m[2].client.xreadgroup('g', 'c', {'own': '>'})
    m.wait_equal()
    heal = rejoin(m, 2)
    m[1].client.xadd('s', {'while': 'away'})
    m[2].client.xadd('s', {'on its': 'own'})
    before = [(groups(m[2].client), groups(m[2].client, 'own')), groups(m[1].client)]
    assert list(before[0][0]) == [b'ours', b'ours-idle']
    replica = m[2].nodes[1]
    wait_in_sync(m[2].master, replica)
    on_replica = groups(replica.client), groups(replica.client, 'own')  # of how many entries were read it knows less
    heal()
    is_back(m, 2)
    assert [(groups(m[2].client), groups(m[2].client, 'own')), groups(m[1].client)] == before
    eventually(lambda: (groups(replica.client), groups(replica.client, 'own')) == on_replica, 'its replica has them', 10)
    m.wait_stable()


def test_groups_do_not_come_with_the_snapshot_by_which_a_region_joins(mesh):
    m = mesh(is_joined=False, prepare=lambda region: use_groups(region.client, region.name) if region.number == 1 else None)
    m.wait_equal()
    assert list(groups(m[1].client)) == [b'r1', b'r1-idle']
    assert groups(m[2].client) == {}


class Worker:
    """Reads, acknowledges what it got for sure, and never leaves an entry of its region's own stream out."""

    def __init__(self, region, name):
        self.region, self.name = region, name
        self.written, self.done, self.error = [], [], None
        self.is_over = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        client, number = None, 0
        while not self.is_over:
            try:
                client = client or self.region.client
                id = client.xadd('jobs', {self.region.name: number}, maxlen=10_000)
                self.written.append(id)
                number += 1
                for _, entries in client.xreadgroup('g', self.name, {'jobs': '>'}, count=5):
                    for entry, _ in entries:
                        if client.xack('jobs', 'g', entry):
                            self.done.append(entry)
                client.xautoclaim('jobs', 'g', self.name, 0, count=5)
            except redis.ConnectionError:
                client = None
                time.sleep(0.02)
            except redis.ResponseError as error:
                if 'READONLY' not in str(error) and 'LOADING' not in str(error):
                    self.error = error
                    return
            time.sleep(0.002)

    def stop(self):
        self.is_over = True
        self._thread.join()
        assert self.error is None, self.error


def test_groups_that_work_in_two_regions_survive_failover_and_rejoin(mesh):
    m = mesh(replicas=1, options={'appendonly': 'yes', 'appendfsync': 'always'})
    for region in m.regions:
        region.client.xgroup_create('jobs', 'g', '0', mkstream=True)
    eventually(m[1].nodes[1].link_is_up, 'the replica follows')
    workers = [Worker(region, region.name) for region in m.regions]
    time.sleep(1)
    m.fail_over(m[1])
    time.sleep(1)
    heal = rejoin(m, 2)
    time.sleep(0.5)
    heal()
    is_back_in_time = lambda: m[2].link.metric('sluice_geo_merges_total') >= 1  # noqa: E731
    eventually(is_back_in_time, 'it has merged', 60)
    time.sleep(0.5)
    for worker in workers:
        worker.stop()
    m.wait_equal()
    for region, worker in zip(m.regions, workers):
        client = region.client
        (group,) = client.xinfo_groups('jobs')
        assert group['name'] == b'g'
        names = {one['name'].decode() for one in client.xinfo_consumers('jobs', 'g')}
        assert names == {region.name}, names
        # What it wrote after the last failover or rejoin of its own it has read.
        assert len(worker.done) > 50
        for entry in client.xpending_range('jobs', 'g', '-', '+', 1000):
            assert entry['consumer'].decode() == region.name
        replica = region.nodes[1]
        eventually(lambda: [(name, one[0], one[2:]) for name, one in groups(replica.client, 'jobs').items()] ==
                   [(name, one[0], one[2:]) for name, one in groups(client, 'jobs').items()], 'the replica has the same', 10)
    m.wait_stable()
