"""What operators type wrongly: every mistake gets an answer that names it and what would be right, and harms nothing."""

import socket
import subprocess
import threading

import pytest
import redis

from harness import geo
from harness.keeper import SLUICE
from harness.process import free_port
from harness.waiting import eventually

pytestmark = pytest.mark.skipif(not geo.MODULE.exists(), reason='sluice-geo.so is not built')

NOWHERE = 'redis://127.0.0.1:1'
REPLID = 'a' * 40


def sluice(*words, within=60):
    return subprocess.run([str(SLUICE), 'geo', *map(str, words)], capture_output=True, text=True, timeout=within)


def url(server, who=''):
    return f'redis://{who}127.0.0.1:{server.port}'


def error_of(client, *words):
    with pytest.raises(redis.ResponseError) as failed:
        client.execute_command(*words)
    return str(failed.value)


@pytest.mark.parametrize('words, told', [
    ([], 'Usage: sluice geo COMMAND'),
    (['frob'], "there is no 'frob'"),
    (['status'], "name the regions' masters: redis://host:port"),
    (['status', 'host:6379'], 'region: '),
    (['status', 'http://host'], 'region: '),
    (['status', '--within', 'soon', NOWHERE], 'within'),
    (['status', '--colour', NOWHERE], 'colour'),
    (['verify', NOWHERE], 'name two regions at least'),
    (['join'], 'which region? Its id is missing'),
    (['join', '3'], "name the regions' masters"),
    (['join', '0', NOWHERE], "'0' is no region id: they are numbers from 1 to 16"),
    (['join', '17', NOWHERE], "'17' is no region id"),
    (['join', 'asia', NOWHERE], "'asia' is no region id"),
    (['detach', NOWHERE], 'is no region id'),
    (['detach', '-1', NOWHERE], 'there is no flag -1'),
    (['link'], 'from'),
    (['link', '--from', 'us=redis://h'], 'to'),
    (['link', '--from', 'h:1', '--to', NOWHERE], 'from: '),
    (['link', '--from', '=redis://h', '--to', NOWHERE], 'from: a name has 1 to 64 letters'),
    (['link', '--from', 'a=redis://h', '--from', 'a=redis://i', '--to', NOWHERE], "from: the name 'a' is taken"),
    (['link', '--from', 'redis://h', '--to', 'h:1'], 'to: '),
    (['link', '--from', 'redis://h', '--to', NOWHERE, 'more'], "unexpected word 'more'"),
    (['link', '--from', 'redis://h', '--to', NOWHERE, '--route', 'nonsense'], 'route'),
    (['link', '--config', '/nowhere.toml'], '/nowhere.toml'),
])
def test_a_line_that_cannot_be_meant_is_refused(words, told):
    done = sluice(*words)
    assert done.returncode == 2 and told in done.stderr and done.stdout == '', (done.stdout, done.stderr)


def test_a_server_that_is_no_regions_master_is_named_with_what_it_is(mesh, redis_server):
    m = mesh(replicas=1)
    one, other = (url(region.master) for region in m.regions)
    plain, locked = redis_server(), redis_server(options=geo.options(3), password='secret')
    replica = m[1].nodes[1]

    def refused(words, told):
        done = sluice(*words)
        assert done.returncode == 1 and told in done.stderr, (done.stdout, done.stderr)

    for command in (['verify'], ['conflicts'], ['join', 3], ['detach', 2]):
        if command[0] in ('verify', 'conflicts'):
            refused([*command, one, NOWHERE], '127.0.0.1:1: connection refused')
        refused([*command, one, url(plain)], f'{plain.address}: GEO.VECTOR: ')
        refused([*command, one, url(plain)], 'load sluice-geo.so there')
        refused([*command, one, url(m[1].keeper)], 'no master of a region')
        refused([*command, one, url(locked)], 'NOAUTH')
        refused([*command, one, url(locked, ':wrong@')], f'{locked.address}: AUTH: WRONGPASS')
        refused([*command, one, url(replica)], f'{replica.address}: another of the servers named is of region 1 too')
    refused(['status', one, one], 'another of the servers named is of region 1 too')
    for command in ('join', 'detach'):
        refused([command, 3, other, url(replica)], f'{replica.address} is a replica of region r1: name its master')
    done = sluice('status', url(replica), other, url(plain))
    assert done.returncode == 1 and 'a replica' in done.stdout, done.stdout
    assert f'ALERT {replica.address} is a replica of region r1: name its master' in done.stdout
    assert f'ALERT no answer from {plain.address}: GEO.VECTOR: ' in done.stdout
    m.wait_equal()


