"""What two regions wrote to one key while they were cut off comes together, however much it is."""

import pytest
from harness.regions import MODULE
from harness.waiting import eventually

pytestmark = pytest.mark.skipif(not MODULE.exists(), reason='sluice-geo.so is not built')

COUNT = 3000  # where each op looks at all others it is minutes


def facts(client):
    info = client.xinfo_stream('s')
    return client.xrange('s'), info['last-generated-id'], info['entries-added']


def test_streams_of_two_regions_that_were_cut_off_come_together(mesh):
    m = mesh(replicas=1, options={'appendonly': 'yes'})
    for region in m.regions:
        region.client.xgroup_create('s', 'g', '0', mkstream=True)
    m.wait_equal()
    m.cut(1, 2)
    for number in range(COUNT):
        for region in m.regions:
            region.client.xadd('s', {region.name: number})
    for region in m.regions:
        region.client.xreadgroup('g', 'c', {'s': '>'}, count=10)
    m.heal(1, 2)
    m.wait_equal()
    for region in m.regions:
        entries = facts(region.client)[0]
        assert len(entries) == 2 * COUNT
        assert [id for id, _ in entries] == sorted((id for id, _ in entries), key=lambda id: [*map(int, id.split(b'-'))])
        assert region.client.xpending('s', 'g')['pending'] == 10
        replica = region.nodes[1]
        eventually(lambda: facts(replica.client) == facts(region.client), 'the replica has the same')
        replica.kill()
        replica.start(within=60)
        eventually(lambda: facts(replica.client) == facts(region.client), 'it has from its AOF, too')


@pytest.mark.parametrize('oldest', ['1-1', '0-1'])
@pytest.mark.parametrize('history', [0, 40, 2000])
def test_late_entries_of_a_stream_change_nothing_else_of_it(mesh, history, oldest):
    m = mesh(replicas=1)
    here, there = m[1].client, m[2].client
    for number in range(history):
        here.xadd('s', {'n': number, 'of': 'history'}, id=f'{2 + number}-*' if number else oldest)
    here.xgroup_create('s', 'g', '0', mkstream=True)
    here.xreadgroup('g', 'c', {'s': '>'}, count=5)
    here.config_set('notify-keyspace-events', 'KEA')
    m.wait_equal()
    m.cut(1, 2)
    for number in range(30):
        there.xadd('s', {'there': number, 'of': str(number)})
    for number in range(30):
        here.xadd('s', {'here': number})
    newest = here.xadd('s', {'here': 'gone'})
    here.xdel('s', newest)
    here.xreadgroup('g', 'c', {'s': '>'}, count=5)
    pending = here.xpending_range('s', 'g', '-', '+', 100)
    events = here.pubsub()
    events.psubscribe('__keyevent@0__:x*')
    events.get_message(timeout=5)
    m.heal(1, 2)
    m.wait_equal()
    heard = [message['channel'] for message in iter(lambda: events.get_message(timeout=0.2), None)]
    assert heard.count(b'__keyevent@0__:xadd') == 30
    assert heard.count(b'__keyevent@0__:xdel') == 0
    info = here.xinfo_stream('s')
    assert (info['length'], info['entries-added'], info['last-generated-id'], info['max-deleted-entry-id']) == (
        history + 60, history + 61, newest, newest)
    assert info['first-entry'][0] == (here.xrange('s', count=1)[0][0])
    assert here.xinfo_groups('s')[0]['lag'] in (None, history + 60 - len(pending))
    assert here.xpending_range('s', 'g', '-', '+', 100)[0].keys() == pending[0].keys()
    assert [p['message_id'] for p in here.xpending_range('s', 'g', '-', '+', 100)] == [p['message_id'] for p in pending]
    of = [fields.get(b'of') for _, fields in here.xrange('s')]
    assert of[:history] == [b'history'] * history
    replica = m[1].nodes[1].client
    eventually(lambda: facts(replica) == facts(here), 'the replica has the same')


def test_an_entry_comes_late_to_the_very_beginning(mesh):
    m = mesh(replicas=1)
    m.cut(1, 2)
    m[2].client.xadd('s', {'first': 1}, id='0-1')
    for id in ('0-2', '5-1', '5-2'):
        m[1].client.xadd('s', {'here': id}, id=id)
    m.heal(1, 2)
    m.wait_equal()
    replica = m[1].nodes[1].client
    assert [id for id, _ in m[1].client.xrange('s')] == [b'0-1', b'0-2', b'5-1', b'5-2']
    assert m[1].client.xinfo_stream('s')['entries-added'] == 4
    eventually(lambda: facts(replica) == facts(m[1].client), 'the replica has the same')


