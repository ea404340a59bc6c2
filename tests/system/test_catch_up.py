"""A keeper behind another keeper: snapshots that go on where their connection broke."""

import os

from harness.redis_server import wait_in_sync
from harness.waiting import eventually

MEGA = 1_000_000


def fill(master, megabytes):
    """Bytes that no snapshot makes smaller."""
    for first in range(0, megabytes * 10, 50):
        pipe = master.client.pipeline(transaction=False)
        for n in range(first, min(first + 50, megabytes * 10)):
            pipe.set(f'big:{n}', os.urandom(100_000))
        pipe.execute()


def figures(keeper):
    return keeper.info('keeper')


def test_a_snapshot_between_keepers_goes_on_where_it_broke(redis_server, keeper, proxy, load):
    master = redis_server('master')
    fill(master, 40)
    near = keeper(master)
    eventually(near.link_is_up, 'the first keeper is up')
    size = figures(near)['keeper_snapshot_bytes']
    assert size > 40 * MEGA
    writes = load(master)
    link = proxy(near)
    link.limit(15 * MEGA)
    far = keeper(link)
    for share in (0.3, 0.6):
        eventually(lambda: link.bytes_down > share * size, f'{share} of the snapshot came')
        link.drop()
    link.limit(None)
    eventually(far.link_is_up, 'the second keeper is up', within=20)
    brought, streamed = link.bytes_down, near.offset - figures(near)['keeper_snapshot_offset']
    writes.stop()
    replica = redis_server('replica', replica_of=far)
    wait_in_sync(master, replica)
    at_far, at_near = figures(far), figures(near)
    assert at_far['keeper_upstream_snapshots_resumed'] == 2
    assert at_near['keeper_snapshots_resumed'] == 2
    assert at_far['keeper_upstream_sync_full'] == 1
    assert at_far['keeper_upstream_resumed_bytes'] > 0.8 * size
    # What was under way when the link broke comes twice; the stream since then comes too.
    assert brought < size + streamed + 2 * MEGA
    assert master.stats('sync_full') == 1


def test_a_snapshot_goes_on_although_newer_ones_were_taken_meanwhile(redis_server, keeper, proxy):
    master = redis_server('master')
    fill(master, 20)
    near = keeper(master, flags={'snapshots-keep': 1})
    eventually(near.link_is_up, 'the first keeper is up')
    size = figures(near)['keeper_snapshot_bytes']
    first = figures(near)['keeper_snapshot_offset']
    link = proxy(near)
    link.limit(15 * MEGA)
    far = keeper(link)
    eventually(lambda: link.bytes_down > 0.5 * size, 'half of the snapshot came')
    link.cut()
    master.client.set('since', 'then')
    for _ in range(2):
        last = figures(near)['keeper_snapshot_offset']
        master.client.set('once', 'more')
        near.keeper('SNAPSHOT')
        eventually(lambda: figures(near)['keeper_snapshot_offset'] > last, 'a newer snapshot', within=30)
    link.heal()
    eventually(far.link_is_up, 'the second keeper is up', within=20)
    assert figures(far)['keeper_upstream_snapshots_resumed'] == 1
    assert figures(far)['keeper_snapshot_offset'] == first
    replica = redis_server('replica', replica_of=far)
    wait_in_sync(master, replica)


def test_a_snapshot_of_a_stock_master_begins_again(redis_server, keeper, proxy):
    master = redis_server('master', options={'repl-diskless-sync': 'no'})
    fill(master, 20)
    link = proxy(master)
    link.limit(20 * MEGA)
    ours = keeper(link)
    eventually(lambda: link.bytes_down > 5 * MEGA, 'midway')
    link.drop()
    link.limit(None)
    eventually(ours.link_is_up, 'up at the second try', within=20)
    assert figures(ours)['keeper_upstream_snapshots_resumed'] == 0
    assert master.stats('sync_full') == 2
    replica = redis_server('replica', replica_of=ours)
    wait_in_sync(master, replica)


