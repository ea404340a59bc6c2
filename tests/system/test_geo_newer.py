"""Commands that newer servers and other modules add: told to other regions, or refused; never neither."""

import re

import pytest

from harness import geo
from harness.process import BUILD, ROOT
from harness.raw import Error, Raw
from harness.redis_server import wait_in_sync
from harness.waiting import eventually

OTHER = str(BUILD / 'othermodule.so')


def rows():
    """The commands that command_table.cc has."""
    source = (ROOT / 'src' / 'module' / 'command_table.cc').read_text()
    return set(re.findall(r'^    \{"([^"]+)"', source, re.MULTILINE))


def writing_commands(call):
    """Names and arities of what COMMAND says to write, subcommands behind a "|"."""
    found, commands = {}, list(call('COMMAND')[1])
    while commands:
        _, (name, arity, flags, *more) = commands.pop()
        if any(flag == b'write' for _, flag in flags[1]):
            found[name[1].decode().lower()] = int(arity[1])
        commands += more[6][1] if len(more) > 6 else []
    return found


@pytest.fixture
def mesh(redis_server, region):
    return geo.join(*[region(redis_server(f'region{number}', options=geo.options(number, allow_flush='yes'))) for number in (1, 2)])


@pytest.fixture
def newer(mesh):
    """newer(command): the mesh, where the server has that command."""
    def with_command(name):
        if not Raw(mesh.regions[0].server.port)('COMMAND', 'LIST', 'FILTERBY', 'PATTERN', name)[1]:
            pytest.skip(f'this server has no {name}')
        return mesh
    return with_command


def check_alike(mesh, replica, keys):
    """The regions, and the replica of the first one, which has noted what its master has."""
    mesh.exchange()
    mesh.check_equal()
    wait_in_sync(mesh.regions[0].server, replica)
    for client in (*[region.client for region in mesh.regions], replica.client):
        assert {key: client.get(key) for key in keys} == keys
    text = replica.client.execute_command('GEO.INFO')
    assert b'misnoted_ops:0' in text, text


def test_every_command_that_writes_is_in_the_table_or_refused(servers):
    call = Raw(servers[1].port)
    writes = {name: arity for name, arity in writing_commands(call).items() if not name.startswith('geo.')}
    assert 'set' in writes and 'xgroup|create' in writes
    for name in sorted(writes.keys() - rows()):
        for words in (name.split('|'), [*name.split('|'), *['1'] * abs(writes[name])]):
            answer = call(*words)
            assert isinstance(answer, Error) and f'{words[0]} is refused by sluice-geo' in answer, (words, answer)


def test_commands_of_the_category_write_that_are_not_refused_are_in_the_table(servers):
    """A new one needs a row; a vector set's are those of a module."""
    names = Raw(servers[0].port)('COMMAND', 'LIST', 'FILTERBY', 'ACLCAT', 'write')[1]
    assert {name.decode() for _, name in names} - rows() == set()


@pytest.mark.parametrize('order', ['before', 'after', 'later'])
def test_what_another_module_writes_is_refused(redis_server, order):
    ours = geo.options(1)['loadmodule']
    modules = {'before': [OTHER, ours], 'after': [ours, OTHER], 'later': ours}[order]
    server = redis_server('server', options={'loadmodule': modules, 'enable-module-command': 'yes'})
    call = Raw(server.port)
    if order == 'later':
        assert call('MODULE', 'LOAD', OTHER) == (b'+', b'OK')
    assert call('OTHER.READ') == (b'+', b'READ')
    refusal = call('Other.Write', 'k', 'v')
    assert isinstance(refusal, Error) and 'Other.Write is refused by sluice-geo' in refusal
    assert 'refused by sluice-geo' in call('EVAL', "return redis.pcall('OTHER.WRITE', 'k', 'v')", 0)
    call('MULTI')
    call('SET', 'mine', 1)
    call('OTHER.WRITE', 'k', 'v')
    kind, answers = call('EXEC')
    assert answers[0] == (b'+', b'OK') and 'refused by sluice-geo' in answers[1]
    assert call('EXISTS', 'k') == (b':', b'0')
    if order == 'later':
        assert call('MODULE', 'UNLOAD', 'other') == (b'+', b'OK')
        assert 'unknown command' in call('OTHER.WRITE', 'k', 'v')


