"""What an operator sees of regions: `sluice geo status` and `conflicts`, and the link's metrics of its master."""

import json
import re

import pytest
from harness.regions import MODULE
from harness.waiting import eventually

pytestmark = pytest.mark.skipif(not MODULE.exists(), reason='sluice-geo.so is not built')


def rows(table):
    """Of the table at the top: [{column: cell}], by where the rules under the header stand."""
    lines = table.splitlines()
    columns = [match.span() for match in re.finditer('=+', lines[1])]
    cells = [[line[begin:end].strip() for begin, end in columns] for line in (lines[0], *lines[2:lines.index('')])]
    return [dict(zip(cells[0], row)) for row in cells[1:]]


def test_status_tells_of_a_region_that_is_cut_off_how_far_behind_it_is_and_since_when(mesh):
    m = mesh(count=3)
    m[1].client.set('first', 'x')
    m.wait_equal()
    m.wait_stable()
    m.cut(3, 1)
    m.cut(3, 2)
    for number in range(25):
        m[1].client.set(f'key:{number}', 'x')
    for number in range(7):
        m[3].client.set(f'other:{number}', 'x')
    eventually(lambda: m[2].client.exists('key:24'), 'region 2 has it')
    table = m.sluice('status').stdout
    one, two, three = rows(table)
    assert [row['region'] for row in (one, two, three)] == ['r1', 'r2', 'r3'], table
    assert one['waits for'] == 'r2 r3' and one['state'] == 'in the mesh', table
    assert re.fullmatch(r'25 \(\d+(\.\d+)? m?s\)', three['lacks of r1']), table
    assert re.fullmatch(r'7 \(\d+(\.\d+)? m?s\)', one['lacks of r3']), table
    assert two['lacks of r1'] == '0' and one['unstable keys'] != '0', table
    found = json.loads(m.sluice('status', '--json').stdout)
    assert found['regions'][2]['lag_ops']['1'] == 25 and found['regions'][2]['lag_ms']['1'] > 0

    def told(pattern):
        table = m.sluice('status').stdout
        assert re.search(pattern, table), table + str(m[1].facts())
        return True
    eventually(lambda: told(r'ALERT r3 lacks 25 ops of r1, the oldest \d+ s old'), 'that it is behind is told', 30, every=1)
    # Also if nobody can ask it.
    away = m.regions.pop()
    told(r'ALERT r1 has not heard region 3 for \d+ s, and keeps 25 ops for it, the oldest \d+ s old')
    m.regions.append(away)
    link = m[1].link
    assert link.metric('sluice_geo_peer_lacks_ops') == 25  # region 2 has all of it
    for name in ('lacks', 'silent'):
        eventually(lambda name=name: link.metric(f'sluice_geo_peer_{name}_seconds') >= 10, 'the metric grows')
    m.heal(3, 1)
    m.heal(3, 2)
    m.wait_equal()
    m.wait_stable()
    eventually(lambda: 'ALERT' not in m.sluice('status').stdout, 'nothing is wrong any more')
    eventually(lambda: link.metric('sluice_geo_peer_lacks_ops') == 0, 'the metric says so')
    for region in rows(m.sluice('status').stdout):
        assert [region[f'lacks of r{n}'] for n in (1, 2, 3)] == ['0'] * 3 and region['unstable keys'] == '0'


def test_status_goes_on_without_a_master_that_does_not_answer(mesh):
    m = mesh()
    m[1].client.set('a', '1')
    m.wait_equal()
    m[2].master.kill()
    done = m.sluice('status')
    assert done.returncode == 1
    one, two = rows(done.stdout)
    assert one['region'] == 'r1' and two['state'] == 'no answer', done.stdout
    assert f'ALERT no answer from 127.0.0.1:{m[2].master.port}: ' in done.stdout
    eventually(lambda: m[2].link.metric('sluice_geo_master_up') == 0, 'its link says so')
    assert m[1].link.metric('sluice_geo_master_up') == 1


def test_conflicts_are_shown_newest_first_with_who_won(mesh):
    m = mesh()
    m.wait_equal()
    for number in range(12):
        m.cut(1, 2)
        m[1].client.set(f'string:{number}', 'mine')
        m[2].client.set(f'string:{number}', 'its')
        m.heal(1, 2)
        eventually(lambda: all(int(region.facts()['conflicts_lww']) > number for region in m.regions), 'it is decided', 30)
    m.wait_equal()
    newest = [one[0] for one in m[1].client.execute_command('GEO.CONFLICTS', 3)]
    assert newest == [b'string:11', b'string:10', b'string:9']
    assert len(m[1].client.execute_command('GEO.CONFLICTS')) == 10
    done = m.sluice('conflicts', '--count', '1')
    first = rows(done.stdout + '\n')[0]
    assert first['seen by'] == 'r1' and first['key'] == 'string:11' and first['element'] == '-', done.stdout
    shown = m[1].client.get('string:11')
    winner, loser = ('r1', 'r2') if shown == b'mine' else ('r2', 'r1')
    assert re.fullmatch(winner + r' at \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} UTC', first['winner']), done.stdout
    assert first['loser'].startswith(f'{loser} at '), done.stdout
    eventually(lambda: m[1].link.metric('sluice_geo_conflicts') == 12, 'the metric counts them')