def overwrite(master, megabytes):
    """So many bytes of stream, and a data set that stays as it is."""
    for n in range(0, megabytes * 10, 50):
        pipe = master.client.pipeline(transaction=False)
        for key in range(n, n + 50):
            pipe.set(f'big:{key % 80}', os.urandom(100_000))
        pipe.execute()


def followed_over_a_slow_link(redis_server, keeper, proxy, flags):
    master = redis_server('master', options={'repl-backlog-size': 512 * MEGA,
                                             'client-output-buffer-limit': 'replica 0 0 0'})
    fill(master, 8)
    near = keeper(master)
    eventually(near.link_is_up, 'the first keeper is up')
    link = proxy(near)
    link.limit(10 * MEGA)
    far = keeper(link, flags=flags)
    eventually(far.link_is_up, 'the second keeper is up', within=30)
    return master, near, link, far


def test_a_long_log_is_given_up_for_a_newer_snapshot_where_that_is_faster(redis_server, keeper, proxy):
    flags = {'catch-up-times': 3, 'catch-up-gain': '5s'}
    master, near, link, far = followed_over_a_slow_link(redis_server, keeper, proxy, flags)
    link.cut()
    overwrite(master, 200)
    eventually(lambda: near.offset == master.offset, 'the first keeper has it', within=30)
    near.keeper('SNAPSHOT')
    eventually(lambda: figures(near)['keeper_snapshot_offset'] >= 200 * MEGA, 'a newer snapshot', within=30)
    before = link.bytes_down
    link.heal()
    replica = redis_server('replica', replica_of=far)
    wait_in_sync(master, replica, within=30)
    assert figures(far)['keeper_upstream_snapshots_preferred'] == 1
    assert link.bytes_down - before < 50 * MEGA, 'not the log'
    assert 'catching up' in far.log_text()


def test_a_log_is_replayed_where_that_costs_little(redis_server, keeper, proxy):
    master, near, link, far = followed_over_a_slow_link(redis_server, keeper, proxy, {})
    link.cut()
    overwrite(master, 20)
    eventually(lambda: near.offset == master.offset, 'the first keeper has it', within=30)
    near.keeper('SNAPSHOT')
    eventually(lambda: figures(near)['keeper_snapshot_offset'] >= 20 * MEGA, 'a newer snapshot', within=30)
    link.heal()
    eventually(lambda: far.offset == near.offset, 'caught up', within=30)
    assert figures(far)['keeper_upstream_snapshots_preferred'] == 0
    assert figures(far)['keeper_upstream_sync_full'] == 1


def test_a_snapshot_over_relays_goes_on_where_a_relay_died(redis_server, keeper, relay):
    master = redis_server('master')
    fill(master, 40)
    near = keeper(master, flags={'total-rate-bytes': '5MB'})
    eventually(near.link_is_up, 'the first keeper is up')
    size = figures(near)['keeper_snapshot_bytes']
    there = relay([f'127.0.0.1:{near.port}'], name='there')
    here = relay([f'127.0.0.1:{there.port}'], name='here')
    far = keeper(near, flags={'route': f'{here.uri} {there.uri}'})
    for killed in (here, there):
        before = here.metric('sluice_relay_bytes_total', direction='back')
        eventually(lambda: here.metric('sluice_relay_bytes_total', direction='back') > before + 0.2 * size,
                   'a part of the snapshot came', within=30)
        killed.kill()
        eventually(lambda: not far.link_is_up(), 'noticed')
        killed.start()
    eventually(far.link_is_up, 'the second keeper is up', within=30)
    assert figures(far)['keeper_upstream_snapshots_resumed'] == 2
    assert figures(far)['keeper_upstream_sync_full'] == 1
    assert figures(far)['keeper_upstream_resumed_bytes'] > 0.4 * size
    replica = redis_server('replica', replica_of=far)
    wait_in_sync(master, replica)
    assert master.stats('sync_full') == 1
