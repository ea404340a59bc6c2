"""Regions that come later, were away too long, or have data of their own: they join by a peer's snapshot, and nobody stops."""

import time

import pytest
from harness.geo_writers import Writers, check_books
from harness.regions import MODULE
from harness.waiting import eventually

pytestmark = pytest.mark.skipif(not MODULE.exists(), reason='sluice-geo.so is not built')


def fill(region, keys=300):
    """Data of every type and in two databases, some of it the region's own, some under names that all regions use."""
    client = region.client
    name = region.name
    for number in range(keys):
        client.set(f'{name}:string:{number}', 'x' * (number % 200))
    client.set('both:string', name)
    client.hset('both:hash', mapping={name: '1', 'common': name})
    client.sadd('both:set', name, 'common')
    client.zadd('both:zset', {name: 1, 'common': region.number})
    client.rpush(f'{name}:list', *range(50))
    client.rpush('both:list', f'{name}:a', f'{name}:b')
    client.xadd(f'{name}:stream', {'f': 'v'}, id='1-1')
    client.pfadd('both:hll', *[f'{name}{number}' for number in range(100)])
    client.set(f'{name}:ttl', 'x', ex=100000)
    client.execute_command('SELECT', 3)
    client.set(f'{name}:db3', 'x')
    client.execute_command('SELECT', 0)


def check_filled(region, names, keys=300):
    client = region.client
    for name in names:
        assert client.get(f'{name}:string:{keys - 1}') == b'x' * ((keys - 1) % 200), (region.name, name)
        assert client.hget('both:hash', name) == b'1', (region.name, name)
        assert client.sismember('both:set', name), (region.name, name)
        assert client.zscore('both:zset', name) == 1, (region.name, name)
        assert client.lrange(f'{name}:list', 0, -1) == [str(number).encode() for number in range(50)]
        assert set(client.lrange('both:list', 0, -1)) >= {f'{name}:a'.encode(), f'{name}:b'.encode()}
        assert client.ttl(f'{name}:ttl') > 1000
    assert client.llen('both:list') == 2 * len(names), client.lrange('both:list', 0, -1)


def is_bounded(region):
    facts = region.facts()
    assert int(facts['unstable_bytes']) < 4000000, ' '.join(f'{key}={value}' for key, value in facts.items())
    return True


@pytest.mark.parametrize('count', [2, 3])
def test_regions_with_data_of_their_own_join_by_themselves(mesh, count):
    m = mesh(count=count, is_joined=False, prepare=fill)
    m.wait_equal()
    for region in m.regions:
        check_filled(region, [other.name for other in m.regions])
    m.wait_stable()


def test_a_region_that_comes_later_takes_a_snapshot_while_all_go_on_writing(mesh):
    m = mesh(count=3, is_joined=False, is_linked=False)
    for region in m.regions:
        fill(region)
    others = m.regions[:2]
    late = m.regions.pop()
    for region in others:
        m.connect(region)
    m.wait_equal()
    m.wait_stable()
    writers = Writers(others)
    time.sleep(1)
    own = Writers([late], seed=99)
    time.sleep(0.5)
    m.regions.append(late)
    for region in others:
        region.link.kill()
        m.connect(region)
    m.connect(late)
    eventually(lambda: late.link.metric('sluice_geo_merges_total') >= 1, 'the late one has merged', 60)
    time.sleep(1)
    writers.stop()
    own.stop()
    m.wait_equal()
    for region in m.regions:
        check_filled(region, [other.name for other in m.regions])
        check_books([writers, own], region)
    m.wait_stable()


def test_a_region_that_starts_empty_takes_a_snapshot(mesh):
    """Its disk is lost, or an older server is put in its place, which cannot read it."""
    m = mesh(count=3, is_joined=False, prepare=fill)
    m.wait_equal()
    m.wait_stable()
    lost = m[3]
    writers = Writers(m.regions[:2], pause=0.005)
    lost.master.kill()
    lost.master.start()
    eventually(lambda: lost.client.dbsize() > 300 and lost.facts()['must_rejoin'] == 'no', 'it has a snapshot', 60)
    writers.stop()
    m.wait_equal()
    for region in m.regions:
        check_filled(region, [other.name for other in m.regions])
        check_books([writers], region)
    m.wait_stable()