def test_who_does_not_answer_holds_nobody_up_for_long(mesh):
    m = mesh()
    deaf = socket.create_server(('127.0.0.1', 0))  # takes connections, and says nothing
    silent = f'redis://127.0.0.1:{deaf.getsockname()[1]}'
    done = sluice('status', url(m[1].master), silent, within=30)
    assert done.returncode == 1 and 'no answer' in done.stdout and 'r1' in done.stdout, done.stdout
    done = sluice('verify', url(m[1].master), silent, within=30)
    assert done.returncode == 1 and silent[len('redis://'):] in done.stderr, done.stderr
    deaf.close()


def test_joining_and_detaching_say_what_came_of_it(mesh):
    m = mesh()
    m[1].client.set('k', 'v')
    m.wait_equal()
    one, other = (url(region.master) for region in m.regions)

    itself = sluice('join', 1, one)
    assert itself.returncode == 1 and itself.stdout.startswith(f'r1 ({m[1].master.address}) refuses: GEO.JOIN: '), itself.stdout
    assert 'this is the region itself, and it was not told to leave' in itself.stdout
    among = sluice('join', 1, one, other)
    assert among.returncode == 0 and among.stdout.startswith('r2: region 1 counts as a member') and 'r1' not in among.stdout

    nobody = sluice('detach', 1, one)
    assert nobody.returncode == 1 and 'only region 1 itself is named' in nobody.stderr
    unknown = sluice('detach', 9, one, other)
    assert unknown.returncode == 1 and 'there is no region 9 here; its peers: 2' in unknown.stdout, unknown.stdout
    assert 'its peers: 1' in unknown.stdout and m[1].facts()['detached'] == ''

    # Who was told to leave tells nobody else to.
    m.cut(1, 2)
    assert sluice('detach', 2, one).returncode == 0
    again = sluice('detach', 2, one)
    assert again.returncode == 0 and 'counts no more' in again.stdout
    m.heal(1, 2)
    eventually(lambda: m[2].facts()['must_rejoin'] == 'no' and m[1].facts()['detached'] == '', 'region 2 is back', 60)
    m.wait_equal()


def test_who_has_to_rejoin_tells_nobody_to_leave(mesh):
    m = mesh(is_linked=False)
    one, two = m[1].client, m[2].client
    assert one.execute_command('GEO.DETACH', 2) == b'OK'
    two.execute_command('GEO.MERGE', 'WANT', 1, 999_999_999, 1)
    assert m[2].facts()['must_rejoin'] == 'yes'
    assert 'it tells nobody else to' in error_of(two, 'GEO.DETACH', 1)
    done = sluice('detach', 1, url(m[2].master))
    assert done.returncode == 1 and 'r2' in done.stdout and 'must_rejoin' in done.stdout
    assert sluice('join', 2, url(m[2].master)).stdout == 'r2: it stays, and calls the others back\n'


def test_a_region_that_is_dead_is_let_go_though_its_master_is_named(mesh):
    m = mesh(count=3)
    m[3].client.set('k', 'v')
    m.wait_equal()
    for process in (m[3].link, m[3].keeper, m[3].master):
        process.kill()
    done = m.sluice('detach', 3)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f'no answer from {m[3].master.address}: connection refused; it is taken for region 3\n' in done.stdout
    assert [m[number].facts()['detached'] for number in (1, 2)] == ['3', '3']
    m[2].master.kill()
    unsure = m.sluice('join', 3)
    assert unsure.returncode == 1 and f'no answer from {m[2].master.address}: connection refused; it was told nothing' in unsure.stdout
    assert 'r1: region 3 counts as a member' in unsure.stdout
    for command in ('join', 'detach'):
        nobody = sluice(command, 3, url(m[3].master))
        assert nobody.returncode == 1 and nobody.stderr == f'sluice geo {command}: {m[3].master.address}: connection refused\n'


