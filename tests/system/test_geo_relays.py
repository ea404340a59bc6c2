"""Links between regions over relays, with TLS on every hop: what is killed, cut or silent on the way costs time and nothing else."""

import random
import time

import pytest
from harness.geo_writers import SEED, Writers
from harness.regions import MODULE
from harness.waiting import eventually

pytestmark = pytest.mark.skipif(not MODULE.exists(), reason='sluice-geo.so is not built')


class Way:
    """From a region's link to a peer's keeper: two relays beside the link to choose from, one beside the keeper."""

    def __init__(self, relay, certificates, keeper):
        self.far = relay([f'127.0.0.1:{keeper.port}'], name='far', tls=certificates)
        self.near = [relay([f'127.0.0.1:{self.far.tls_port}'], name=f'near{n}-', tls=certificates) for n in range(2)]

    @property
    def route(self):
        return ','.join(near.tls_uri for near in self.near) + ' ' + self.far.tls_uri

    def relays(self):
        return [self.far, *self.near]


def link_over_relays(m, relay, link, certificates):
    """One way for each direction of two regions; in the place of the direct links."""
    for region, other in (m.regions, m.regions[::-1]):
        region.link.kill()
        region.way = Way(relay, certificates, other.keeper)
        region.link = link([(other.name, other.keeper)], region.nodes, flags={
            'route': region.way.route, 'route-tls-ca': certificates.ca, 'route-tls-cert': certificates.client_cert,
            'route-tls-key': certificates.client_key})


def wait_streaming(m):
    for region in m.regions:
        eventually(region.link.is_streaming, f'the link of {region.name} streams', 60)


def check_books(m, writers):
    m.wait_equal(within=90.0)
    for region in m.regions:
        writers.check(region)
    m.wait_stable()


@pytest.fixture
def over_relays(mesh, relay, link, certificates):
    m = mesh(count=2)
    link_over_relays(m, relay, link, certificates)
    wait_streaming(m)
    return m


def test_a_link_over_two_relays_with_tls_counts_exactly_once_whatever_dies_on_the_way(over_relays):
    m = over_relays
    writers = Writers(m.regions)
    rng = random.Random(SEED)
    for region in m.regions:
        before = region.link.metric('sluice_geo_sessions_ended_total')
        way = region.way
        way.far.kill()
        eventually(lambda region=region, before=before: region.link.metric('sluice_geo_sessions_ended_total') > before, 'the link notices')
        other = m[3 - region.number]
        seen = other.vector()
        eventually(lambda number=region.number, other=other, seen=seen: any(
            other.vector()[actor] > seq for actor, seq in seen.items() if actor[0] == number), 'the other direction goes on')
        way.far.start()
        wait_streaming(m)
    for _ in range(6):
        region = rng.choice(m.regions)
        victim = rng.choice(region.way.relays())
        victim.kill()
        time.sleep(rng.choice([0.05, 0.3, 1.0]))
        victim.start()
    wait_streaming(m)
    writers.stop()
    for region in m.regions:
        assert region.way.far.metric('sluice_relay_tunnels_total') >= 1
        assert sum(near.metric('sluice_relay_tunnels_total') for near in region.way.near) >= 1
    check_books(m, writers)


def test_a_dead_first_relay_is_passed_by_where_the_route_has_another(over_relays):
    m = over_relays
    writers = Writers(m.regions)
    time.sleep(0.5)
    for region in m.regions:
        region.way.near[0].kill()
    wait_streaming(m)
    seen = m[1].vector()
    eventually(lambda: all(m[1].vector()[actor] > seq for actor, seq in seen.items()), 'ops of both regions go on coming', 60)
    writers.stop()
    check_books(m, writers)


def test_a_relay_that_is_silent_for_a_while_loses_and_doubles_nothing(over_relays):
    m = over_relays
    writers = Writers(m.regions)
    time.sleep(0.5)
    m[1].way.far.pause()
    for near in m[2].way.near:
        near.pause()
    time.sleep(3)
    m[1].way.far.resume()
    for near in m[2].way.near:
        near.resume()
    wait_streaming(m)
    writers.stop()
    check_books(m, writers)


def test_a_link_without_a_certificate_does_not_get_in_and_says_so(over_relays, link, certificates):
    m = over_relays
    stranger = link([('r2', m[2].keeper)], m[1].nodes, flags={'route': m[1].way.route, 'route-tls-ca': certificates.ca})
    eventually(lambda: stranger.health()['status'] != 'streaming' and sum(
        near.metric('sluice_relay_tls_handshakes_failed_total') for near in m[1].way.near) >= 1, 'it is refused')
    assert not stranger.is_streaming()
