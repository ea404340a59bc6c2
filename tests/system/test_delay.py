"""Probes through a real chain: what `sluice delay` says of it, and when it raises an alert."""

import subprocess

import pytest

from harness.keeper import SLUICE
from harness.waiting import eventually, never

# Far apart, since a busy machine delays probes as well.
BOUNDS = {'alert-above': '3s', 'alert-below': '1s', 'lift-after': '500ms'}


@pytest.fixture
def chain(redis_server, proxy, keeper):
    """master -> ocean (a proxy) -> keeper -> replica"""
    master = redis_server(name='master')
    ocean = proxy(master)
    kept = keeper(ocean)
    replica = redis_server(name='replica', replica_of=kept)
    for server in (kept, replica):
        eventually(server.link_is_up, f'{server.name} follows', 30)
    return master, ocean, kept, replica


def shows_probes(prober, name):
    return prober.node(name)['delay']['count'] > 20


def test_measures_every_node_of_a_chain(chain, delay, load):
    master, _, kept, replica = chain
    load(master)
    prober = delay(master, [('keeper', kept), ('replica', replica)], flags=BOUNDS)
    for name in ('keeper', 'replica'):
        eventually(lambda: shows_probes(prober, name), f'{name} shows probes')
        node = eventually(lambda: (n := prober.node(name))['lag_bytes'] is not None and n, 'its lag')
        assert node['reached'] and node['link_up'] and not node['alert']
        assert 0 <= node['delay']['p50'] <= node['delay']['p99'] <= node['delay']['max']
        assert node['hop']['p50'] <= node['delay']['max']
        assert node['round_trip'] > 0
        assert not node['resync_needed']
    eventually(lambda: prober.node('keeper')['resync_if_stopped'], 'the stream has a rate')
    metrics = prober.metrics()
    assert metrics['sluice_delay_arrival_seconds_count{node="replica",shard=""}'] > 20
    assert metrics['sluice_delay_hop_seconds_count{node="replica",shard=""}'] > 20
    assert metrics['sluice_delay_alert{node="replica",shard=""}'] == 0
    assert prober.stop() == 0


def test_a_frozen_link_raises_one_alert_and_lifts_it_once_it_flows_again(chain, delay):
    master, ocean, kept, replica = chain
    prober = delay(master, [('keeper', kept), ('replica', replica)], flags=BOUNDS)
    eventually(lambda: shows_probes(prober, 'replica'), 'probes come')
    ocean.freeze()
    eventually(lambda: prober.node('keeper')['alert'] and prober.node('replica')['alert'],
               'the alert is raised while the link is frozen')
    assert prober.node('replica')['age'] > 3
    ocean.heal()
    eventually(lambda: not prober.node('keeper')['alert'] and not prober.node('replica')['alert'],
               'it is lifted')
    never(lambda: prober.node('replica')['alerts'] != 1, 'another alert')
    for name in ('keeper', 'replica'):
        node = prober.node(name)
        assert node['delay']['max'] > 3 and node['missed'] == 0, 'the stream lost nothing'
    assert prober.node('replica')['hop']['max'] < 3, 'the time was lost before the keeper'
    assert prober.log_text().count('delay alert raised') == 2
    assert prober.log_text().count('delay alert lifted') == 2


def test_a_node_that_is_gone_grows_old_and_one_that_is_back_misses_what_it_never_showed(chain, delay):
    master, _, kept, replica = chain
    prober = delay(master, [('keeper', kept), ('replica', replica)], flags=BOUNDS)
    eventually(lambda: shows_probes(prober, 'replica'), 'probes come')
    replica.kill()
    eventually(lambda: prober.node('replica')['alert'], 'the alert is raised')
    node = prober.node('replica')
    assert not node['reached'] and node['failure']
    assert not prober.node('keeper')['alert']
    replica.start()
    eventually(lambda: not prober.node('replica')['alert'], 'it is lifted', 30)
    assert prober.node('replica')['missed'] > 0


def test_a_run_of_some_time_ends_by_itself_and_its_exit_code_tells(chain, keeper):
    master, _, kept, replica = chain

    def run(*words):
        return subprocess.run([str(SLUICE), 'delay', '--write', f'redis://127.0.0.1:{master.port}',
                               *words], capture_output=True, text=True, timeout=60)

    well = run('--watch', f'keeper=redis://127.0.0.1:{kept.port}', '--for', '1s', '--alert-above', '30s')
    assert well.returncode == 0, well.stderr
    assert 'keeper' in well.stdout and 'resync in' in well.stdout
    gone = run('--watch', 'nobody=redis://127.0.0.1:1', '--for', '1s')
    assert gone.returncode == 1
    assert 'not reached' in gone.stdout
    wrong = run('--watch', 'redis://127.0.0.1:1')
    assert wrong.returncode == 2
    assert 'NAME=redis://host:port' in wrong.stderr


def test_tells_that_a_node_will_need_a_full_resync(redis_server, delay):
    master = redis_server(name='master', options={'repl-backlog-size': 1 << 20})
    replica = redis_server(name='replica', replica_of=master)
    eventually(replica.link_is_up, 'follows', 30)
    prober = delay(master, [('replica', replica)], flags=BOUNDS)
    eventually(lambda: shows_probes(prober, 'replica'), 'probes come')
    assert prober.node('replica')['resync_needed'] is False
    replica.client.execute_command('REPLICAOF', '127.0.0.1', '1')
    for _ in range(40):
        master.client.set('key', b'x' * 100_000)
    eventually(lambda: prober.node('replica')['resync_needed'], 'what it lacks has left the backlog')
    assert not prober.node('replica')['link_up']


def test_watches_through_relays(chain, relay, delay):
    master, _, kept, replica = chain
    near = relay([f'127.0.0.1:{kept.port}', f'127.0.0.1:{replica.port}'])
    prober = delay(master, [('keeper', kept), ('replica', replica)], flags={**BOUNDS, 'route': near.uri})
    eventually(lambda: shows_probes(prober, 'replica'), 'probes come back through the relay')
    assert near.health()['tunnels'] >= 2
    assert prober.stop() == 0
