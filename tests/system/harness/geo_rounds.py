"""One random round over regions that all take writes: commands of every family, faults, books, and the end that all must share.

All choices come from the seed; when the servers get to what they were told is theirs.
"""

import json
import random
import select
import time

from harness import geo
from harness.geo_books import UNSURE, Books
from harness.geo_commands import SCRIPT, Commands
from harness.raw import Raw
from harness.waiting import eventually

CONNECTIONS = 4  # per region
PATIENCE_SECONDS = 60  # a server that answers nothing for so long hangs


class Connection(Raw):
    def __init__(self, port, protocol):
        super().__init__(port, protocol)
        self._socket.settimeout(PATIENCE_SECONDS)
        self.db = 0

    def select(self, db):
        self('SELECT', db)
        self.db = db

    def read(self):
        if self._file.closed or not self._file.peek(1):
            raise ConnectionError('the connection has ended')
        return super().read()

    def has_reply(self):
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        return bool(poll.poll(0))


class Exchange:
    """Commands on one connection, in parts that others may come between, and what their replies mean."""

    def __init__(self, connection, parts, settle):
        self.connection, self.parts, self._settle = connection, parts, settle
        self.awaited = 0
        self.replies = []

    def send(self):
        for words in self.parts.pop(0):
            self.connection.send(*words)
            self.awaited += 1

    def receive(self):
        while self.awaited:
            self.replies.append(self.connection.read())
            self.awaited -= 1

    def settle(self):
        self._settle(self.replies)


def settle_each(books):
    def settle(replies):
        for n, book in enumerate(books):
            book(replies[n] if n < len(replies) else UNSURE)
    return settle


def settle_array(books, at):
    """Of a transaction or script: the reply at place `at` has one element per command."""
    def settle(replies):
        reply = replies[at] if at < len(replies) else UNSURE
        for n, book in enumerate(books):
            if reply is UNSURE:
                book(UNSURE)
            elif isinstance(reply, tuple) and isinstance(reply[1], list):
                book(reply[1][n])
    return settle


def no_book(_reply):
    pass


