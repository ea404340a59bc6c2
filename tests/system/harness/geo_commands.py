"""Random commands of every family that writes, for keys of which only equality is asked."""

KEYS = 4  # of each kind: few, so that regions meet
KINDS = ['string', 'counter', 'hash', 'set', 'zset', 'list', 'stream', 'hll', 'geo']
LIBRARY = """#!lua name=lib{n}
redis.register_function('run{n}', function(keys, args)
  local replies = {{}}
  for i = 1, #args do replies[i] = redis.pcall(unpack(cjson.decode(args[i]))) end
  return replies  -- {version}
end)"""
# Every argument is a command as JSON.
SCRIPT = """local replies = {}
for i = 1, #ARGV do replies[i] = redis.pcall(unpack(cjson.decode(ARGV[i]))) end
return replies"""


class Commands:
    def __init__(self, rng, strange=0.04, slowness=1):
        self.rng = rng
        self.strange = strange  # how often a key is of another kind than the command's
        self.slowness = slowness  # short deadlines are so many times as long

    def key(self, kind):
        if self.rng.random() < self.strange:
            kind = self.rng.choice(KINDS)
        return f'{kind}{self.rng.randrange(KEYS)}'

    def any_key(self):
        return self.key(self.rng.choice(KINDS))

    def one(self):
        """Words of one command."""
        name = self.rng.choice(self.NAMES)
        return [str(word) for word in getattr(self, name)()]

    def blocking(self, timeout):
        rng = self.rng
        ends = rng.choice(['LEFT', 'RIGHT']), rng.choice(['LEFT', 'RIGHT'])
        words = rng.choice([
            ['BLPOP', self.key('list'), self.key('list'), timeout], ['BRPOP', self.key('list'), timeout],
            ['BLMOVE', self.key('list'), self.key('list'), *ends, timeout], ['BRPOPLPUSH', self.key('list'), self.key('list'), timeout],
            ['BLMPOP', timeout, 2, self.key('list'), self.key('list'), ends[0], 'COUNT', rng.randrange(1, 4)],
            ['BZPOPMIN', self.key('zset'), self.key('zset'), timeout], ['BZPOPMAX', self.key('zset'), timeout],
            ['BZMPOP', timeout, 2, self.key('zset'), self.key('zset'), rng.choice(['MIN', 'MAX']), 'COUNT', rng.randrange(1, 4)]])
        return [str(word) for word in words]

    # --- words --------------------------------------------------------------------------------------

    def value(self):
        rng = self.rng
        return rng.choice([rng.randrange(100), rng.randrange(-10**12, 10**12), 'v%d' % rng.randrange(1000), '', 'long' * rng.randrange(20, 80),
                           '%.3f' % rng.uniform(-100, 100)])

    def member(self):
        return rng_choice(self.rng, 'm', 6)

    def members(self):
        return [self.member() for _ in range(self.rng.choice([1, 1, 2, 4]))]

    def score(self):
        rng = self.rng
        return rng.choice([rng.randrange(20), rng.randrange(20), '%.2f' % rng.uniform(-5, 5), '1e%d' % rng.randrange(-9, 9), 'inf', '-inf'])

    def finite(self):
        return self.rng.choice([self.rng.randrange(-9, 20), '%.2f' % self.rng.uniform(-5, 5)])

    def soon(self, longest=600):
        return self.rng.randrange(5, longest) * self.slowness

    def index(self):
        return self.rng.randrange(-6, 6)

    def end(self):
        return self.rng.choice(['LEFT', 'RIGHT'])

    def some_id(self):
        return f'{self.rng.randrange(1, 40)}-{self.rng.randrange(0, 3)}'

    # --- keys -----------------------------------------------------------------------------------------

    def delete(self):
        return [self.rng.choice(['DEL', 'UNLINK']), *[self.any_key() for _ in range(self.rng.choice([1, 1, 3]))]]

    def expire(self):
        rng = self.rng
        flag = rng.choice([[], [], [], ['NX'], ['XX'], ['GT'], ['LT']])
        return rng.choice([['PEXPIRE', self.any_key(), self.soon()], ['EXPIRE', self.any_key(), rng.randrange(300, 900)],
                           ['PEXPIRE', self.any_key(), self.soon(100)], ['EXPIRE', self.any_key(), rng.choice([-1, 0, 500])],
                           ['EXPIREAT', self.any_key(), rng.choice([1, 9999999999])],
                           ['PEXPIREAT', self.any_key(), rng.choice([1000, 9999999999999])]]) + flag

    def persist(self):
        return ['PERSIST', self.any_key()]

    def rename(self):
        kind = self.rng.choice(KINDS)
        return [self.rng.choice(['RENAME', 'RENAME', 'RENAMENX']), self.key(kind), self.key(kind)]

    def copy(self):
        kind = self.rng.choice(KINDS)
        return ['COPY', self.key(kind), self.key(kind), *self.rng.choice([[], ['REPLACE'], ['REPLACE'], ['DB', 1, 'REPLACE']])]

    def move(self):
        return ['MOVE', self.any_key(), self.rng.randrange(2)]

    def restore(self):
        kind = self.rng.choice(KINDS)
        return ['EVAL', "local d = redis.call('DUMP', KEYS[1]) if not d then return 0 end "
                        "return redis.pcall('RESTORE', KEYS[2], ARGV[1], d, 'REPLACE')", 2, self.key(kind), self.key(kind),
                self.rng.choice([0, 0, self.soon(), 500000])]

    def sort(self):
        kind = self.rng.choice(['list', 'set', 'zset'])
        return ['SORT', self.key(kind), 'ALPHA', 'STORE', self.key('list')]

    # --- strings ----------------------------------------------------------------------------------------

    def set(self):
        rng = self.rng
        options = rng.choice([[], [], [], ['NX'], ['XX'], ['GET'], ['KEEPTTL'], ['EX', 500], ['PX', self.soon()], ['XX', 'KEEPTTL'],
                              ['PXAT', 9999999999999], ['NX', 'PX', self.soon()], ['XX', 'GET', 'EX', 300]])
        return ['SET', self.key('string'), self.value(), *options]

    def set_kin(self):
        rng = self.rng
        key, value = self.key('string'), self.value()
        return rng.choice([['SETNX', key, value], ['SETEX', key, rng.randrange(300, 600), value], ['PSETEX', key, self.soon(), value],
                           ['GETSET', key, value], ['GETDEL', key], ['GETEX', key, 'PX', self.soon()], ['GETEX', key, 'PERSIST'],
                           ['GETEX', key], ['APPEND', key, value], ['SETRANGE', key, rng.randrange(12), value], ['MSET', key, value, self.key('string'), self.value()],
                           ['MSETNX', key, value, self.key('string'), self.value()], ['MSET', key, value, key, self.value()]])

    def bits(self):
        rng = self.rng
        key = self.key('string')
        return rng.choice([['SETBIT', key, rng.randrange(64), rng.randrange(2)], ['BITFIELD', key, 'INCRBY', 'u8', 8 * rng.randrange(4), 7],
                           ['BITFIELD', key, 'SET', 'i5', 3, 9, 'INCRBY', 'u4', 0, 1], ['BITFIELD', key, 'GET', 'u8', 0],
                           ['BITFIELD', key, 'OVERFLOW', 'FAIL', 'INCRBY', 'u3', 8 * rng.randrange(8), rng.randrange(9)],
                           ['BITOP', rng.choice(['AND', 'OR', 'XOR']), key, self.key('string'), self.key('string')],
                           ['BITOP', 'NOT', key, self.key('string')]])

    def count(self):
        rng = self.rng
        key = self.key('counter')
        return rng.choice([['INCR', key], ['DECR', key], ['INCRBY', key, rng.randrange(-9, 9)], ['DECRBY', key, rng.randrange(9)],
                           ['INCRBYFLOAT', key, '%.2f' % rng.uniform(-3, 3)], ['SET', key, rng.randrange(100)], ['GETSET', key, 5], ['INCR', key]])

    # --- hashes and sets ---------------------------------------------------------------------------------

    def hash(self):
        rng = self.rng
        key = self.key('hash')
        pairs = [word for name in self.members() for word in (name, self.value())]
        return rng.choice([['HSET', key, *pairs], ['HSET', key, *pairs], ['HMSET', key, *pairs], ['HSETNX', key, self.member(), self.value()],
                           ['HDEL', key, *self.members()], ['HDEL', key, *self.members()], ['HINCRBY', key, rng_choice(rng, 'n', 3), rng.randrange(-9, 9)],
                           ['HINCRBY', key, self.member(), 1], ['HINCRBYFLOAT', key, rng_choice(rng, 'n', 3), '%.2f' % rng.uniform(-3, 3)]])

    def set_type(self):
        rng = self.rng
        key = self.key('set')
        return rng.choice([['SADD', key, *self.members()], ['SADD', key, *self.members()], ['SADD', key, rng.randrange(600)], ['SREM', key, *self.members()],
                           ['SPOP', key], ['SPOP', key, rng.randrange(4)], ['SMOVE', key, self.key('set'), self.member()],
                           [rng.choice(['SUNIONSTORE', 'SINTERSTORE', 'SDIFFSTORE']), key, self.key('set'), self.key('set')]])

    # --- sorted sets ------------------------------------------------------------------------------------

    def zset(self):
        rng = self.rng
        key = self.key('zset')
        pairs = [word for name in self.members() for word in (self.score(), name)]
        flags = rng.choice([['NX'], ['XX'], ['GT'], ['LT', 'CH'], ['XX', 'GT'], ['CH']])
        low, high = sorted([self.index(), self.index()])
        equals = [word for name in self.members() for word in (0, name)]  # of others it removes what it likes, on a replica too
        return rng.choice([
            ['ZADD', 'equals', *equals], ['ZADD', key, *pairs], ['ZADD', key, *pairs], ['ZADD', key, *flags, *pairs], ['ZADD', key, 'INCR', self.finite(), self.member()],
            ['ZADD', key, rng.choice(['XX', 'NX', 'GT']), 'INCR', self.finite(), self.member()], ['ZINCRBY', key, self.finite(), self.member()],
            ['ZREM', key, *self.members()], [rng.choice(['ZPOPMIN', 'ZPOPMAX']), key], [rng.choice(['ZPOPMIN', 'ZPOPMAX']), key, rng.randrange(4)],
            ['ZMPOP', 2, self.key('zset'), key, rng.choice(['MIN', 'MAX']), 'COUNT', rng.randrange(1, 4)], ['ZREMRANGEBYSCORE', key, low, high],
            ['ZREMRANGEBYRANK', key, low, high], ['ZREMRANGEBYLEX', 'equals', '[m1', '(m4'], ['ZRANGESTORE', key, self.key('zset'), low, high]])

    def zset_store(self):
        rng = self.rng
        name = rng.choice(['ZUNIONSTORE', 'ZINTERSTORE', 'ZDIFFSTORE'])
        extra = rng.choice([[], ['WEIGHTS', 2, 3], ['AGGREGATE', 'MAX']]) if name != 'ZDIFFSTORE' else []
        return [name, self.key('zset'), 2, self.key('zset'), rng.choice([self.key('zset'), self.key('set')]), *extra]

    def geo(self):
        rng = self.rng
        key = self.key('geo')
        place = ['%.4f' % rng.uniform(-170, 170), '%.4f' % rng.uniform(-80, 80)]
        return rng.choice([['GEOADD', key, *place, self.member()], ['GEOADD', key, rng.choice(['NX', 'XX', 'CH']), *place, self.member()],
                           ['GEOSEARCHSTORE', key, self.key('geo'), 'FROMLONLAT', 10, 10, 'BYRADIUS', rng.choice([100, 20000]), 'km'],
                           ['GEORADIUS', key, *place, 9000, 'km', 'STORE', self.key('geo')], ['ZREM', key, self.member()],
                           ['GEORADIUSBYMEMBER', key, self.member(), 9000, 'km', 'STOREDIST', self.key('geo')]])

    # --- lists ------------------------------------------------------------------------------------------

    def push(self):
        rng = self.rng
        values = [rng_choice(rng, 'e', 12) for _ in range(rng.choice([1, 1, 2, 5]))]
        return [rng.choice(['LPUSH', 'RPUSH', 'LPUSH', 'RPUSH', 'LPUSHX', 'RPUSHX']), self.key('list'), *values]

    def list(self):
        rng = self.rng
        key, element = self.key('list'), rng_choice(rng, 'e', 12)
        return rng.choice([
            [rng.choice(['LPOP', 'RPOP']), key], [rng.choice(['LPOP', 'RPOP']), key, rng.randrange(4)], ['LINSERT', key, rng.choice(['BEFORE', 'AFTER']), element, 'i%d' % rng.randrange(9)],
            ['LINSERT', key, rng.choice(['BEFORE', 'AFTER']), element, element],
            ['LSET', key, self.index(), element], ['LREM', key, rng.randrange(-2, 3), element], ['LTRIM', key, rng.randrange(3), rng.randrange(-3, 8)],
            ['LMOVE', key, self.key('list'), self.end(), self.end()], ['LMOVE', key, key, self.end(), self.end()], ['RPOPLPUSH', key, self.key('list')],
            ['LMPOP', 2, key, self.key('list'), self.end(), 'COUNT', rng.randrange(1, 4)]])

    # --- streams and HyperLogLogs -----------------------------------------------------------------------

    def stream_add(self):
        rng = self.rng
        options = rng.choice([[], [], ['NOMKSTREAM'], ['MAXLEN', rng.randrange(8)], ['MAXLEN', '~', 5], ['MINID', self.some_id()]])
        at = rng.choice(['*', '*', '*', self.some_id(), f'{rng.randrange(1, 40)}-*'])
        return ['XADD', self.key('stream'), *options, at, 'f', self.value(), *rng.choice([[], ['g', self.value()]])]

    def stream(self):
        rng = self.rng
        key = self.key('stream')
        return rng.choice([
            ['XDEL', key, self.some_id(), self.some_id()], ['XTRIM', key, 'MAXLEN', rng.randrange(8)], ['XTRIM', key, 'MINID', self.some_id()],
            ['EVAL', "local e = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 2) if #e == 0 then return 0 end "
                     "return redis.call('XDEL', KEYS[1], e[#e][1])", 1, key],
            ['XTRIM', key, 'MAXLEN', '~', 3], ['XGROUP', 'CREATE', key, 'g', rng.choice(['0', '$'])], ['XREADGROUP', 'GROUP', 'g', 'c', 'COUNT', 2, 'STREAMS', key, '>'],
            ['XGROUP', 'CREATE', key, 'g', '$', 'MKSTREAM'], ['XGROUP', 'DESTROY', key, 'g'], ['XAUTOCLAIM', key, 'g', 'd', 0, '0', 'COUNT', 2], ['XACK', key, 'g', self.some_id()]])

    def hll(self):
        rng = self.rng
        key = self.key('hll')
        return rng.choice([['PFADD', key, *self.members()], ['PFADD', key, *['x%d' % rng.randrange(500) for _ in range(20)]], ['PFADD', key],
                           ['PFMERGE', key, self.key('hll'), self.key('hll')], ['PFCOUNT', key], ['PFMERGE', key]])

    # --- functions --------------------------------------------------------------------------------------

    def function(self):
        n = self.rng.randrange(2)
        return self.rng.choice([['FUNCTION', 'LOAD', 'REPLACE', LIBRARY.format(n=n, version=self.rng.randrange(100))],
                                ['FUNCTION', 'DELETE', f'lib{n}']])

    NAMES = (['set'] * 4 + ['set_kin'] * 4 + ['count'] * 4 + ['hash'] * 6 + ['set_type'] * 6 + ['zset'] * 8 + ['push'] * 5 + ['list'] * 8 +
             ['stream_add'] * 5 + ['stream'] * 4 + ['hll'] * 3 + ['geo'] * 2 + ['bits'] * 2 + ['zset_store'] * 2 + ['delete'] * 3 + ['expire'] * 4 +
             ['persist', 'rename', 'rename', 'copy', 'copy', 'move', 'restore', 'sort', 'function'])


def rng_choice(rng, prefix, count):
    return f'{prefix}{rng.randrange(count)}'