def test_a_region_over_the_limit_is_told_to_leave_and_comes_back_with_all_that_it_wrote(mesh):
    m = mesh(count=3, module_words='unstable-bytes-max=4000000 away-min-ms=2000')
    m.wait_equal()
    m.cut(3, 1)
    m.cut(3, 2)
    writers = Writers(m.regions)
    clients = [region.client for region in m.regions[:2]]
    time.sleep(1.5)
    for number in range(200000):
        clients[number % 2].set(f'fill:{number}', 'x')
        if number % 500 == 0 and all(region.facts()['detached'] for region in m.regions[:2]):
            break
    for region in m.regions[:2]:
        eventually(lambda region=region: region.facts()['detached'] == '3', 'region 3 was told to leave', 30)
        eventually(lambda region=region: is_bounded(region), 'metadata is bounded', 30)
    m[3].client.set('written-away', '1')
    m[3].client.incrby('counted-away', 7)
    m.heal(3, 1)
    m.heal(3, 2)
    eventually(lambda: m[3].link.metric('sluice_geo_merges_total') >= 1, 'region 3 has merged', 60)
    time.sleep(1)
    writers.stop()
    m.wait_equal()
    for region in m.regions:
        writers.check(region)
        assert region.client.get('written-away') == b'1'
        assert region.client.get('counted-away') == b'7'
    m.wait_stable()


def test_three_that_have_told_each_other_to_leave_in_a_ring_come_together(mesh):
    m = mesh(count=3)
    m.wait_equal()
    m[1].client.set('counted', 1)
    m.wait_equal()
    pairs = [(1, 2), (2, 3), (3, 1)]
    for one, other in pairs:
        m.cut(one, other)
    for one, other in pairs:
        m[one].client.incrby('counted', 10 ** one)
        m[one].client.execute_command('GEO.DETACH', other)
        m[one].client.incrby('counted', 10 ** one)
        m[one].client.sadd('added', one)
    for one, other in pairs:
        m.heal(one, other)

    def is_together(region):
        facts = region.facts()
        assert facts['must_rejoin'] == 'no' and facts['detached'] == '', facts
        return True

    for region in m.regions:
        eventually(lambda region=region: is_together(region), 'nobody has left', 60)
    m.wait_equal()
    for region in m.regions:
        assert region.client.get('counted') == b'2221'
        assert region.client.smembers('added') == {b'1', b'2', b'3'}
    m.wait_stable()


def library(name, version):
    return f"#!lua name={name}\nredis.register_function('{name}', function() return '{version}' end)"


def libraries(node):
    listed = node.client.execute_command('FUNCTION', 'LIST', 'WITHCODE')
    return {one[1]: one[one.index(b'library_code') + 1].decode() for one in listed}


def test_libraries_follow_a_region_that_comes_back(mesh):
    m = mesh(count=3, replicas=1, options={'appendonly': 'yes', 'appendfsync': 'always'})
    for name in ('deleted', 'changed'):
        m[1].client.execute_command('FUNCTION', 'LOAD', library(name, 'old'))
    m.wait_equal()
    eventually(lambda: libraries(m[3]) == libraries(m[1]), 'all have the libraries', 30)
    m.cut(3, 1)
    m.cut(3, 2)
    m[1].client.execute_command('GEO.DETACH', 3)
    m[1].client.execute_command('FUNCTION', 'DELETE', 'deleted')
    m[1].client.execute_command('FUNCTION', 'LOAD', 'REPLACE', library('changed', 'new'))
    m[3].client.execute_command('FUNCTION', 'LOAD', library('own', 'new'))
    m.heal(3, 1)
    m.heal(3, 2)
    eventually(lambda: m[3].link.metric('sluice_geo_merges_total') >= 1, 'region 3 has merged', 60)
    m.wait_equal()
    wanted = {name.encode(): library(name, 'new') for name in ('changed', 'own')}
    for node in [node for region in m.regions for node in region.nodes]:
        eventually(lambda node=node: libraries(node) == wanted, 'replicas have what their masters have')
    m.wait_stable()
    m[3].master.kill()
    m[3].master.start()
    assert libraries(m[3]) == wanted  # from its AOF
