"""Regions that all take writes, through real keepers and links: they converge, whatever is killed or cut."""

import json
import os
import random
import re
import subprocess
import time

import pytest
from harness.geo_writers import SEED, Writers
from harness.keeper import SLUICE
from harness.regions import MODULE
from harness.waiting import eventually

pytestmark = pytest.mark.skipif(not MODULE.exists(), reason='sluice-geo.so is not built')

ROUNDS = int(os.environ.get('SLUICE_GEO_ROUNDS', 6))


def is_value(server, key, value):
    return lambda: server.client.get(key) == value


def test_a_write_in_either_region_is_seen_in_the_other(mesh):
    m = mesh()
    m[1].client.set('a', '1')
    m[2].client.hset('h', 'f', 'v')
    eventually(is_value(m[2].master, 'a', b'1'), 'the write is in region 2')
    eventually(lambda: m[1].client.hget('h', 'f') == b'v', 'the write is in region 1')
    m.wait_equal()
    m.wait_stable()


def test_concurrent_writes_converge_and_count_once(mesh):
    m = mesh(count=3)
    writers = Writers(m.regions)
    time.sleep(3.0)
    writers.stop()
    m.wait_equal()
    for region in m.regions:
        writers.check(region)
    m.wait_stable()


def test_a_link_that_is_killed_goes_on_exactly_once(mesh):
    m = mesh()
    writers = Writers(m.regions)
    rng = random.Random(SEED)
    for _ in range(5):
        time.sleep(0.4)
        victim = rng.choice(m.regions).link
        victim.kill()
        victim.start()
    writers.stop()
    m.wait_equal()
    for region in m.regions:
        writers.check(region)


def test_a_keeper_that_is_killed_costs_nothing(mesh):
    m = mesh()
    writers = Writers(m.regions)
    for region in m.regions:
        time.sleep(0.5)
        region.keeper.kill()
        time.sleep(0.3)
        region.keeper.start()
    time.sleep(0.5)
    writers.stop()
    m.wait_equal()
    for region in m.regions:
        writers.check(region)


def test_a_cut_between_two_costs_nothing_while_a_third_sees_both(mesh):
    m = mesh(count=3)
    m.cut(1, 2)
    m[1].client.set('from-1', 'x')
    m[2].client.sadd('from-2', 'y')
    eventually(is_value(m[2].master, 'from-1', b'x'), 'region 2 has it through region 3')
    eventually(lambda: m[1].client.smembers('from-2') == {b'y'}, 'region 1 has it through region 3')
    writers = Writers(m.regions)
    time.sleep(2.0)
    m.heal(1, 2)
    time.sleep(1.0)
    writers.stop()
    m.wait_equal()
    for region in m.regions:
        writers.check(region)
    m.wait_stable()


def test_a_region_that_was_cut_off_catches_up_from_logs(mesh):
    m = mesh(count=3)
    copies = lambda: [region.keeper.client.info('stats')['sync_full'] for region in m.regions]  # noqa: E731
    m.wait_equal()
    before = copies()
    m.cut(3, 1)
    m.cut(3, 2)
    writers = Writers(m.regions)
    time.sleep(3.0)
    assert int(m[1].facts()['unstable_keys']) > 0
    m.heal(3, 1)
    m.heal(3, 2)
    writers.stop()
    m.wait_equal()
    for region in m.regions:
        writers.check(region)
    m.wait_stable()
    assert copies() == before


def test_a_master_that_comes_back_from_its_aof_loses_nothing(mesh):
    m = mesh(options={'appendonly': 'yes', 'appendfsync': 'always'})
    writers = Writers(m.regions)
    for _ in range(2):
        time.sleep(1.0)
        m[1].master.kill()
        time.sleep(0.2)
        m[1].master.start()
    time.sleep(1.0)
    writers.stop()
    m.wait_equal()
    for region in m.regions:
        writers.check(region)


