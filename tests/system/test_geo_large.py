"""Turns and values that are larger than a batch is meant to be."""

import pytest

from harness.regions import MODULE

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
