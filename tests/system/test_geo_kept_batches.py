"""Keepers whose log begins anew: what peers lack of before is in their snapshot, whoever they stand behind."""

import shutil

import pytest
from harness.regions import MODULE
from harness.waiting import eventually

pytestmark = pytest.mark.skipif(not MODULE.exists(), reason='sluice-geo.so is not built')


def begin_anew(keeper, upstream):
    """Its disk is lost: it takes a full copy of `upstream`."""
    keeper.kill()
    shutil.rmtree(keeper.dir)
    keeper.dir.mkdir()
    keeper.upstream_url = f'redis://127.0.0.1:{upstream.port}'
    keeper.start()
    eventually(keeper.link_is_up, 'the keeper follows')


def write(client, name, count=500):
    with client.pipeline(transaction=False) as many:
        for number in range(count):
            many.incr(f'{name}:counter')
            many.rpush(f'{name}:list', number)
            many.set(f'{name}:{number}', number)
        many.execute()


def merges(m):
    return [region.link.metric('sluice_geo_merges_total') for region in m.regions]


def check(region, name, count=500):
    assert region.client.get(f'{name}:counter') == str(count).encode()
    assert region.client.llen(f'{name}:list') == count


@pytest.mark.parametrize('stands_behind', ['master', 'replica'])
def test_what_a_peer_lacks_comes_with_the_snapshot_of_a_keeper_that_lost_its_log(mesh, stands_behind):
    m = mesh(replicas=1)
    upstream = m[1].nodes[0 if stands_behind == 'master' else 1]
    begin_anew(m[1].keeper, upstream)
    m[2].client.set('before', '1')
    m.wait_equal()
    m.wait_stable()
    m.cut(1, 2)
    write(m[1].client, 'a')
    write(m[2].client, 'b')
    replica = m[1].nodes[1]
    eventually(lambda: replica.client.get('a:counter') == b'500', 'the replica has it')
    begin_anew(m[1].keeper, upstream)
    write(m[1].client, 'c')
    m.heal(1, 2)
    m.wait_equal()
    for region in m.regions:
        for name in 'abc':
            check(region, name)
    assert merges(m) == [0, 0], m[2].link.log_text()
    m.wait_stable()


def test_what_a_peer_lacks_comes_behind_a_replica_that_was_itself_copied_anew(mesh):
    m = mesh(replicas=1)
    replica = m[1].nodes[1]
    begin_anew(m[1].keeper, replica)
    m.wait_equal()
    m.cut(1, 2)
    write(m[1].client, 'a')
    replica.kill()
    write(m[1].client, 'b')
    m[1].client.execute_command('CONFIG', 'SET', 'repl-backlog-size', '16kb')
    m[1].client.execute_command('DEBUG', 'CHANGE-REPL-ID')
    replica.start(within=60)
    eventually(replica.link_is_up, 'the replica follows')
    eventually(lambda: replica.client.get('b:counter') == b'500', 'the replica has it')
    eventually(m[1].keeper.link_is_up, 'the keeper follows')
    m.heal(1, 2)
    m.wait_equal()
    for region in m.regions:
        for name in 'ab':
            check(region, name)
    assert merges(m) == [0, 0], m[2].link.log_text()


def test_what_a_region_lost_with_its_life_and_no_log_has_comes_with_the_snapshot_of_who_has_it(mesh):
    """As when the power fails in both regions: one lacks its last turn, and the other's keeper begins anew."""
    m = mesh(options={'appendonly': 'yes', 'appendfsync': 'everysec'})
    one, other = m.regions
    other.client.incr('n')
    m.wait_equal()
    m.wait_stable()
    path = next(one.master.folder.glob('appendonlydir/*.incr.aof'))
    size = path.stat().st_size
    one.client.incr('n')
    eventually(lambda: other.client.get('n') == b'2', 'the other has it')
    one.master.kill()
    other.client.incr('n')
    with path.open('ab') as written:
        written.truncate(size)
    other.master.kill()
    other.master.start()
    eventually(other.keeper.link_is_up, 'the keeper follows')
    one.master.start()
    assert one.client.get('n') == b'1'
    m.wait_equal()
    assert one.client.get('n') == b'3'
    assert merges(m) == [1, 0], one.link.log_text()
    m.wait_stable()
