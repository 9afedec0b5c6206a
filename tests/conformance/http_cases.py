#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""HTTP/1.1 over the server's own port: requests that two readers could read differently, malformed
ones, large and slow ones (RFC 9110, RFC 9112). Each has the statuses that may come back, in order;
'close' says that the connection must be closed behind them, 'open' that it must go on. While each is
answered, others are served."""
import sys
import threading
import time

from harness import Server, receive

SILENCE = 0.25  # seconds behind the last answer: nothing more comes
ANSWER = 3.0    # seconds for what must come; usually it takes milliseconds
CRLF = '\r\n'
HOST = 'Host: shop.example\r\n'
# A request that must never be answered when it stands in the body of another.
HIDDEN = 'GET /healthz HTTP/1.1\r\nHost: hidden.example\r\n\r\n'


def get(fields='', path='/healthz', method='GET', version='HTTP/1.1', host=HOST):
    return f'{method} {path} {version}\r\n{host}{fields}\r\n'


def post(fields, body='', path='/api/v1/canned-replies'):
    return f'POST {path} HTTP/1.1\r\n{HOST}Content-Type: application/json\r\n{fields}\r\n{body}'


def chunked(body, fields='Transfer-Encoding: chunked\r\n'):
    return post(fields, body)


LOGIN = '{"email":"a@b.example","password":"x"}'
LEN = f'Content-Length: {len(LOGIN)}\r\n'
CHUNK = f'{len(LOGIN):x}\r\n{LOGIN}\r\n0\r\n\r\n'
REFUSED = [400]
# Nobody is logged in: the request was read whole and as it was meant.
READ = [401]

CASES = [
    # ---- sound ones, so that the others prove something
    ('plain', get(), [200], 'open'),
    ('head', get(method='HEAD'), [200], 'open'),
    ('two pipelined', get() * 2, [200, 200], 'open'),
    ('twenty pipelined', get() * 20, [200] * 20, 'open'),
    ('body by length', post(LEN, LOGIN), READ, 'open'),
    ('body in chunks', chunked(CHUNK), READ, 'open'),
    ('body and the next request', post(LEN, LOGIN) + get(), [401, 200], 'open'),
    ('chunks and the next request', chunked(CHUNK) + get(), [401, 200], 'open'),
    ('HTTP/1.0', get(version='HTTP/1.0'), [200], 'close'),
    ('HTTP/1.0 without host', get(version='HTTP/1.0', host=''), [200], 'close'),
    ('HTTP/1.0 kept alive', get('Connection: keep-alive\r\n', version='HTTP/1.0'), [200], 'open'),
    ('asked to close', get('Connection: close\r\n'), [200], 'close'),
    ('close among others', get('Connection: foo, Close\r\n'), [200], 'close'),
    ('absolute form', get(path='http://shop.example/healthz'), [200], 'open'),
    ('empty line before', CRLF + get(), [200], 'open'),
    ('blanks around a value', get('X-A: \t x \t \r\n'), [200], 'open'),
    ('empty value', get('X-A:\r\n'), [200], 'open'),
    ('high bytes in a value', get('X-A: \xe4\xb8\xad\r\n'), [200], 'open'),
    ('lower-case field names', get('host: shop.example\r\n', host=''), [200], 'open'),
    ('chunk extension', chunked(f'{len(LOGIN):x};a=b\r\n{LOGIN}\r\n0\r\n\r\n'), READ, 'open'),
    ('chunk size in capitals', chunked(f'{len(LOGIN):X}\r\n{LOGIN}\r\n0\r\n\r\n'), READ, 'open'),
    ('chunk size with zeros', chunked(f'000{len(LOGIN):x}\r\n{LOGIN}\r\n0\r\n\r\n'), READ, 'open'),
    ('trailer', chunked(f'{len(LOGIN):x}\r\n{LOGIN}\r\n0\r\nX-T: x\r\n\r\n'), READ, 'open'),
    ('expect continue', post(LEN + 'Expect: 100-continue\r\n', LOGIN), [[401], [100, 401]], 'open'),
    ('length of the same twice in a list', post(f'Content-Length: {len(LOGIN)}, {len(LOGIN)}\r\n', LOGIN), [[400], READ], None),
    ('options of the server', get(path='*', method='OPTIONS'), [[200], [204], [404], [405]], None),

    # ---- what comes behind the last request is not answered
    ('a request behind one that closes', get('Connection: close\r\n') + get(), [200], 'close'),
    ('a request behind one of HTTP/1.0', get(version='HTTP/1.0') + get(), [200], 'close'),
    ('a request behind one that is refused', get(': b\r\n') + get(), REFUSED, 'close'),
    ('a request behind a length that is refused', post('Content-Length: 1e2\r\n', HIDDEN) + get(), REFUSED, 'close'),
    ('a request behind chunks that are refused', chunked('zz\r\n' + HIDDEN) + get(), REFUSED, 'close'),
    ('a request behind a body that closes', post(LEN + 'Connection: close\r\n', LOGIN) + get(), READ, 'close'),
    ('kept alive and closed at once', get('Connection: keep-alive, close\r\n') + get(), [200], 'close'),
    ('a request behind a body of HTTP/1.0 without length', post('', HIDDEN).replace('HTTP/1.1', 'HTTP/1.0', 1), [[401], [400], [411]], 'close'),
    ('no length, so the next is a request', post('') + get(), [401, 200], 'open'),
    ('a length of 0, so the next is a request', post('Content-Length: 0\r\n') + get(), [401, 200], 'open'),
    ('an upgrade that is refused, and the next', get('Upgrade: websocket\r\nConnection: Upgrade\r\n', path='/ws') + get(), [[400], [400, 200], [426], [426, 200]], None),

    # ---- the length of a body
    ('two lengths that differ', post('Content-Length: 5\r\nContent-Length: 6\r\n', 'abcdef' + HIDDEN), REFUSED, 'close'),
    ('two lengths that agree', post(LEN + LEN, LOGIN), [[400], READ], None),
    ('lengths in a list that differ', post('Content-Length: 5, 6\r\n', 'abcdef' + HIDDEN), REFUSED, 'close'),
    ('negative length', post('Content-Length: -1\r\n', HIDDEN), REFUSED, 'close'),
    ('length with a plus', post('Content-Length: +38\r\n', LOGIN), REFUSED, 'close'),
    ('hexadecimal length', post('Content-Length: 0x26\r\n', LOGIN), REFUSED, 'close'),
    ('octal-looking length', post(f'Content-Length: 0{len(LOGIN)}\r\n', LOGIN), [[400], READ], None),
    ('length with a blank inside', post('Content-Length: 3 8\r\n', LOGIN), REFUSED, 'close'),
    ('length with letters behind', post('Content-Length: 38abc\r\n', LOGIN), REFUSED, 'close'),
    ('length with a fraction', post('Content-Length: 38.0\r\n', LOGIN), REFUSED, 'close'),
    ('length with an exponent', post('Content-Length: 1e2\r\n', LOGIN), REFUSED, 'close'),
    ('empty length', post('Content-Length: \r\n', HIDDEN), REFUSED, 'close'),
    ('length past 64 bits', post('Content-Length: 99999999999999999999999\r\n', LOGIN), [[400], [413]], 'close'),
    ('length past 2^64 that wraps to 38', post('Content-Length: 18446744073709551654\r\n', LOGIN), [[400], [413]], 'close'),
    ('length over the limit', post('Content-Length: 104857600\r\n', 'x'), [413], 'close'),
    ('length in other digits', post('Content-Length: \xd9\xa3\xd9\xa8\r\n', LOGIN), REFUSED, 'close'),
    ('length between tabs', post(f'Content-Length:\t{len(LOGIN)}\t\r\n', LOGIN), READ, 'open'),
    ('length with a form feed', post(f'Content-Length: \x0c{len(LOGIN)}\r\n', LOGIN), REFUSED, 'close'),
    ('length with a NUL', post(f'Content-Length: {len(LOGIN)}\x00\r\n', LOGIN), REFUSED, 'close'),
    ('length and an empty one', post(f'{LEN}Content-Length:\r\n', LOGIN), REFUSED, 'close'),
    ('length with a comma behind', post(f'Content-Length: {len(LOGIN)},\r\n', LOGIN), REFUSED, 'close'),
    ('length in a name that looks like it', post(f'Content-Length\xa0: {len(LOGIN)}\r\n', LOGIN), REFUSED, 'close'),
    ('length in quotes', post('Content-Length: "38"\r\n', LOGIN), REFUSED, 'close'),
    ('a GET with a hidden request', get(f'Content-Length: {len(HIDDEN)}\r\n') + HIDDEN, [[200], [400]], None),
    ('a HEAD with a hidden request', get(f'Content-Length: {len(HIDDEN)}\r\n', method='HEAD') + HIDDEN, [[200], [400]], None),

    # ---- length and chunks
    ('length and chunks', chunked(CHUNK, 'Content-Length: 4\r\nTransfer-Encoding: chunked\r\n'), REFUSED, 'close'),
    ('chunks and length', chunked(CHUNK, 'Transfer-Encoding: chunked\r\nContent-Length: 4\r\n'), REFUSED, 'close'),
    ('length and chunks and a hidden request', chunked('0\r\n\r\n' + HIDDEN, f'Content-Length: {5 + len(HIDDEN)}\r\nTransfer-Encoding: chunked\r\n'), REFUSED, 'close'),
    ('two transfer encodings', chunked(CHUNK, 'Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n'), [[400], [501]], 'close'),
    ('chunked, chunked', chunked(CHUNK, 'Transfer-Encoding: chunked, chunked\r\n'), [[400], [501]], 'close'),
    ('chunked, identity', chunked(CHUNK, 'Transfer-Encoding: chunked, identity\r\n'), [[400], [501]], 'close'),
    ('identity', post('Transfer-Encoding: identity\r\n', HIDDEN), [[400], [501]], 'close'),
    ('gzip, chunked', chunked(CHUNK, 'Transfer-Encoding: gzip, chunked\r\n'), [[400], [501]], 'close'),
    ('xchunked', chunked(CHUNK, 'Transfer-Encoding: xchunked\r\n'), [[400], [501]], 'close'),
    ('chunked in quotes', chunked(CHUNK, 'Transfer-Encoding: "chunked"\r\n'), [[400], [501]], 'close'),
    ('chunked with a comma before', chunked(CHUNK, 'Transfer-Encoding: ,chunked\r\n'), [[400], [501], READ], None),
    ('chunked with a comma behind', chunked(CHUNK, 'Transfer-Encoding: chunked,\r\n'), [[400], [501], READ], None),
    ('chunked with a parameter', chunked(CHUNK, 'Transfer-Encoding: chunked;q=1\r\n'), [[400], [501]], 'close'),
    ('chunked with a vertical tab', chunked(CHUNK, 'Transfer-Encoding: \x0bchunked\r\n'), [[400], [501]], 'close'),
    ('chunked with a NUL', chunked(CHUNK, 'Transfer-Encoding: chunked\x00\r\n'), REFUSED, 'close'),
    ('empty transfer encoding', post('Transfer-Encoding: \r\n', HIDDEN), [[400], [501]], 'close'),
    ('transfer encoding folded', chunked(CHUNK, 'Transfer-Encoding:\r\n chunked\r\n'), [[400], [501]], 'close'),
    ('blank before the colon of it', chunked(CHUNK, 'Transfer-Encoding : chunked\r\n'), REFUSED, 'close'),
    ('tab before the colon of it', chunked(CHUNK, 'Transfer-Encoding\t: chunked\r\n'), REFUSED, 'close'),
    ('underscore instead of the dash', post('Transfer_Encoding: chunked\r\n' + LEN, LOGIN), READ, 'open'),
    ('chunked behind a form feed', chunked(CHUNK, 'Transfer-Encoding: \x0cchunked\r\n'), [[400], [501]], 'close'),
    ('chunked behind a colon', chunked(CHUNK, 'Transfer-Encoding:: chunked\r\n'), [[400], [501]], 'close'),
    ('chunked in a second, folded', chunked(CHUNK, 'Transfer-Encoding: identity\r\n\tchunked\r\n'), [[400], [501]], 'close'),
    ('chunked behind a bare CR', chunked(CHUNK, 'X-A: b\rTransfer-Encoding: chunked\r\n'), REFUSED, 'close'),
    ('chunked behind a bare LF', chunked(CHUNK, 'X-A: b\nTransfer-Encoding: chunked\r\n'), REFUSED, 'close'),
    ('cow', chunked(CHUNK, 'Transfer-Encoding: cow\r\n' + LEN), [[400], [501]], 'close'),
    ('chunked twice and a length', chunked(CHUNK, 'Transfer-Encoding: chunked\r\nTransfer-encoding: cow\r\n' + LEN), [[400], [501]], 'close'),
    ('CHUNKED', chunked(CHUNK, 'Transfer-Encoding: CHUNKED\r\n'), READ, 'open'),
    ('chunked in HTTP/1.0', chunked(CHUNK).replace('HTTP/1.1', 'HTTP/1.0'), REFUSED, 'close'),

    # ---- chunks
    ('chunk size not hexadecimal', chunked('zz\r\nab\r\n0\r\n\r\n'), REFUSED, 'close'),
    ('chunk size with 0x', chunked(f'0x26\r\n{LOGIN}\r\n0\r\n\r\n'), REFUSED, 'close'),
    ('negative chunk size', chunked(f'-1\r\n{HIDDEN}'), REFUSED, 'close'),
    ('chunk size with a plus', chunked(f'+26\r\n{LOGIN}\r\n0\r\n\r\n'), REFUSED, 'close'),
    ('blank before the chunk size', chunked(f' 26\r\n{LOGIN}\r\n0\r\n\r\n'), REFUSED, 'close'),
    ('empty chunk size', chunked(f'\r\n{LOGIN}\r\n0\r\n\r\n'), REFUSED, 'close'),
    ('chunk size past 64 bits', chunked('fffffffffffffffff\r\nab'), [[400], [413]], 'close'),
    ('chunk size that wraps', chunked(f'10000000000000026\r\n{LOGIN}\r\n0\r\n\r\n'), [[400], [413]], 'close'),
    ('chunk over the limit', chunked('7fffffff\r\nab'), [[400], [413]], 'close'),
    ('bare LF behind the chunk size', chunked(f'26\n{LOGIN}\r\n0\r\n\r\n'), REFUSED, 'close'),
    ('bare CR behind the chunk size', chunked(f'26\r{LOGIN}\r\n0\r\n\r\n'), REFUSED, 'close'),
    ('bare LF behind the chunk', chunked(f'26\r\n{LOGIN}\n0\r\n\r\n'), REFUSED, 'close'),
    ('two bytes that are not CRLF behind the chunk', chunked(f'26\r\n{LOGIN}XX0\r\n\r\n'), REFUSED, 'close'),
    ('chunk longer than its size', chunked(f'25\r\n{LOGIN}\r\n0\r\n\r\n'), REFUSED, 'close'),
    ('blank behind the chunk size', chunked(f'26 \r\n{LOGIN}\r\n0\r\n\r\n'), [[400], READ], None),
    ('underscore in the chunk size', chunked(f'2_6\r\n{LOGIN}\r\n0\r\n\r\n'), REFUSED, 'close'),
    ('sixteen zeros before the chunk size', chunked(f'{"0" * 16}26\r\n{LOGIN}\r\n0\r\n\r\n'), [[400], [413], READ], None),
    ('CR in a chunk extension', chunked(f'26;a\rb\r\n{LOGIN}\r\n0\r\n\r\n'), REFUSED, 'close'),
    ('NUL in a chunk extension', chunked(f'26;a\x00b\r\n{LOGIN}\r\n0\r\n\r\n'), REFUSED, 'close'),
    ('quoted line end in a chunk extension', chunked(f'26;a="\r\n{LOGIN}\r\n0\r\n\r\n'), [[400], READ], None),
    ('bare LF behind the last chunk', chunked(f'26\r\n{LOGIN}\r\n0\n\r\n'), REFUSED, 'close'),
    ('bare LF at the end of it', chunked(f'26\r\n{LOGIN}\r\n0\r\n\n'), REFUSED, 'close'),
    ('trailer folded', chunked(f'26\r\n{LOGIN}\r\n0\r\nX: y\r\n z\r\n\r\n'), REFUSED, 'close'),
    ('trailer that names chunks', chunked(f'26\r\n{LOGIN}\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n'), [[400], READ], None),
    ('LF in a chunk extension', chunked(f'26;a\nb\r\n{LOGIN}\r\n0\r\n\r\n'), REFUSED, 'close'),
    ('endless chunk extension', chunked('26;' + 'a' * 70000 + f'\r\n{LOGIN}\r\n0\r\n\r\n'), [[400], [413], [431]], 'close'),
    ('trailer with a blank before the colon', chunked(f'26\r\n{LOGIN}\r\n0\r\nX : y\r\n\r\n'), REFUSED, 'close'),
    ('trailer that names a length', chunked(f'26\r\n{LOGIN}\r\n0\r\nContent-Length: 5\r\n\r\n'), [[400], READ], None),
    ('endless trailer', chunked(f'26\r\n{LOGIN}\r\n0\r\n' + 'X-T: y\r\n' * 5000 + '\r\n'), [[400], [413], [431]], 'close'),
    ('ten thousand chunks of one byte', chunked('1\r\nx\r\n' * 10000 + '0\r\n\r\n'), [[400], [401]], None),

    # ---- the request line
    ('bare LF', 'GET /healthz HTTP/1.1\nHost: x\n\n', REFUSED, 'close'),
    ('bare CR', 'GET /healthz HTTP/1.1\rHost: x\r\r', REFUSED, 'close'),
    ('LF LF at the end', 'GET /healthz HTTP/1.1\r\nHost: x\n\n', REFUSED, 'close'),
    ('two blanks', get().replace('GET /', 'GET  /'), REFUSED, 'close'),
    ('tab instead of a blank', get().replace('GET /', 'GET\t/'), REFUSED, 'close'),
    ('blank before the method', ' ' + get(), REFUSED, 'close'),
    ('blank behind the version', get().replace('1.1\r\n', '1.1 \r\n', 1), REFUSED, 'close'),
    ('lower-case method', get(method='get'), [[400], [501]], 'close'),
    ('method with a colon', get(method='GE:T'), REFUSED, 'close'),
    ('unknown method', get(method='BREW'), [501], 'close'),
    ('TRACE', get(method='TRACE'), [[405], [501]], None),
    ('CONNECT', get(method='CONNECT', path='shop.example:443'), [[400], [405], [501]], None),
    ('no version', 'GET /healthz\r\n\r\n', REFUSED, 'close'),
    ('HTTP/0.9', get(version='HTTP/0.9'), [[400], [505]], 'close'),
    ('HTTP/1.2', get(version='HTTP/1.2'), [[200], [400], [505]], None),
    ('HTTP/2.0', get(version='HTTP/2.0'), [505], 'close'),
    ('HTTP/1.10', get(version='HTTP/1.10'), [[400], [505]], 'close'),
    ('HTTP/01.1', get(version='HTTP/01.1'), [[400], [505]], 'close'),
    ('http/1.1', get(version='http/1.1'), [[400], [505]], 'close'),
    ('HTTP/1.1 of another protocol', get(version='ICY/1.1'), [[400], [505]], 'close'),
    ('HTTP/2 preface', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', [[400], [501], [505]], 'close'),
    ('no slash', get(path='healthz'), REFUSED, 'close'),
    ('empty path', get(path=''), REFUSED, 'close'),
    ('fragment', get(path='/healthz#x'), REFUSED, 'close'),
    ('NUL in the path', get(path='/health\x00z'), REFUSED, 'close'),
    ('control character in the path', get(path='/health\x07z'), REFUSED, 'close'),
    ('high byte in the path', get(path='/\xff'), [[400], [404]], None),
    ('bad percent escape', get(path='/%zz'), [[400], [404]], None),
    ('cut percent escape', get(path='/%4'), [[400], [404]], None),
    ('percent NUL', get(path='/%00'), [[400], [404]], None),
    ('dots', get(path='/../../etc/passwd'), [[400], [404]], None),
    ('escaped dots', get(path='/%2e%2e/%2e%2e/etc/passwd'), [[400], [404]], None),
    ('double escaped dots', get(path='/%252e%252e/etc/passwd'), [[400], [404]], None),
    ('backslashes', get(path='/..\\..\\etc\\passwd'), [[400], [404]], None),
    ('address of another host', get(path='http://evil.example/healthz'), [[200], [400], [421]], None),
    ('address with a user', get(path='http://a@shop.example/healthz'), [[200], [400]], None),
    ('long path', get(path='/' + 'a' * 20000), [[414], [431]], 'close'),
    ('endless method', 'A' * 20000, [[400], [414], [431], [501]], 'close'),
    ('TLS hello', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03' + 'x' * 64, REFUSED, 'close'),
    ('garbage', '\xff\xfe\x00\x01' * 64, REFUSED, 'close'),

    # ---- fields
    ('no host', get(host=''), REFUSED, 'close'),
    ('two hosts', get('Host: evil.example\r\n'), REFUSED, 'close'),
    ('host with a blank', get(host='Host: a b\r\n'), REFUSED, 'close'),
    ('host with a slash', get(host='Host: a/b\r\n'), REFUSED, 'close'),
    ('host with a user', get(host='Host: a@b\r\n'), REFUSED, 'close'),
    ('host with a bad port', get(host='Host: a:b\r\n'), REFUSED, 'close'),
    ('host in brackets', get(host='Host: [::1]:80\r\n'), [200], 'open'),
    ('host with an open bracket', get(host='Host: [::1\r\n'), REFUSED, 'close'),
    ('host with letters behind its bracket', get(host='Host: [::1]x\r\n'), REFUSED, 'close'),
    ('host with two ports', get(host='Host: a:1:2\r\n'), REFUSED, 'close'),
    ('empty host', get(host='Host:\r\n'), [[200], [400]], None),
    ('absolute form without host', get(path='http://shop.example/healthz', host=''), REFUSED, 'close'),
    ('absolute form of another scheme', get(path='ftp://shop.example/healthz'), [[200], [400]], None),
    ('absolute form without a name', get(path='http:///healthz'), REFUSED, 'close'),
    ('host with a NUL', get(host='Host: a\x00b\r\n'), REFUSED, 'close'),
    ('host in a list', get(host='Host: a, b\r\n'), REFUSED, 'close'),
    ('blank before the colon', get('X-A : b\r\n'), REFUSED, 'close'),
    ('blank before the colon of host', get(host='Host : x\r\n'), REFUSED, 'close'),
    ('blank before the name', get(' X-A: b\r\n'), REFUSED, 'close'),
    ('first field begins with a blank', get(host=' Host: x\r\n'), REFUSED, 'close'),
    ('folded value', get('X-A: b\r\n c\r\n'), REFUSED, 'close'),
    ('folded with a tab', get('X-A: b\r\n\tc\r\n'), REFUSED, 'close'),
    ('no colon', get('X-A\r\n'), REFUSED, 'close'),
    ('no name', get(': b\r\n'), REFUSED, 'close'),
    ('name in brackets', get('X[A]: b\r\n'), REFUSED, 'close'),
    ('name with a high byte', get('X-\xe4: b\r\n'), REFUSED, 'close'),
    ('NUL in a value', get('X-A: a\x00b\r\n'), REFUSED, 'close'),
    ('bell in a value', get('X-A: a\x07b\r\n'), REFUSED, 'close'),
    ('delete in a value', get('X-A: a\x7fb\r\n'), REFUSED, 'close'),
    ('bare CR in a value', get('X-A: a\rX-B: c\r\n'), REFUSED, 'close'),
    ('bare LF between fields', get('X-A: a\nX-B: c\r\n'), REFUSED, 'close'),
    ('CR CR LF', get('X-A: a\r\r\n'), REFUSED, 'close'),
    ('NUL in a name', get('X\x00A: b\r\n'), REFUSED, 'close'),
    ('a thousand fields', get('X-A: b\r\n' * 1000), [431], 'close'),
    ('head over the limit', get('X-A: ' + 'b' * 17000 + '\r\n'), [431], 'close'),
    ('head far over the limit', get('X-A: ' + 'b' * 200000 + '\r\n'), [431], 'close'),
    ('unknown expectation', post(LEN + 'Expect: 200-ok\r\n', LOGIN), [[417], [400]], 'close'),
    ('upgrade to something else', get('Upgrade: h2c\r\nConnection: Upgrade\r\n'), [200], 'open'),
    ('upgrade without connection', get('Upgrade: websocket\r\n', path='/ws'), [[400], [426]], None),
    ('connection names host', get('Connection: host, close\r\n'), [200], 'close'),
    ('range nobody offered', get('Range: bytes=0-1\r\n'), [200], 'open'),
    ('bad date', get('If-Modified-Since: yesterday\r\n', path='/w.js'), [[200], [404]], 'open'),
]


def statuses(got):
    """Of the answers in order; a body is skipped by its Content-Length."""
    found = []
    while got.startswith(b'HTTP/1.'):
        end = got.find(b'\r\n\r\n')
        if end < 0:
            break
        head = got[:end].decode('latin1').lower()
        status = int(head[9:12])
        length = 0
        for line in head.split('\r\n')[1:]:
            if line.startswith('content-length:'):
                length = int(line.split(':')[1])
        found.append(status)
        body = 0 if status in (100, 204, 304) else length
        rest = got[end + 4:]
        # The answer to HEAD announces a body that does not come.
        got = rest if rest.startswith(b'HTTP/1.') or len(rest) < body else rest[body:]
    return found


def tried(server, text, answers):
    with server.connect() as sock:
        try:
            sock.sendall(text.encode('latin1'))
        except OSError:
            pass  # it had enough; the answer may still be there
        got, closed = b'', False
        end = time.monotonic() + ANSWER
        while not closed and len(statuses(got)) < answers and time.monotonic() < end:
            more, closed = receive(sock, SILENCE)
            got += more
        if not closed:
            more, closed = receive(sock, SILENCE)
            got += more
        return got, closed


def case_check(server, name, text, expected, after):
    allowed = expected if isinstance(expected[0], list) else [expected]
    got, closed = tried(server, text, min(len(one) for one in allowed))
    found = statuses(got)
    problem = None
    if found not in allowed:
        problem = f'{found}, not {expected}'
    elif after is not None and closed != (after == 'close'):
        problem = f'{found}, and the connection is {"closed" if closed else "open"}'
    return f'{name}: {problem}' if problem else None


# ---- slow ones ----

def slow_head(server):
    """A byte now and then: cut within the time for a head, others are served meanwhile."""
    begin = time.monotonic()
    with server.connect(timeout=60) as sock:
        sock.settimeout(0.2)
        for byte in get('X-A: ' + 'b' * 4000 + '\r\n').encode():
            try:
                sock.sendall(bytes([byte]))
                if not sock.recv(1024):
                    break
                break
            except TimeoutError:
                continue
            except OSError:
                break
            finally:
                if time.monotonic() - begin > 45:
                    return 'a slow head is never cut'
    seconds = time.monotonic() - begin
    return None if 2 < seconds < 40 else f'a slow head was cut after {seconds:.0f} s'


def slow_many(server):
    """400 half requests and others that are answered as quickly as ever."""
    socks = [server.connect() for _ in range(400)]
    for sock in socks:
        sock.sendall(b'GET /healthz HTTP/1.1\r\nHost:')
    worst = 0.0
    for _ in range(100):
        begin = time.monotonic()
        if server.status() != 200:
            return 'others are not served beside 400 half requests'
        worst = max(worst, time.monotonic() - begin)
    for sock in socks:
        sock.close()
    return None if worst < 1 else f'others wait {worst:.2f} s beside 400 half requests'


def pieces(server):
    """A request in single bytes is the request."""
    for text in (get(), chunked(CHUNK)):
        with server.connect() as sock:
            for byte in text.encode():
                sock.sendall(bytes([byte]))
            got, _ = receive(sock, SILENCE * 2)
        if statuses(got) not in ([200], [401]):
            return f'in single bytes: {statuses(got)}'
    return None


def half_closed(server):
    with server.connect() as sock:
        sock.sendall(get().encode())
        sock.shutdown(1)
        got, closed = receive(sock, SILENCE * 2)
    return None if statuses(got) in ([200], []) and closed else 'a half-closed connection hangs'


def never_reads(server):
    """A client that asks a thousand times and never reads cannot stop the others."""
    with server.connect() as sock:
        sock.settimeout(0.5)
        try:
            for _ in range(200):
                sock.sendall(get(path='/console').encode() * 50)
        except OSError:
            pass
        return None if server.status() == 200 else 'a client that never reads stops the others'


def main():
    server = Server()
    wrong = []
    slow = []
    thread = threading.Thread(target=lambda: slow.append(slow_head(server)))
    thread.start()
    for case in CASES:
        wrong.append(case_check(server, *case))
        if server.status() != 200:
            wrong.append(f'{case[0]}: others are not served behind it')
    for check in (slow_many, pieces, half_closed, never_reads):
        wrong.append(check(server))
    thread.join()
    wrong += slow
    status, log = server.stop()
    if status != 0:
        wrong.append(f'the server ended with {status}\n{log[-3000:]}')
    wrong = [one for one in wrong if one]
    for one in wrong:
        print('WRONG', one)
    print(f'http: {len(CASES)} cases and 5 slow or odd clients, {len(wrong)} wrong')
    return 1 if wrong else 0


if __name__ == '__main__':
    sys.exit(main())