# --- commands ------------------------------------------------------------------------------------------

@pytest.fixture
def one(redis_server):
    return redis_server(options=geo.options(1))


@pytest.mark.parametrize('words, told', [
    ('GEO.VECTOR x', 'wrong number of arguments'), ('GEO.INFO SLOWLY', 'syntax: GEO.INFO [QUICK]'), ('GEO.INFO QUICK x', 'wrong number'),
    ('GEO.AGE', 'wrong number'), ('GEO.AGE x 1', 'syntax: GEO.AGE incarnation seq'), ('GEO.AGE 1 -1', 'syntax: GEO.AGE'),
    ('GEO.CONFLICTS many', 'syntax: GEO.CONFLICTS [count]'), ('GEO.CONFLICTS -1', 'syntax: GEO.CONFLICTS'), ('GEO.CONFLICTS 1 2', 'wrong number'),
    ('GEO.DIGEST x', 'a slot is a number from 0 to 16383'), ('GEO.DIGEST 16384', 'from 0 to 16383'), ('GEO.DIGEST 1 -1', 'from 0 to 16383'),
    ('GEO.JOIN', 'wrong number'), ('GEO.JOIN 0', 'a number from 1 to 16'), ('GEO.JOIN 17', '1 to 16'), ('GEO.JOIN us', '1 to 16'),
    ('GEO.JOIN 1', 'this is the region itself'), ('GEO.JOIN 2 us', 'wrong number'),
    ('GEO.DETACH', 'wrong number'), ('GEO.DETACH 0', '1 to 16'), ('GEO.DETACH 1', 'this is the region itself: tell the others'),
    ('GEO.DETACH 5', 'there is no region 5 here; its peers: none'),
    ('GEO.OPS x', 'send batches by GEO.APPLY'), ('GEO.APPLY', 'wrong number'), ('GEO.APPLY x', ''), ('GEO.APPLY x AT us', 'wrong number'),
    (f'GEO.APPLY x TO us {REPLID} 1', 'syntax: GEO.APPLY batch [[batch ...] AT source replid offset]'),
    (f'GEO.APPLY x AT us {REPLID} -1', 'offset is not a number of bytes'), ('GEO.APPLY x AT us abc 1', 'replid is not 40 characters long'),
    ('GEO.POSITION us', 'wrong number'), (f'GEO.POSITION us {REPLID} x', 'offset is not a number of bytes'),
    (f'GEO.POSITION us {REPLID} -1', 'offset is not'), ('GEO.POSITION us abc 1', 'replid is not 40 characters long'),
    (f'GEO.POSITION us {"x" * 40} 1', 'replid is not hexadecimal'),
    ('GEO.MERGE', 'wrong number'), ('GEO.MERGE LATER', 'GEO.MERGE WANT, BEGIN, KEYS, LIBRARY, STREAM, SWEEP or END'),
    ('GEO.MERGE WANT 1', 'wrong number'), ('GEO.MERGE WANT 1 1', 'wrong number'), ('GEO.MERGE WANT 17 1 1', 'syntax: GEO.MERGE WANT'),
    ('GEO.MERGE BEGIN us', 'wrong number'), ('GEO.MERGE BEGIN us garbage', ''), ('GEO.MERGE KEYS 0 k 0 v', 'no snapshot is being merged'),
    ('GEO.MERGE LIBRARY x', 'no snapshot is being merged'), ('GEO.MERGE STREAM x', 'no snapshot is being merged'),
    ('GEO.MERGE SWEEP', 'no snapshot is being merged'), ('GEO.MERGE DROP 0 k x', 'what a master tells its replicas'),
    ('GEO.MERGE DROP 0 k', 'wrong number'),
    ('GEO.MERGE KEPT 0 k 0 v x', 'KEPT is what a master tells its replicas'),
    ('GEO.MERGE KEPTLIBRARY l code x', 'KEPTLIBRARY is what a master tells its replicas'),
    (f'GEO.MERGE END us {REPLID} 1', 'no snapshot is being merged'), ('GEO.MERGE END us abc 1', 'replid'),
])
def test_a_command_that_cannot_be_meant_is_refused(one, words, told):
    client = one.client
    before = client.execute_command('GEO.VECTOR')
    assert told in error_of(client, *words.split()), words
    assert client.execute_command('GEO.VECTOR') == before and client.ping()


