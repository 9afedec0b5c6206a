# SPDX-License-Identifier: Apache-2.0
"""A real server for the conformance runs, and raw sockets to it."""
import os
import signal
import socket
import subprocess
import tempfile
import shutil
import time

START_SECONDS = 30


class Server:
    """`kefu serve --demo` in a folder of its own."""

    def __init__(self, **settings):
        self.dir = tempfile.mkdtemp(prefix='kefu-conformance-')
        with socket.socket() as probe:
            probe.bind(('127.0.0.1', 0))
            self.port = probe.getsockname()[1]
        environment = dict(os.environ, KEFU_LIMIT_IP_RATE='0', KEFU_LIMIT_VISITOR_RATE='0',
                           KEFU_LIMIT_NEW_CONVERSATIONS='0', **settings)
        self.log = open(self.dir + '.log', 'w+')
        self.process = subprocess.Popen(
            [os.environ.get('KEFU_BIN', 'build/asan/bin/kefu'), 'serve', '--demo', '--data',
             self.dir + '/data', '--listen', '127.0.0.1', '--port', str(self.port)],
            env=environment, stdout=subprocess.DEVNULL, stderr=self.log)
        end = time.monotonic() + START_SECONDS
        while self.status() != 200:
            if time.monotonic() > end or self.process.poll() is not None:
                raise SystemExit('the server is not ready')
            time.sleep(0.02)

    def connect(self, timeout=3.0):
        sock = socket.create_connection(('127.0.0.1', self.port), timeout=timeout)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock

    def status(self):
        """Of /readyz over a connection of its own; 0: no answer."""
        try:
            with self.connect() as sock:
                sock.sendall(b'GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
                head = sock.recv(64)
        except OSError:
            return 0
        return int(head[9:12]) if head.startswith(b'HTTP/1.1 ') else 0

    def stop(self):
        """The exit status."""
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(timeout=30)
        self.log.seek(0)
        text = self.log.read()
        self.log.close()
        os.unlink(self.log.name)
        shutil.rmtree(self.dir, ignore_errors=True)
        return status, text


def receive(sock, seconds):
    """Everything until the other side closes or is silent for so long; and whether it closed."""
    sock.settimeout(seconds)
    got = b''
    while True:
        try:
            piece = sock.recv(65536)
        except socket.timeout:
            return got, False
        except ConnectionError:
            return got, True
        if not piece:
            return got, True
        got += piece
