"""Wall clocks of masters that step minutes forward and back, and one that is too far ahead."""

import random
import time

import pytest
from harness.geo_writers import SEED, Writers
from harness.regions import MODULE
from harness.waiting import eventually

pytestmark = pytest.mark.skipif(not MODULE.exists(), reason='sluice-geo.so is not built')

MINUTE = 60
AOF = {'appendonly': 'yes', 'appendfsync': 'everysec'}


@pytest.fixture
def timed(mesh, clock):
    """timed(count=3, ...): a mesh, and the clock of each region by its number"""

    def start(count=3, **options):
        clocks = {number: clock() for number in range(1, count + 1)}
        return mesh(count=count, environments={n: clock.environment() for n, clock in clocks.items()}, **options), clocks

    return start


def wait_for_writes(writers, more=100):
    before = writers.rounds()
    eventually(lambda: all(rounds > before[number] + more for number, rounds in writers.rounds().items()), 'all write', 30)


def now_of(region):
    return region.client.time()[0]


def test_clocks_that_step_by_minutes_lose_and_double_nothing(timed):
    print(f'SLUICE_SEED={SEED}')
    rng = random.Random(SEED)
    m, clocks = timed(module_words=f'clock-ahead-max-ms={15 * MINUTE * 1000}', options=AOF)
    m[1].client.set('deadline', 'x', ex=3600)
    m.wait_equal()
    deadline = m[1].client.execute_command('PEXPIRETIME', 'deadline')
    writers = Writers(m.regions)
    for number, minutes in [(1, 5), (2, -5), (1, -5), (3, 4), (2, 5), *((rng.randrange(1, 4), rng.uniform(-5, 5)) for _ in range(5))]:
        clocks[number].set(minutes * MINUTE)
        wait_for_writes(writers)
    assert abs(now_of(m[2]) - time.time()) > 1 or abs(now_of(m[1]) - time.time()) > 1
    eventually(lambda: all(region.link.is_streaming() for region in m.regions), 'all links stream', 30)
    writers.stop()
    m.wait_equal()
    # Redis syncs its AOF again once its clock has passed what it was; until then nothing is promised.
    for number, clock in clocks.items():
        clock.set((5 + number) * MINUTE)
    m.wait_stable()
    for region in m.regions:
        writers.check(region)
        assert region.client.execute_command('PEXPIRETIME', 'deadline') == deadline
        assert region.link.metric('sluice_geo_detached_regions') == 0


def test_a_clock_too_far_ahead_is_refused_loudly_and_taken_once_others_have_caught_up(timed):
    m, clocks = timed()
    writers = Writers(m.regions)
    wait_for_writes(writers, 20)
    clocks[1].set(10 * MINUTE)
    for region in m.regions[1:]:
        eventually(lambda region=region: 'GEOAHEAD' in str(region.link.health()), f'{region.name} says why it holds', 30)
        eventually(lambda region=region: region.link.metric('sluice_geo_answers_total') > 0, 'the refusals are counted')
        assert 'batch refused' in region.link.log_text()
        state = next(link['state'] for link in region.link.health()['links'] if link['source'] == 'r1')
        assert state == 'held_up', region.link.health()
    wait_for_writes(writers, 20)
    m[2].client.set('from-2', 'x')
    eventually(lambda: m[3].client.get('from-2') == b'x', 'the others go on with each other')
    # It is mended; but what was stamped meanwhile stays ahead until the others' clocks have passed it.
    clocks[1].set(0)
    wait_for_writes(writers, 20)
    writers.stop()
    assert m[1].vector() != m[2].vector()
    for clock in clocks.values():
        clock.set(9.5 * MINUTE)
    m.wait_equal()
    for region in m.regions:
        writers.check(region)
    m.wait_stable()


def test_a_master_that_restarts_with_its_clock_set_back_goes_on(timed):
    m, clocks = timed(module_words=f'clock-ahead-max-ms={15 * MINUTE * 1000}', options={'appendonly': 'yes', 'appendfsync': 'always'})
    writers = Writers(m.regions)
    wait_for_writes(writers)
    for minutes in (5, -5):
        m[1].master.kill()
        clocks[1].set(minutes * MINUTE)
        m[1].master.start(within=60)
        wait_for_writes(writers)
    writers.stop()
    m.wait_equal()
    for region in m.regions:
        writers.check(region)
    m.wait_stable()