def test_what_a_set_compares_with_is_no_option(newer, redis_server):
    mesh = newer('delifeq')  # as old as SET IFEQ
    a = mesh.regions[0]
    replica = redis_server('replica', replica_of=a.server, options=geo.options(1))
    wait_in_sync(a.server, replica)
    for value in ('ex', 'keepttl', 'PXAT', 'other'):
        a.client.set('compared', value, ex=5000)
        assert a.client.execute_command('SET', 'compared', value + '!', 'IFEQ', 'nothing like it') is None
        assert a.client.execute_command('SET', 'compared', value + '!', 'IFEQ', value)
        a.client.set(value, 'follows')
        check_alike(mesh, replica, {'compared': f'{value}!'.encode(), value: b'follows'})
        assert [one.client.ttl('compared') for one in mesh.regions] == [-1, -1]
    a.client.execute_command('SET', 'compared', 'ex', 'EX', 5000)
    a.client.execute_command('SET', 'compared', 'v', 'IFEQ', 'ex', 'KEEPTTL')
    check_alike(mesh, replica, {'compared': b'v'})
    assert min(one.client.ttl('compared') for one in mesh.regions) > 4000
    a.client.execute_command('SET', 'compared', 'w', 'IFEQ', 'v', 'EX', 50)
    check_alike(mesh, replica, {'compared': b'w'})
    assert all(0 < one.client.ttl('compared') <= 50 for one in mesh.regions)


def test_delifeq_is_an_observed_remove(newer, redis_server):
    mesh = newer('delifeq')
    a, b = mesh.regions
    replica = redis_server('replica', replica_of=a.server, options=geo.options(1))
    wait_in_sync(a.server, replica)
    for key in ('stays', 'goes', 'is written'):
        a.client.set(key, 'v')
    mesh.exchange()
    a.client.execute_command('DELIFEQ', 'stays', 'w')
    b.client.set('is written', 'meanwhile')
    for key in ('goes', 'is written'):
        a.client.execute_command('DELIFEQ', key, 'v')
    check_alike(mesh, replica, {'stays': b'v', 'goes': None, 'is written': b'meanwhile'})


@pytest.mark.parametrize('form', ['bare', 'in a transaction', 'in a script'])
def test_msetex_is_told_with_its_deadline(newer, redis_server, form):
    mesh = newer('msetex')
    a, b = mesh.regions
    replica = redis_server('replica', replica_of=a.server, options=geo.options(1))
    wait_in_sync(a.server, replica)
    connection = a.server.connect(single_connection_client=True)

    def run(*words):
        if form == 'in a script':
            return connection.execute_command('EVAL', "return redis.call(unpack(ARGV))", 0, *words)
        if form == 'bare':
            return connection.execute_command(*words)
        with connection.pipeline(transaction=True) as transaction:
            transaction.execute_command(*words)
            return transaction.execute()[0]

    assert run('MSETEX', 3, 'a', 1, 'b', 'nx', 'a', 2) == 1
    assert run('MSETEX', 2, 'c', 'ex', 'd', 4, 'EX', 5000) == 1
    assert run('MSETEX', 2, 'c', 'keepttl', 'e', 6, 'KEEPTTL') == 1
    assert run('MSETEX', 2, 'c', 7, 'f', 8, 'NX') == 0
    check_alike(mesh, replica, {'a': b'2', 'b': b'nx', 'c': b'keepttl', 'd': b'4', 'e': b'6', 'f': None})
    for one in mesh.regions:
        assert [one.client.ttl(key) for key in 'abe'] == [-1, -1, -1]
        assert all(4000 < one.client.ttl(key) <= 5000 for key in 'cd')
    # Keys whose deadline has passed are removed before it, in the stream too; and one that it sets may have passed.
    a.server.expires(False)
    for key in 'ab':
        a.client.set(key, 'old', px=1)
    due = a.client.time()[0] + 1
    eventually(lambda: a.client.time()[0] > due, 'they are due')
    assert run('MSETEX', 2, 'g', 1, 'b', 2, 'PXAT', 9999999999999) == 1
    assert run('MSETEX', 1, 'past', 1, 'PXAT', 1000) == 1
    check_alike(mesh, replica, {'a': None, 'g': b'1', 'b': b'2', 'past': None})
    mesh.settle()


@pytest.mark.parametrize('words', ['HEXPIRE h 100 FIELDS 1 f', 'HPEXPIREAT h 9999999999999 FIELDS 1 f', 'HSETEX h EX 10 FIELDS 1 f v', 'HGETEX h EX 10 FIELDS 1 f',
                                   'HPERSIST h FIELDS 1 f', 'CLUSTER FLUSHSLOT 1', 'CLUSTER MIGRATESLOTS SLOTSRANGE 1 1 NODE x'])
def test_what_newer_servers_have_and_regions_cannot_share_is_refused(servers, words):
    call = Raw(servers[1].port)
    words = words.split()
    call('HSET', 'h', 'f', 'v')
    answer = call(*words)
    assert isinstance(answer, Error) and f'{words[0]} is refused by sluice-geo' in answer
