"""Random rounds of regions with real masters, replicas, keepers and links, under faults: equal in the end, books exact.

SLUICE_GEO_ROUNDS seeds, from SLUICE_SEED on; SLUICE_GEO_STEPS bursts of commands each. `./dev rounds SEEDS [FIRST]` runs many.
"""

import os
import random

import pytest

from harness.geo_rounds import Round
from harness.regions import MODULE
from harness.waiting import eventually

pytestmark = pytest.mark.skipif(not MODULE.exists(), reason='sluice-geo.so is not built')

FIRST = int(os.environ.get('SLUICE_SEED', 4))
ROUNDS = int(os.environ.get('SLUICE_GEO_ROUNDS', 1))
STEPS = int(os.environ.get('SLUICE_GEO_STEPS', 400))
LEFT_BEHIND = ('unstable_keys', 'unstable_entries', 'unstable_bytes', 'held_commands')


def wait_nothing_is_left(mesh):
    """All metadata is gone once everybody has promised everything, on replicas too."""
    def is_clean():
        for region in mesh.regions:
            for node in region.nodes:
                facts = region.facts_of(node)
                left = {name: facts[name] for name in LEFT_BEHIND if facts[name] != '0'}
                assert not left, (node.name, left, facts)
        return True
    eventually(is_clean, 'no metadata is left', 60)


@pytest.mark.parametrize('seed', range(FIRST, FIRST + ROUNDS))
def test_regions_end_equal_and_keep_their_books(mesh, seed):
    print(f'again: SLUICE_GEO_STEPS={STEPS} ./dev rounds 1 {seed}')
    rng = random.Random(seed)
    count, replicas = rng.choice([2, 2, 3, 3, 3, 4, 5]), rng.choice([0, 0, 1])
    # `everysec` may lose what was answered: Redis puts a write off while it syncs.
    options = {'appendonly': 'yes', 'appendfsync': 'always',
               'repl-diskless-load': rng.choice(['disabled', 'swapdb'])}
    world = mesh(count=count, replicas=replicas, options=options)
    round_ = Round(world, seed, STEPS)
    try:
        round_.run()
        eventually(world.is_settled, 'all regions have the same ops', 90)
        wrong = round_.wrong()
        assert not wrong, '\n'.join(wrong)
        done = world.sluice('verify', '--within', '20s')
        assert done.returncode == 0, done.stdout + done.stderr
        wait_nothing_is_left(world)
        misnoted = [line for region in world.regions for node in region.nodes for line in node.log_text().splitlines()
                    if 'noted otherwise' in line]
        assert not misnoted, '\n'.join(misnoted)
        wrong = round_.wrong()
        assert not wrong, '\n'.join(wrong)
    except BaseException:
        print(f'{count} regions, {replicas} replicas each, {options}')
        print('\n'.join(round_.story))
        raise