def test_a_deadline_that_passes_between_two_batches_of_a_command_is_told_there(mesh):
    """What was applied before it stands before its DEL in the stream: replicas and AOFs have to do the same in the same order."""
    m = mesh(replicas=1, options={'appendonly': 'yes'})
    m.cut(1, 2)
    there = m[2].client
    for number in range(20):
        there.rpush('l', *range(5))
        there.lset('l', 3, number)
        there.pexpire('l', 1)
        eventually(lambda: not there.exists('l'), 'its deadline passes')
        there.rpush('l', number, 'x')
        there.linsert('l', 'after', 'x', 'y')
    m.heal(1, 2)
    m.wait_equal()
    replica = m[1].nodes[1]
    values = m[1].client.lrange('l', 0, -1)
    assert values == there.lrange('l', 0, -1) == [b'19', b'x', b'y']
    eventually(lambda: replica.client.lrange('l', 0, -1) == values, 'the replica has the same')
    replica.kill()
    replica.start(within=60)
    eventually(lambda: replica.client.lrange('l', 0, -1) == values, 'it has from its AOF, too')


@pytest.mark.parametrize('write', [
    lambda client, name, number: client.pfadd('k', f'{name}{number}'),
    lambda client, name, number: client.rpush('k', f'{name}{number}'),
    lambda client, name, number: client.lpush('k', f'{name}{number}'),
    lambda client, name, number: client.lpop('k') if number % 2 else client.rpush('k', f'{name}{number}'),
    lambda client, name, number: client.lset('k', 0, number) if number % 2 else client.lpush('k', f'{name}{number}'),
    lambda client, name, number: client.linsert('k', 'after', f'{name}0', number) if number else client.rpush('k', f'{name}0'),
    lambda client, name, number: client.incr('k'),
    lambda client, name, number: client.incrbyfloat('k', 0.1),
    lambda client, name, number: client.hincrbyfloat('k', f'f{number % 3}', 0.1),
    lambda client, name, number: client.zincrby('k', 0.1, f'm{number % 3}'),
    lambda client, name, number: client.zadd('k', {f'{name}{number}': number}),
], ids=['PFADD', 'RPUSH', 'LPUSH', 'LPOP', 'LSET', 'LINSERT', 'INCR', 'INCRBYFLOAT', 'HINCRBYFLOAT', 'ZINCRBY', 'ZADD'])
def test_values_of_two_regions_that_were_cut_off_come_together(mesh, write):
    m = mesh(replicas=1, options={'appendonly': 'yes'})
    m.cut(1, 2)
    for first in range(0, COUNT, 100):
        for region in m.regions:
            with region.client.pipeline(transaction=False) as together:
                for number in range(first, first + 100):
                    write(together, region.name, number)
                together.execute()
    m.heal(1, 2)
    m.wait_equal()
    for region in m.regions:
        replica = region.nodes[1]
        eventually(lambda: replica.client.dump('k') == region.client.dump('k'), 'the replica has the same')
        replica.kill()
        replica.start(within=60)
        eventually(lambda: replica.client.dump('k') == region.client.dump('k'), 'it has from its AOF, too')


def test_what_meets_sums_that_wait_counts(mesh):
    """Of one GEO.APPLY sums of floats are made at its end: what reads, replaces, renames or removes them comes in between."""
    m = mesh()
    deadlines = {'s': 900, 'h': 800, 'z': 700}
    first = m[1].client
    first.set('s', '0.3')
    first.hset('h', mapping={'f': '0.3', 'g': '1'})
    first.zadd('z', {'m': 0.3})
    for key, seconds in deadlines.items():
        first.expire(key, seconds)
    m.wait_equal()
    m.cut(1, 2)

    def count(client, round):
        for number in range(20):
            client.incrbyfloat('s', 0.1)
            client.hincrbyfloat('h', 'f', 0.1)
            client.zincrby('z', 0.1, 'm')
            client.incrbyfloat(f's{round}', 0.7)
            if number % 5 == 4:
                client.incr('i')
                client.incrbyfloat('i', 2)

    def meet(client, other, round):
        if round == 0:
            client.append('s0', '5') if other else client.set('s0', '7')
        elif round == 1:
            client.rename('s1', 'moved')
        elif round == 2:
            client.delete('s2') if other else client.expire('s2', 500)
        elif round == 3:
            client.hset('h', 'f', '1.5') if other else client.hdel('h', 'f')
        elif round == 4:
            client.delete('s4')
            client.rpush('s4', 'x')
        elif round == 5:
            client.zadd('z', {'m': 2.5, 'n': 1}, gt=True)
        elif round == 6:
            client.pexpire('s6', 1)

    for round in range(7):
        for region in m.regions:
            count(region.client, round)
            meet(region.client, region is m[2], round)
            if round != 4:
                count(region.client, round)
    m.heal(1, 2)
    m.wait_equal()
    for region in m.regions:
        for key, seconds in deadlines.items():
            assert seconds - 100 < region.client.ttl(key) <= seconds
    m.wait_stable()
    m.wait_equal()