def test_garbage_of_any_size_in_place_of_a_batch_or_a_snapshot_changes_nothing(one):
    client = one.client
    client.set('k', 'v')
    eventually(lambda: client.execute_command('GEO.VECTOR')[1], 'it has an op')
    before = client.execute_command('GEO.VECTOR')
    for size in (0, 1, 2, 3, 17, 1000, 100_000):
        for byte in (b'\x00', b'\x01', b'\x02', b'\x7f', b'\xff'):
            for words in (['GEO.APPLY'], ['GEO.MERGE', 'BEGIN', 'us']):
                error_of(client, *words, byte * size)
    assert client.execute_command('GEO.VECTOR') == before and client.get('k') == b'v'
    assert client.execute_command('GEO.INFO').decode().count('must_rejoin:no') == 1


def test_names_with_line_ends_do_not_break_the_protocol(one):
    client = one.client
    client.execute_command('GEO.JOIN', 2)
    client.execute_command('GEO.MERGE', 'WANT', 2, 1, 1)
    assert 'replid' in error_of(client, 'GEO.MERGE', 'END', 'us', 'a\r\n+OK\r\n', 1)
    assert client.ping() and client.ping()


def test_positions_of_links_that_were_renamed_do_not_pile_up(one):
    client = one.client
    for number in range(200):
        client.execute_command('GEO.POSITION', f'10.0.0.{number}:6379', REPLID, number)
    kept = {source.decode() for source, _, _ in client.execute_command('GEO.VECTOR')[2]}
    assert len(kept) == 64 and '10.0.0.199:6379' in kept and '10.0.0.0:6379' not in kept


# --- links ---------------------------------------------------------------------------------------------

def test_a_link_that_reads_its_own_regions_keeper_says_so(mesh, link):
    m = mesh(is_linked=False)
    m[1].client.set('k', 'v')
    wrong = link([('self', m[1].keeper), ('r2', m[2].keeper)], [m[1].master])

    def own_is_refused():
        one, other = wrong.health()['links']
        assert one['state'] == 'no_source' and "a master of region 1, which is our own: name a peer's keeper" in one['why'], one
        assert other['state'] == 'streaming', other
        return True
    eventually(own_is_refused, 'the link says what is wrong', 30)
    assert 'which is our own' in wrong.log_text()


def test_two_masters_of_one_id_are_told_so_by_their_links(redis_server, keeper, link):
    masters = [redis_server(options=geo.options(1, name)) for name in ('eu', 'us')]
    keepers = [keeper(master) for master in masters]
    for master in masters:
        master.client.incr('c')
    links = [link([('peer', kept)], [master]) for kept, master in zip(reversed(keepers), masters)]
    for one in links:
        eventually(lambda one=one: 'give regions different ids' in one.health()['links'][0]['why'], 'the link says so', 30)
    assert [master.client.get('c') for master in masters] == [b'1', b'1']


def test_a_link_goes_on_with_those_that_are_there_and_takes_the_others_up_when_they_come(mesh, keeper, link):
    m = mesh(count=3, is_linked=False)
    m[3].keeper.kill()
    one = link([('r2', m[2].keeper), ('r3', m[3].keeper)], [m[1].master])
    m[2].client.set('from-2', 'x')
    m[3].client.set('from-3', 'x')
    eventually(lambda: m[1].client.get('from-2') == b'x', 'region 2 is heard', 30)
    report = {each['source']: each for each in one.health()['links']}
    assert report['r2']['state'] == 'streaming' and report['r3']['state'] == 'no_source', report
    assert one.health()['status'] == 'degraded'
    m[3].keeper.start()
    eventually(lambda: m[1].client.get('from-3') == b'x', 'region 3 is heard', 30)
    eventually(one.is_streaming, 'all stream', 30)


