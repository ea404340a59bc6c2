"""Turns and values that are larger than a batch is meant to be."""

import random
import re

import pytest

from harness.regions import MODULE
from harness.waiting import eventually

pytestmark = pytest.mark.skipif(not MODULE.exists(), reason='sluice-geo.so is not built')

LARGE = 66 << 20


@pytest.mark.parametrize('script', [
    f"for at = 1, 64 do redis.call('set', 'k' .. at, string.rep('x', {LARGE // 64})) end",
    f"redis.call('set', 'k', string.rep('x', {LARGE}))",
    f"for at = 1, 64 do redis.call('hset', 'h', at, string.rep('x', {LARGE // 64})) end redis.call('rename', 'h', 'h2')",
    f"for at = 1, 64 do redis.call('rpush', 'l', string.rep('x', {LARGE // 64})) end redis.call('rename', 'l', 'l2')",
], ids=['many values', 'one value', 'a hash that is renamed', 'a list that is renamed'])
def test_large_writes_come_to_others(mesh, script):
    m = mesh(count=2)
    m[1].client.execute_command('EVAL', script, 0)
    m[1].client.incr('n')
    m[2].client.incr('n')
    m.wait_equal()
    assert m[2].client.get('n') == b'2'


def test_a_link_waits_where_an_op_is_longer_than_an_argument_may_be(mesh):
    m = mesh(count=2)
    m[1].client.incr('n')
    m.wait_equal()
    m[2].client.config_set('proto-max-bulk-len', 1 << 20)
    m[1].client.set('k', b'x' * (2 << 20))
    m[1].client.incr('n')
    eventually(lambda: 'invalid bulk length' in m[2].link.log_text(), 'it is refused')
    assert m[2].client.get('n') == b'1'
    m[2].client.config_set('proto-max-bulk-len', 512 << 20)
    m.wait_equal()
    assert m[2].client.get('n') == b'2'


def test_a_region_joins_once_it_takes_arguments_as_long_as_the_values(mesh):
    values = random.Random(1)
    m = mesh(count=3, is_joined=False, is_linked=False)
    late = m.regions.pop()
    for region in m.regions:
        m.connect(region)
    for number in range(30):
        m[1].client.hset('h', number, values.randbytes(100_000))
    m.wait_equal()
    m.wait_stable()
    m.regions.append(late)
    late.client.config_set('proto-max-bulk-len', 1 << 20)
    for region in m.regions:
        if region.link:
            region.link.kill()
        m.connect(region)
    eventually(lambda: re.search('metadata_bytes.*invalid bulk length', late.link.log_text(), re.S), 'a value is refused')
    late.client.config_set('proto-max-bulk-len', 512 << 20)
    eventually(lambda: late.facts()['must_rejoin'] == 'no', 'it has joined')
    m.wait_equal()
    assert late.client.hlen('h') == 30
