"""A certificate authority, a server's certificate for 127.0.0.1 and localhost, and a client's."""

import subprocess
from pathlib import Path


class Certificates:
    def __init__(self, folder):
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        self.ca, self.ca_key = folder / 'ca.crt', folder / 'ca.key'
        self.server_cert, self.server_key = folder / 'server.crt', folder / 'server.key'
        self.client_cert, self.client_key = folder / 'client.crt', folder / 'client.key'
        self._folder = folder
        self._openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1',
                      '-nodes', '-days', '30', '-subj', '/CN=test authority',
                      '-keyout', self.ca_key, '-out', self.ca)
        self._issue('server', self.server_cert, self.server_key)
        self._issue('client', self.client_cert, self.client_key)

    def _openssl(self, *words):
        subprocess.run(['openssl', *map(str, words)], check=True, capture_output=True, text=True)

    def renew_server(self):
        """A new certificate and key in the same files, as a renewal puts them there."""
        self._issue('renewed', self.server_cert, self.server_key)

    def _issue(self, name, cert, key):
        request, extensions = self._folder / f'{name}.csr', self._folder / f'{name}.ext'
        extensions.write_text('subjectAltName=IP:127.0.0.1,DNS:localhost\n')
        self._openssl('req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes',
                      '-subj', f'/CN={name}', '-keyout', key, '-out', request)
        self._openssl('x509', '-req', '-in', request, '-CA', self.ca, '-CAkey', self.ca_key,
                      '-CAcreateserial', '-days', '30', '-extfile', extensions, '-out', cert)
