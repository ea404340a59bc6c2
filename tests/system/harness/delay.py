"""`sluice delay` as a process under test: its reports are JSON lines in its log."""

import json
import urllib.request

from harness.keeper import SLUICE
from harness.process import Process, free_port


class Delay(Process):
    """`nodes` are (name, server) in the order in which the stream passes them."""

    def __init__(self, name, folder, master, nodes, flags=None):
        super().__init__(name, folder)
        self.master, self.nodes = master, list(nodes)
        self.metrics_port = free_port()
        self.flags = {'interval': '20ms', 'report': '50ms', **(flags or {})}

    def argv(self):
        words = [SLUICE, 'delay', '--json', '--write', f'redis://127.0.0.1:{self.master.port}',
                 '--metrics', f'127.0.0.1:{self.metrics_port}']
        for name, server in self.nodes:
            words += ['--watch', f'{name}=redis://127.0.0.1:{server.port}']
        for key, value in self.flags.items():
            words += [f'--{key}', value]
        return words

    def start_anywhere(self, within=15.0):
        return self.start(within)

    def is_ready(self):
        return self.reports()

    def reports(self):
        whole = self.log_text().split('\n')[:-1]
        return [json.loads(line)['shards'] for line in whole if line.startswith('{')]

    def node(self, name):
        """What the last report says of a node."""
        (shard,) = self.reports()[-1]
        return next(node for node in shard['nodes'] if node['node'] == name)

    def metrics(self):
        """The text of /metrics as {'name{labels}': value}."""
        with urllib.request.urlopen(f'http://127.0.0.1:{self.metrics_port}/metrics', timeout=5) as page:
            lines = page.read().decode().splitlines()
        pairs = (line.rsplit(' ', 1) for line in lines if line and not line.startswith('#'))
        return {name: float(value) for name, value in pairs}
