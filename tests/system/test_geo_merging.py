"""Whatever dies in the middle of a GEO.MERGE: the region joins all the same, nothing is lost or doubled, and nobody stops."""

import random

import pytest
import redis
from harness.geo_writers import SEED, Writers, check_books
from harness.regions import MODULE
from harness.waiting import eventually
from test_geo_rejoin import check_filled, fill

pytestmark = pytest.mark.skipif(not MODULE.exists(), reason='sluice-geo.so is not built')

OPTIONS = {'appendonly': 'yes', 'appendfsync': 'always'}
BULK_KEYS = 4000
SNAPSHOT_RATE = 200_000  # bytes per second, so that a merge takes seconds


def fill_more(region):
    """`fill`, and so much else that does not compress that the snapshot is under way for seconds."""
    fill(region)
    rng = random.Random(region.number)
    with region.client.pipeline(transaction=False) as many:
        for number in range(BULK_KEYS):
            many.set(f'{region.name}:bulk:{number}', rng.randbytes(200))
        many.execute()


def has_joined(region):
    facts = region.facts()
    state = {name: facts[name] for name in ('must_rejoin', 'merging', 'adopting', 'detached')}
    assert state == {'must_rejoin': 'no', 'merging': 'no', 'adopting': 'no', 'detached': ''}, (state, region.link.health())
    return True


def streams(link):
    health = link.health()
    assert health['status'] == 'streaming', health
    return True


class Joining:
    """Two regions that take writes, and a third with data of its own that is merging the snapshot of one of them."""

    def __init__(self, mesh, replicas):
        self.mesh = m = mesh(count=3, replicas=replicas, is_joined=False, is_linked=False, options=OPTIONS)
        for region in m.regions:
            fill_more(region)
        self.late = m.regions.pop()
        for region in m.regions:
            m.connect(region)
        m.wait_equal()
        m.wait_stable()
        copies = replicas and replicas + 1  # and the keeper
        self.writers = [Writers(m.regions, copies=copies), Writers([self.late], seed=SEED + 99, copies=copies)]
        m.regions.append(self.late)
        for region in m.regions[:2]:
            region.link.kill()
            m.connect(region)
        m.connect(self.late, SNAPSHOT_RATE)
        eventually(self.is_in_the_middle, 'the third merges', 60)
        self.source = next(region for region in m.regions if region.name == self.late.facts()['merging_from'])

    def is_in_the_middle(self):
        facts = self.late.facts()
        return facts['merging'] == 'yes' and int(facts['merged_keys']) > 0

    def go_on(self):
        """More keys are merged, and clients of the joining region write what is merged and what is not."""
        keys, rounds = int(self.late.facts()['merged_keys']), self.rounds()[self.late.number]
        eventually(lambda: int(self.late.facts()['merged_keys']) > keys + 200 and
                   self.rounds()[self.late.number] > rounds, 'the merge goes on')
        assert self.is_in_the_middle()

    def rounds(self):
        return {number: rounds for one in self.writers for number, rounds in one.rounds().items()}

    def check_nobody_stops(self, numbers):
        before = self.rounds()
        eventually(lambda: all(self.rounds()[number] > before[number] + 3 for number in numbers), f'{numbers} write', 30)

    def finish(self):
        m = self.mesh
        for way in self.late.ways.values():
            way.limit(None)
        for region in m.regions:
            eventually(lambda region=region: has_joined(region), f'{region.name} is one of three', 90)
            eventually(lambda region=region: streams(region.link), f'the link of {region.name} streams', 60)
        self.check_nobody_stops([1, 2, 3])
        for one in self.writers:
            one.stop()
        m.wait_equal(90)
        for region in m.regions:
            check_filled(region, ['r1', 'r2', 'r3'])
            check_books(self.writers, region)
            for name in ('r1', 'r2', 'r3'):
                assert region.client.exists(*(f'{name}:bulk:{number}' for number in range(BULK_KEYS))) == BULK_KEYS
        m.wait_stable()


def fail_over_the_source(joining):
    joining.mesh.fail_over(joining.source)


def kill_the_sources_keeper(joining):
    joining.source.keeper.kill()
    joining.source.keeper.start()


def kill_the_link(joining):
    joining.late.link.kill()
    joining.late.link.start()


def send_keys_from_elsewhere(joining):
    with pytest.raises(redis.ResponseError, match='no snapshot is being merged over this connection'):
        joining.late.client.execute_command('GEO.MERGE', 'KEYS', 0, 'k', 0, joining.late.client.dump('both:string'))