def test_the_link_finds_the_new_master_after_a_failover(mesh):
    m = mesh(replicas=1)
    one = m[1]
    eventually(one.nodes[1].link_is_up, 'the replica follows')
    m[1].client.set('before', '1')
    m[2].client.incr('n')
    eventually(lambda: one.nodes[1].client.get('n') == b'1', 'the replica has what came from region 2')
    one.master.kill()
    one.nodes.reverse()
    one.client.execute_command('REPLICAOF', 'NO', 'ONE')
    m[2].client.incr('n')
    eventually(is_value(one.master, 'n', b'2'), 'the new master gets what region 2 writes')
    assert one.client.get('before') == b'1'


def test_verify_names_the_key_that_differs(mesh):
    m = mesh()
    m[1].client.set('same', '1')
    m.wait_equal()
    assert m.sluice('verify').stdout.startswith('equal: 2 regions')
    # A replica's own write, which its module takes for its master's, is one that the mesh never hears of.
    m[2].client.execute_command('REPLICAOF', '127.0.0.1', '1')
    m[2].client.config_set('replica-read-only', 'no')
    m[2].client.set('differs', 'only here')
    m[2].client.config_set('replica-read-only', 'yes')
    done = m.sluice('verify', '--within', '5s')
    assert done.returncode == 1
    assert 'key differs: r1 has nothing; r2 has string only here' in done.stdout, done.stdout + done.stderr


def test_verify_says_who_lags(mesh):
    m = mesh()
    m.cut(1, 2)
    m[1].client.set('a', '1')
    done = m.sluice('verify', '--within', '300ms')
    assert done.returncode == 1
    assert re.search(r'r2 lacks [1-9]\d* ops of r1', done.stdout), done.stdout + done.stderr


def test_status_shows_all_regions(mesh):
    m = mesh(count=3)
    m[2].client.set('a', '1')
    m.wait_equal()
    done = m.sluice('status', '--json')
    regions = json.loads(done.stdout)['regions']
    assert [region['id'] for region in regions] == [1, 2, 3]
    assert all(lag == 0 for region in regions for lag in region['lag_ops'].values())
    assert regions[0]['positions'].keys() == {'r2', 'r3'}
    table = m.sluice('status').stdout
    assert 'lacks of r2' in table, table


def test_a_link_to_a_server_without_the_module_says_so(redis_server, keeper, link):
    plain = redis_server()
    kept = keeper(plain)
    one = link([('x', kept)], [plain])
    eventually(lambda: 'GEO.VECTOR' in one.log_text(), 'the log names the command that is missing')
    assert one.health()['links'][0]['state'] == 'no_target'


def test_random_faults_lose_and_double_nothing(mesh):
    print(f'SLUICE_SEED={SEED}')
    rng = random.Random(SEED)
    m = mesh(count=3, options={'appendonly': 'yes', 'appendfsync': 'always'})
    writers = Writers(m.regions, pause=0.003)
    cut = set()
    for _ in range(ROUNDS):
        time.sleep(rng.uniform(0.1, 0.8))
        what, region = rng.choice(['link', 'keeper', 'master', 'cut', 'pause']), rng.choice(m.regions)
        if what == 'cut':
            pair = tuple(rng.sample([1, 2, 3], 2))
            m.cut(*pair)
            cut.add(pair)
        elif what == 'pause':
            region.link.pause()
            time.sleep(rng.uniform(0.1, 0.5))
            region.link.resume()
        else:
            victim = {'link': region.link, 'keeper': region.keeper, 'master': region.master}[what]
            victim.kill()
            time.sleep(rng.uniform(0.0, 0.3))
            victim.start()
        if cut and rng.random() < 0.5:
            m.heal(*cut.pop())
    for pair in cut:
        m.heal(*pair)
    time.sleep(0.5)
    writers.stop()
    m.wait_equal()
    for region in m.regions:
        writers.check(region)
    m.wait_stable()


def test_case_1_holds_its_books():
    done = subprocess.run([str(SLUICE), 'case', 'active-active', '--quick'], capture_output=True, text=True,
                          timeout=180)
    assert done.returncode == 0, done.stdout + done.stderr
