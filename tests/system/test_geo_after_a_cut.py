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


@pytest.mark.parametrize('write', [
    lambda client, name, number: client.pfadd('k', f'{name}{number}'),
    lambda client, name, number: client.rpush('k', f'{name}{number}'),
    lambda client, name, number: client.incr('k'),
    lambda client, name, number: client.zadd('k', {f'{name}{number}': number}),
], ids=['PFADD', 'RPUSH', 'INCR', 'ZADD'])
def test_values_of_two_regions_that_were_cut_off_come_together(mesh, write):
    m = mesh()
    m.cut(1, 2)
    for number in range(COUNT):
        for region in m.regions:
            write(region.client, region.name, number)
    m.heal(1, 2)
    m.wait_equal()
    m.wait_stable()