class Round:
    def __init__(self, mesh, seed, steps, faults=True):
        self.mesh, self.rng, self.steps = mesh, random.Random(seed), steps
        self.books = Books()
        self.commands = Commands(self.rng)
        self.connections = {region.number: [None] * CONNECTIONS for region in mesh.regions}
        self.waiting = []  # blocked: (region, connection, book)
        self.repairs = []  # (step, what, function)
        self.step = 0
        self.story = []
        self.faults = [fault for fault in FAULTS if faults and (fault not in ('failover', 'sentinel') or len(mesh.regions[0].nodes) > 1)]
        self.stopped = set()  # processes that a repair will start again

    # --- traffic ----------------------------------------------------------------------------------------

    def tell(self, what):
        self.story.append(f'{self.step}: {what}')

    def connect(self, region):
        at = self.rng.randrange(CONNECTIONS)
        connections = self.connections[region.number]
        if connections[at] is None:
            connections[at] = Connection(region.master.port, self.rng.choice([2, 3]))
            if self.rng.random() < 0.2:
                connections[at].select(1)  # no books are kept there
        return at, connections[at]

    def drop(self, region):
        for connection in self.connections[region.number]:
            if connection is not None:
                connection.close()
        self.connections[region.number] = [None] * CONNECTIONS

    def some_command(self, region, db):
        if db == 0 and self.rng.random() < 0.4:
            return self.books.random_command(self.rng, region.number)
        return self.commands.one(), no_book

    def exchange(self, region, connection):
        rng = self.rng
        some = [self.some_command(region, connection.db) for _ in range(rng.choice([1, 1, 2, 5]))]
        words, books = [one for one, _ in some], [book for _, book in some]
        way = rng.random()
        if way < 0.6:
            return Exchange(connection, [words], settle_each(books))
        if way < 0.8:
            watch = [[['WATCH', self.commands.any_key()]]] if rng.random() < 0.3 else []
            parts = [*watch, [['MULTI'], *words], [['EXEC']]]
            return Exchange(connection, parts, settle_array(books, len(words) + 1 + len(watch)))
        encoded = [json.dumps([str(word) for word in one]) for one in words]
        if way < 0.95:
            return Exchange(connection, [[['EVAL', SCRIPT, 0, *encoded]]], settle_array(books, 0))
        return Exchange(connection, [[['FCALL', f'run{rng.randrange(2)}', 0, *encoded]]], settle_array(books, 0))

    def burst(self, region, finish=True):
        """Several clients of one master at once. Without `finish` no reply is waited for."""
        chosen = dict(self.connect(region) for _ in range(self.rng.choice([1, 1, 2, 3])))
        exchanges = [self.exchange(region, connection) for connection in chosen.values()]
        pending = list(exchanges)
        try:
            while pending:
                one = self.rng.choice(pending)
                one.send()
                if self.rng.random() < 0.5:
                    one.receive()
                if not one.parts:
                    pending.remove(one)
            if finish:
                for one in exchanges:
                    one.receive()
        except TimeoutError:
            raise
        except OSError as error:
            self.tell(f'{region.name}: {error}')
            self.drop(region)
        if finish:
            for one in exchanges:
                one.settle()
        else:  # nobody else may read what they wait for
            self.connections[region.number] = [None if one in chosen.values() else one
                                               for one in self.connections[region.number]]
        return exchanges

    def block(self, region):
        timeout = self.rng.choice([0.05, 0.2, 0.6])
        words, book = (self.books.blocking_pop(self.rng, timeout) if self.rng.random() < 0.4
                       else (self.commands.blocking(timeout), no_book))
        connection = Connection(region.master.port, 2)
        connection.send(*words)
        self.waiting.append((region, connection, book))

    def serve_waiting(self, all_of_them=False):
        still = []
        for region, connection, book in self.waiting:
            try:
                if all_of_them or connection.has_reply():
                    book(connection.read())
                    connection.close()
                else:
                    still.append((region, connection, book))
            except TimeoutError:
                raise
            except OSError:
                book(UNSURE)
        self.waiting = still

    # --- faults -------------------------------------------------------------------------------------------

    def later(self, what, repair, steps=None):
        self.repairs.append((self.step + (steps or self.rng.randrange(5, 60)), what, repair))

    def repair(self, all_of_them=False):
        due = [one for one in self.repairs if all_of_them or one[0] <= self.step]
        self.repairs = [one for one in self.repairs if one not in due]
        for _, what, repair in due:
            self.tell(what)
            repair()

    def stop_for_a_while(self, process, name, resumed=None):
        if process in self.stopped:
            return
        self.stopped.add(process)
        is_kill = self.rng.random() < 0.6
        self.tell(f'{"kill" if is_kill else "pause"} {name}')
        process.kill() if is_kill else process.pause()

        def restart():
            self.stopped.discard(process)
            process.start(within=30) if is_kill else process.resume()
            if resumed and not is_kill:
                resumed()
        self.later(f'{name} goes on', restart)

    def fault_link(self, region):
        self.stop_for_a_while(region.link, f'link of {region.name}')

    def fault_keeper(self, region):
        upstream = region.keeper.upstream_url

        def follow():  # one that was paused through a failover has not been told of it
            if region.keeper.upstream_url != upstream:
                region.keeper.client.execute_command('REPLICAOF', '127.0.0.1', region.master.port)
        self.stop_for_a_while(region.keeper, f'keeper of {region.name}', follow)

    def fault_replica(self, region):
        for node in region.nodes[1:]:
            self.stop_for_a_while(node, f'replica of {region.name}')

    def fault_cut(self, region):
        other = self.rng.choice([one for one in self.mesh.regions if one is not region])
        self.tell(f'cut {region.name} {other.name}')
        self.mesh.cut(region.number, other.number)
        self.later(f'heal {region.name} {other.name}', lambda: self.mesh.heal(region.number, other.number))

    def fault_isolate(self, region):
        self.tell(f'isolate {region.name}')
        others = [one.number for one in self.mesh.regions if one is not region]
        for other in others:
            self.mesh.cut(region.number, other)
        self.later(f'rejoin {region.name}', lambda: [self.mesh.heal(region.number, other) for other in others])

    def unanswered(self, region, kill):
        """Commands in flight when the master dies: what was answered counts, the rest is unsure."""
        exchanges = [one for _ in range(self.rng.randrange(4)) for one in self.burst(region, finish=False)]
        if self.rng.random() < 0.5:
            time.sleep(self.rng.choice([0.001, 0.01]))
        kill()
        for one in exchanges:
            try:
                one.receive()
            except OSError:
                pass
            one.settle()
        self.drop(region)

    def fault_master(self, region):
        """kill -9, back from the AOF, which has everything that was answered."""
        eventually(lambda: geo.has_its_aof(region.master), 'its AOF is written', 60)
        self.tell(f'kill master of {region.name}')
        self.unanswered(region, region.master.kill)
        time.sleep(self.rng.choice([0, 0.05, 0.3]))
        region.master.start(within=60)

    def fault_torn(self, region):
        """As by a power cut: the AOF lacks its last batch, and has the writes that the batch tells of. All that was answered is among them."""
        eventually(lambda: geo.has_its_aof(region.master), 'its AOF is written', 60)
        self.unanswered(region, region.master.kill)
        path = geo.aof_of(region.master)
        aof = path.read_bytes()
        end = len(aof)
        for name, begin, _ in reversed(geo.units_of(aof)):
            if name != b'geo.ops':
                break
            end = begin
        self.tell(f'kill master of {region.name}, its AOF torn off by {len(aof) - end} bytes')
        path.write_bytes(aof[:end])
        region.master.start(within=60)

    def fault_master_pause(self, region):
        self.tell(f'pause master of {region.name}')
        region.master.pause()
        time.sleep(self.rng.choice([0.05, 0.3]))
        region.master.resume()

    def fault_failover(self, region):
        """kill -9, the replica promoted by hand. What had reached neither it nor a peer may be lost: those commands are unsure."""
        def promoted(region):
            region.nodes[1].client.execute_command('REPLICAOF', 'NO', 'ONE')
            return region.nodes[1]
        self.fail_over(region, promoted)

    def fault_sentinel(self, region):
        """The same, promoted by a real Sentinel, which also points the keeper at the new master. It watches for that long only."""
        if any(node in self.stopped for node in region.nodes):
            return
        watcher = self.mesh.sentinel(region.master, down_after_ms=500)
        eventually(lambda: {node.port for node in region.nodes[1:]} <= set(watcher.replicas()), 'Sentinel knows the replicas', 60)

        def promoted(region):
            ports = {node.port: node for node in region.nodes[1:]}
            eventually(lambda: watcher.master_port() in ports, 'Sentinel promotes', 60)
            heir = ports[watcher.master_port()]
            eventually(lambda: heir.client.role()[0] in (b'master', 'master'), 'it is master', 60)
            watcher.kill()
            return heir
        self.tell('by Sentinel')
        self.fail_over(region, promoted)
        watcher.kill()

    def fail_over(self, region, promoted):
        if any(node in self.stopped for node in region.nodes):
            return
        replicas = len(region.nodes) - 1
        eventually(lambda: region.nodes[1].link_is_up(), 'the replica follows', 60)
        region.client.set('book:mark', self.step)
        mark = region.master.offset
        eventually(lambda: all(node.offset >= mark for node in region.nodes[1:]), 'replicas have all that was answered', 60)
        self.tell(f'failover of {region.name} ({replicas} replicas)')
        exchanges = [one for _ in range(self.rng.randrange(5)) for one in self.burst(region, finish=False)]
        time.sleep(self.rng.choice([0, 0.002, 0.01]))
        dead = region.master
        dead.kill()
        for one in exchanges:
            one.settle()  # answered or not: all unsure
        self.drop(region)
        heir = promoted(region)
        region.nodes.remove(heir)
        region.nodes.insert(0, heir)
        region.nodes.remove(dead)
        region.nodes.append(dead)
        heir.options.pop('replicaof', None)
        for node in region.nodes[1:]:
            node.options['replicaof'] = f'127.0.0.1 {heir.port}'
            if node is not dead:
                node.client.execute_command('REPLICAOF', '127.0.0.1', heir.port)
        if region.keeper in self.stopped:
            self.later('', lambda: None, 1)
        region.keeper.upstream_url = f'redis://127.0.0.1:{heir.port}'
        if region.keeper not in self.stopped:
            region.keeper.client.execute_command('REPLICAOF', '127.0.0.1', heir.port)
        self.stopped.add(dead)

        def come_back():
            self.stopped.discard(dead)
            dead.start(within=60)
        self.later(f'old master of {region.name} follows', come_back)

    def fault_bgsave(self, region):
        self.tell(f'BGSAVE on {region.name}')
        Connection(region.master.port, 2)('BGSAVE')

    def fault_rewrite(self, region):
        self.tell(f'BGREWRITEAOF on {region.name}')
        Connection(region.master.port, 2)('BGREWRITEAOF')

    def fault_reload(self, region):
        if len(region.nodes) > 1:  # the server then drops expired keys without a word to its replicas, which keep them: its own defect
            return
        self.tell(f'DEBUG RELOAD on {region.name}')
        answer = Connection(region.master.port, 2)('DEBUG', 'RELOAD')
        self.tell(str(answer))

    def fault_client_pause(self, region):
        self.tell(f'CLIENT PAUSE on {region.name}')
        Connection(region.master.port, 2)('CLIENT', 'PAUSE', 60, self.rng.choice(['WRITE', 'ALL']))

    def fault_kill_clients(self, region):
        self.tell(f'CLIENT KILL on {region.name}')
        Connection(region.master.port, 2)('CLIENT', 'KILL', 'TYPE', self.rng.choice(['normal', 'replica']))

    def fault_flush(self, region):
        """Of a database in which no books are kept."""
        self.tell(f'FLUSHDB on {region.name}')
        connection = Connection(region.master.port, 2)
        for words in (['CONFIG', 'SET', 'geo.allow-flush', 'yes'], ['SELECT', 1], ['FLUSHDB']):
            connection(*words)

    # --- the whole -----------------------------------------------------------------------------------------

    def run(self):
        for self.step in range(self.steps):
            self.repair()
            region = self.rng.choice(self.mesh.regions)
            what = self.rng.random()
            if what < 0.02 and self.faults:
                getattr(self, 'fault_' + self.rng.choice(self.faults))(region)
            elif what < 0.07 and len(self.waiting) < 10:
                self.block(region)
            else:
                self.burst(region)
            self.serve_waiting()
        self.repair(all_of_them=True)
        self.serve_waiting(all_of_them=True)
        for region in self.mesh.regions:
            self.drop(region)

    def wrong(self):
        """After all have settled: everything that should not be."""
        found = []
        # What a region removes while it has to rejoin comes back with the peer's snapshot (docs/design/active-active.md).
        has_rejoined = any("merged the peer's snapshot" in region.link.log_text() for region in self.mesh.regions)
        for region in self.mesh.regions:
            found += [f'{region.name}: {line}' for line in self.books.check(region.client)
                      if not (has_rejoined and 'though it was popped' in line)]
        first = self.mesh.regions[0]
        for region in self.mesh.regions:
            for node in region.nodes:
                if node is not first.master:
                    found += [f'{node.name}: {line}' for line in differences(first.master, node)]
        return found


