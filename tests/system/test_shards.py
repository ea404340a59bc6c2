"""Many shards in one process: threads and memory do not grow with shards or replicas."""

from harness.keeper import SLUICE
from harness.process import Process, free_port
from harness.redis_server import Server, wait_in_sync
from harness.waiting import eventually


class ShardPort(Server):
    """One shard of a process that is somebody else's child."""

    def spawn(self):
        raise NotImplementedError


class ManyShards(Process):
    def __init__(self, name, folder, masters):
        super().__init__(name, folder)
        self.ports = []
        lines = [f'metrics = "127.0.0.1:{free_port()}"', 'cores = 2', '']
        for number, master in enumerate(masters):
            shard = ShardPort(f'{name}-shard{number}', self.folder)
            self.ports.append(shard)
            lines += ['[[shard]]', f'name = "shard{number}"', f'upstream = "redis://127.0.0.1:{master.port}"',
                      f'listen = "127.0.0.1:{shard.port}"', f'dir = "{self.folder}/shard{number}"', '']
        self.config = self.folder / 'keeper.toml'
        self.config.write_text('\n'.join(lines))

    def argv(self):
        return [SLUICE, 'keeper', '--config', self.config]

    def is_ready(self):
        return all(shard.is_ready() for shard in self.ports)


def start_shards(bench, masters):
    name = bench.name('keeper')
    shards = ManyShards(name, bench.folder / name, masters)
    bench.processes.append(shards)
    shards.start()
    for shard in shards.ports:
        eventually(shard.link_is_up, f'{shard.name} up')
    return shards


def test_threads_do_not_grow_with_shards_or_replicas(bench, redis_server):
    masters = [redis_server('master') for _ in range(8)]
    two = start_shards(bench, masters[:2])
    many = start_shards(bench, masters[2:])
    masters = masters[2:]
    assert many.threads() == two.threads()
    before = many.threads()
    replicas = [redis_server('replica', replica_of=shard) for shard in many.ports[:4]]
    for number, replica in enumerate(replicas):
        masters[number].client.set('mine', number)
        wait_in_sync(masters[number], replica)
        assert replica.client.get('mine') == str(number).encode()
    assert many.threads() == before


def test_a_shard_whose_upstream_is_away_does_not_hold_up_the_others(bench, redis_server):
    masters = [redis_server('master') for _ in range(2)]
    many = start_shards(bench, masters)
    masters[0].kill()
    replica = redis_server('replica', replica_of=many.ports[1])
    masters[1].client.set('k', 'v')
    wait_in_sync(masters[1], replica)
    assert not many.ports[0].link_is_up()