@pytest.mark.parametrize('what', ['nobody', 'plain redis', 'plain redis behind a keeper', 'password', 'a region\'s master'])
def test_a_link_says_what_is_wrong_with_its_source(mesh, redis_server, keeper, link, what):
    m = mesh(is_linked=False)
    source = {'nobody': lambda: type('Nobody', (), {'port': free_port()}),
              'plain redis': redis_server,
              'plain redis behind a keeper': lambda: keeper(redis_server()),
              'password': lambda: redis_server(password='secret'),
              'a region\'s master': lambda: m[2].master}[what]()
    one = link([('x', source)], [m[1].master])
    told = {'nobody': 'refused', 'plain redis': 'load sluice-geo.so', 'plain redis behind a keeper': 'load sluice-geo.so',
            'password': 'wants a password: put user:pass@ into its URL'}.get(what)
    if told is None:  # it is as good as its keeper
        m[2].client.set('k', 'v')
        eventually(lambda: m[1].client.get('k') == b'v', 'a master can be read from, too', 30)
        return
    eventually(lambda: told in one.health()['links'][0]['why'], f'the link says {told}', 30)
    assert one.health()['links'][0]['state'] in ('no_source', 'needs_snapshot')


def test_a_link_whose_user_lacks_a_right_says_which(mesh, link):
    m = mesh(is_linked=False)
    m[1].client.execute_command('ACL', 'SETUSER', 'default', '-geo.position')
    one = link([('r2', m[2].keeper)], [m[1].master])
    m[2].client.set('k', 'v')
    eventually(lambda: m[1].client.get('k') == b'v', 'it goes on', 30)
    eventually(lambda: 'does not remember how far we are' in one.log_text() and 'geo.position' in one.log_text(), 'it says so', 30)
    m[1].client.execute_command('ACL', 'SETUSER', 'default', '-geo.apply')
    m[2].client.set('k', 'w')
    eventually(lambda: one.health()['links'][0]['state'] == 'held_up' and 'geo.apply' in one.health()['links'][0]['why'], 'it is held up', 30)
    m[1].client.execute_command('ACL', 'SETUSER', 'default', '+geo.apply')
    eventually(lambda: m[1].client.get('k') == b'w', 'it goes on', 30)


def test_a_link_to_a_replica_alone_says_so(mesh, link):
    m = mesh(replicas=1, is_linked=False)
    one = link([('r2', m[2].keeper)], m[1].nodes[1:])
    eventually(lambda: 'is no master' in one.health()['links'][0]['why'], 'the link says so', 30)
    assert one.health()['links'][0]['state'] == 'no_target'


def test_loading_the_module_wrongly_says_why_in_the_log_and_clients_go_on(redis_server, region):
    plain = redis_server(options={'enable-module-command': 'yes'})
    client = plain.client
    for number in range(500):
        client.set(f'key:{number}', number)
    stop = threading.Event()

    def write():
        writer, number = plain.connect(), 0
        while not stop.is_set():
            writer.incr('counter')
            number += 1
        counted.append(number)
    counted = []
    writer = threading.Thread(target=write)
    writer.start()
    try:
        for wrong, told in (([], 'id is missing'), (['region=eu', 'id=0'], 'from 1 to 16'), (['region=e"u', 'id=1'], 'letters, digits')):
            error_of(client, 'MODULE', 'LOAD', str(geo.MODULE), *wrong)
            assert told in plain.log_text()
        assert client.execute_command('MODULE', 'LOAD', str(geo.MODULE), 'region=eu', 'id=1') == b'OK'
        a = region(plain)
        b = region(redis_server(options=geo.options(2)))
        geo.join(a, b)
        assert 'data types' in error_of(client, 'MODULE', 'UNLOAD', 'geo')
    finally:
        stop.set()
        writer.join()
    assert client.get('counter') == str(counted[0]).encode() and client.dbsize() == 501