def content(server, db):
    """What users see: a HyperLogLog is its registers, however they are stored."""
    found = geo.content(server.connect(db=db, socket_timeout=PATIENCE_SECONDS))
    return {key: (kind, registers(value), deadline) if kind == b'string' else (kind, value, deadline)
            for key, (kind, value, deadline) in found.items()}


def registers(value):
    if value is None:  # it has just expired
        return None
    if not value.startswith(b'HYLL') or len(value) < 16:
        return value
    if value[4] == 0:
        packed = int.from_bytes(value[16:], 'little')
        return [packed >> (6 * n) & 63 for n in range(16384)]
    found, at = [], 16
    value += b'\0'  # ends a code of two bytes that is cut
    while at < len(value) - 1:
        byte = value[at]
        if byte & 0xc0 == 0x40:
            found += [0] * (((byte & 0x3f) << 8 | value[at + 1]) + 1)
            at += 1
        elif byte & 0x80:
            found += [(byte >> 2 & 31) + 1] * ((byte & 3) + 1)
        else:
            found += [0] * ((byte & 0x3f) + 1)
        at += 1
    return found if len(found) == 16384 else value[:-1]  # another one is damaged: some command wrote into it


def differences(one, other, attempts=4):
    """Keys of all databases that differ; some may just be expiring."""
    for attempt in range(attempts):
        lines = []
        for db in (0, 1):
            mine, its = content(one, db), content(other, db)
            lines += [f'db {db} {key!r}: {mine.get(key)!r} != {its.get(key)!r}'
                      for key in sorted(mine.keys() | its.keys()) if mine.get(key) != its.get(key)]
        libraries = [sorted(server.client.execute_command('FUNCTION', 'LIST', 'WITHCODE'), key=str) for server in (one, other)]
        if libraries[0] != libraries[1]:
            lines.append(f'libraries: {libraries[0]} != {libraries[1]}')
        if not lines:
            return []
        time.sleep(0.3 * (attempt + 1))
    return lines


FAULTS = ['link', 'link', 'keeper', 'keeper', 'replica', 'cut', 'cut', 'isolate', 'master', 'master', 'torn', 'torn', 'master_pause', 'failover', 'failover', 'sentinel',
          'bgsave', 'rewrite', 'reload', 'client_pause', 'kill_clients', 'flush']