def kill_the_joining_master(joining):
    joining.go_on()
    joining.late.master.kill()
    joining.late.master.start(within=60)


def kill_the_joining_master_whose_aof_begins_in_the_middle(joining):
    client = joining.late.client
    client.bgrewriteaof()
    eventually(lambda: client.info('persistence')['aof_rewrite_in_progress'] == 0, 'the AOF is rewritten')
    assert client.info('persistence')['aof_last_bgrewrite_status'] == 'ok'
    kill_the_joining_master(joining)


def fail_over_the_joining_region(joining):
    joining.mesh.fail_over(joining.late)


def fail_over_the_joining_region_to_a_replica_that_came_in_the_middle(joining):
    late = joining.late
    late.nodes[1].kill()
    late.nodes[1].start(within=60)
    eventually(lambda: late.nodes[1].client.info('replication')['master_link_status'] == 'up', 'the replica follows')
    joining.go_on()
    joining.mesh.fail_over(late)


def fail_over_the_joining_region_to_a_replica_that_is_behind(joining):
    late = joining.late
    late.nodes[1].pause()
    merged = int(late.facts()['merged_keys'])
    eventually(lambda: int(late.facts()['merged_keys']) > merged + 200, 'the replica lacks keys that are merged')
    late.master.kill()
    late.nodes[1].resume()
    joining.mesh.fail_over(late)


def fail_over_the_joining_region_to_a_replica_that_lacks_the_end(joining):
    """Others have heard of the return, which the new master has not: what was told then must not be told twice."""
    late, peer = joining.late, joining.mesh.regions[0]
    joining.go_on()
    late.nodes[1].kill()
    for way in late.ways.values():
        way.limit(None)
    eventually(lambda: has_joined(late), 'the region has joined', 60)
    back = max(incarnation for region, incarnation in late.vector() if region == late.number)
    eventually(lambda: (late.number, back) in peer.vector(), 'others hear of it')
    late.master.kill()
    late.nodes[1].start(within=60)
    joining.mesh.fail_over(late)
    assert (late.number, back) not in late.vector()


@pytest.mark.parametrize('fault, replicas', [
    (send_keys_from_elsewhere, 0), (kill_the_sources_keeper, 0), (kill_the_link, 0), (kill_the_joining_master, 0),
    (kill_the_joining_master_whose_aof_begins_in_the_middle, 0), (fail_over_the_source, 1),
    (fail_over_the_joining_region, 1), (fail_over_the_joining_region_to_a_replica_that_came_in_the_middle, 1),
    (fail_over_the_joining_region_to_a_replica_that_is_behind, 1),
    (fail_over_the_joining_region_to_a_replica_that_lacks_the_end, 1)])
def test_a_region_joins_whatever_dies_in_the_middle_of_its_merge(mesh, fault, replicas):
    print(f'SLUICE_SEED={SEED}')
    joining = Joining(mesh, replicas)
    untouched = [region.number for region in joining.mesh.regions[:2] if region is not joining.source]
    assert joining.is_in_the_middle()
    fault(joining)
    joining.check_nobody_stops(untouched)
    joining.finish()


def test_a_fourth_and_a_fifth_join_three_that_take_writes(mesh):
    print(f'SLUICE_SEED={SEED}')
    m = mesh(count=5, is_joined=False, is_linked=False)
    for region in m.regions:
        fill(region)
    late = m.regions[3:]
    del m.regions[3:]
    for region in m.regions:
        m.connect(region)
    m.wait_equal()
    m.wait_stable()
    writers = [Writers(m.regions, pause=0.005), Writers(late, seed=SEED + 99, pause=0.01)]
    before = writers[0].rounds()
    m.regions += late
    for region in m.regions:
        if region.link:
            region.link.kill()
        m.connect(region)
    for region in m.regions:
        eventually(lambda region=region: has_joined(region), f'{region.name} is one of five', 120)
        eventually(lambda region=region: streams(region.link), f'the link of {region.name} streams', 60)
    assert sum(region.link.metric('sluice_geo_merges_total') for region in late) >= 2
    assert all(rounds > before[number] + 20 for number, rounds in writers[0].rounds().items())
    for one in writers:
        one.stop()
    m.wait_equal(120)
    for region in m.regions:
        check_filled(region, [other.name for other in m.regions])
        check_books(writers, region)
    m.wait_stable(60)
