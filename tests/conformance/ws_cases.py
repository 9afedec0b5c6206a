#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""RFC 6455 over the server's own port: opening handshakes with their status, then frames with the
close code that must come back, or an answer. Sections as in the RFC; the groups of frames follow
the Autobahn test suite (1 and 2 lengths and pings, 3 reserved bits, 4 opcodes, 5 fragments, 6 UTF-8,
7 closing, 9 limits)."""
import base64
import hashlib
import os
import struct
import sys
import time

from harness import Server, receive

SILENCE = 0.25  # seconds
ANSWER = 3.0    # seconds for what must come; usually it takes milliseconds
GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'
KEY = base64.b64encode(bytes(range(16))).decode()
HELLO = b'{"id":1,"hello":{"siteKey":"demo"}}'
TEXT, BINARY, CLOSE, PING, PONG, CONTINUE = 1, 2, 8, 9, 10, 0
TEXT_MAX = 64 * 1024  # LIMIT_FRAME_BYTES_MAX


def frame(opcode, payload=b'', fin=True, masked=True, reserved=0, length=None, mask=b'\x11\x22\x33\x44'):
    """One frame; length: how to say it (7, 16 or 64 bits), None: the shortest."""
    head = bytes([(0x80 if fin else 0) | reserved << 4 | opcode])
    bit = 0x80 if masked else 0
    n = len(payload)
    if length == 64 or (length is None and n > 65535):
        head += bytes([bit | 127]) + struct.pack('>Q', n)
    elif length == 16 or (length is None and n > 125):
        head += bytes([bit | 126]) + struct.pack('>H', n)
    else:
        head += bytes([bit | n])
    if not masked:
        return head + payload
    return head + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(payload))


def closing(code, reason=b''):
    return frame(CLOSE, struct.pack('>H', code) + reason)


def frames_read(data):
    """(opcode, payload) of what the server sent; its frames must be whole, final and unmasked."""
    found = []
    while len(data) >= 2:
        opcode, n, at = data[0] & 15, data[1] & 127, 2
        assert data[0] & 0x70 == 0 and data[1] & 0x80 == 0, 'reserved bits or a mask from the server'
        if n == 126:
            n, at = struct.unpack('>H', data[2:4])[0], 4
        elif n == 127:
            n, at = struct.unpack('>Q', data[2:10])[0], 10
        found.append((opcode, data[at:at + n]))
        data = data[at + n:]
    return found


def handshake(fields='', path='/ws', method='GET', version='HTTP/1.1', without=(), body=''):
    own = {
        'Host': 'shop.example',
        'Upgrade': 'websocket',
        'Connection': 'Upgrade',
        'Sec-WebSocket-Version': '13',
        'Sec-WebSocket-Key': KEY,
        'Sec-WebSocket-Protocol': 'kefu.v1.json',
    }
    lines = ''.join(f'{k}: {v}\r\n' for k, v in own.items() if k not in without)
    return f'{method} {path} {version}\r\n{lines}{fields}\r\n{body}'.encode('latin1')


HANDSHAKES = [
    ('as it should be', handshake(), 101),
    ('names in other letters', handshake('upgrade: WebSocket\r\nconnection: upgrade\r\n', without=('Upgrade', 'Connection')), 101),
    ('connection among others', handshake('Connection: keep-alive, Upgrade\r\n', without=('Connection',)), 101),
    ('the other subprotocol', handshake('Sec-WebSocket-Protocol: kefu.v1.proto\r\n', without=('Sec-WebSocket-Protocol',)), 101),
    ('one known of several', handshake('Sec-WebSocket-Protocol: chat, kefu.v1.json\r\n', without=('Sec-WebSocket-Protocol',)), 101),
    ('an extension is offered', handshake('Sec-WebSocket-Extensions: permessage-deflate\r\n'), 101),
    ('of the same origin', handshake('Origin: http://shop.example\r\n'), 101),
    ('no upgrade', handshake(without=('Upgrade',)), 426),
    ('upgrade to something else', handshake('Upgrade: h2c\r\n', without=('Upgrade',)), 426),
    ('no connection', handshake(without=('Connection',)), 426),
    ('no key', handshake(without=('Sec-WebSocket-Key',)), 400),
    ('two keys', handshake(f'Sec-WebSocket-Key: {KEY}\r\n'), 400),
    ('a short key', handshake('Sec-WebSocket-Key: AAAA\r\n', without=('Sec-WebSocket-Key',)), 400),
    ('a key that is not base64', handshake('Sec-WebSocket-Key: !!!!!!!!!!!!!!!!!!!!!!==\r\n', without=('Sec-WebSocket-Key',)), 400),
    ('no version', handshake(without=('Sec-WebSocket-Version',)), 400),
    ('version 8', handshake('Sec-WebSocket-Version: 8\r\n', without=('Sec-WebSocket-Version',)), 426),
    ('two versions', handshake('Sec-WebSocket-Version: 8\r\n'), 400),
    ('POST', handshake(method='POST'), 400),
    ('HTTP/1.0', handshake(version='HTTP/1.0'), (400, 426)),
    ('with a body', handshake('Content-Length: 1\r\n', body='x'), 400),
    ('of another origin', handshake('Origin: http://evil.example\r\n'), 403),
    ('of no origin at all', handshake('Origin: null\r\n'), 403),
    ('an unknown subprotocol', handshake('Sec-WebSocket-Protocol: chat\r\n', without=('Sec-WebSocket-Protocol',)), (400, 101)),
    ('elsewhere', handshake(path='/ws/x'), 404),
]

HAN = '\u4f60\u597d'.encode()
BIG = b'{"id":2,"typing":{"draft":"' + b'a' * 40000 + b'"}}'
ERROR = 'error'   # an error frame, and the session goes on
ALIVE = 'alive'   # nothing said against it, and the session goes on
DROP = 'drop'     # closed, whether or not with a code

# name, bytes, expected: a close code, or one of the words above
SESSIONS = [
    # 1, 2: lengths, pings
    ('ping', frame(PING), ALIVE),
    ('ping with a text', frame(PING, b'here?'), ALIVE),
    ('ping of 125 bytes', frame(PING, b'x' * 125), ALIVE),
    ('ping of 126 bytes', frame(PING, b'x' * 126), 1002),
    ('pong nobody asked for', frame(PONG, b'x'), ALIVE),
    ('ten pings at once', frame(PING, b'x') * 10, ALIVE),
    ('a thousand pings at once', frame(PING, b'x') * 1000, ALIVE),
    ('text of no bytes', frame(TEXT), ERROR),
    *[(f'text of {n} bytes', frame(TEXT, b' ' * n), ERROR) for n in (1, 125, 126, 127, 128, 65535, 65536)],
    *[(f'pong of {n} bytes', frame(PONG, b'x' * n), ALIVE if n < 126 else 1002) for n in (125, 126)],
    ('ping whose length is said in 16 bits', frame(PING, b'x', length=16), 1002),
    ('close whose length is said in 64 bits', frame(CLOSE, b'\x03\xe8', length=64), 1002),
    ('long form of a short length, 16 bits', frame(TEXT, b'{}', length=16), (1002, ERROR)),
    ('long form of a short length, 64 bits', frame(TEXT, b'{}', length=64), (1002, ERROR)),
    ('length with its highest bit', b'\x81\xff\xff' + b'\xff' * 7 + b'abcd', (1002, 1009)),
    # 3: reserved bits
    *[(f'reserved bits {bits} on {opcode}', frame(opcode, b'x', reserved=bits), 1002)
      for bits in (1, 2, 4, 7) for opcode in (TEXT, PING, CLOSE)],
    # 4: opcodes
    *[(f'opcode {opcode}', frame(opcode, b'x'), 1002) for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)],
    ('binary on the JSON protocol', frame(BINARY, b'x'), (1003, 1002, 1007, ERROR)),
    # masks
    ('text without a mask', frame(TEXT, b'{}', masked=False), 1002),
    ('ping without a mask', frame(PING, masked=False), 1002),
    ('close without a mask', frame(CLOSE, masked=False), 1002),
    ('a mask of zeros', frame(TEXT, b'{}', mask=b'\0\0\0\0'), ERROR),
    # 5: fragments
    ('ping in fragments', frame(PING, b'x', fin=False), 1002),
    ('close in fragments', frame(CLOSE, b'', fin=False), 1002),
    ('text in two', frame(TEXT, b'{', fin=False) + frame(CONTINUE, b'}'), ERROR),
    ('text in bytes', frame(TEXT, b'', fin=False) + b''.join(frame(CONTINUE, bytes([b]), fin=False) for b in b'{}') + frame(CONTINUE), ERROR),
    ('ping between fragments', frame(TEXT, b'{', fin=False) + frame(PING, b'x') + frame(CONTINUE, b'}'), ERROR),
    ('continuation of nothing', frame(CONTINUE, b'x'), 1002),
    ('continuation of nothing, not final', frame(CONTINUE, b'x', fin=False), 1002),
    ('continuation behind a whole text', frame(TEXT, b'{}') + frame(CONTINUE, b'x'), 1002),
    ('text inside of a text', frame(TEXT, b'{', fin=False) + frame(TEXT, b'}'), 1002),
    ('binary inside of a text', frame(TEXT, b'{', fin=False) + frame(BINARY, b'}'), 1002),
    ('a thousand empty fragments', frame(TEXT, b'', fin=False) + frame(CONTINUE, b'', fin=False) * 1000 + frame(CONTINUE, b'{}'), (ERROR, 1008, 1009)),
    ('pings between all fragments', frame(TEXT, b'{', fin=False) + frame(PING, b'a') + frame(CONTINUE, b'', fin=False) + frame(PONG) + frame(PING, b'b') + frame(CONTINUE, b'}'), ERROR),
    ('two texts in fragments', (frame(TEXT, b'{', fin=False) + frame(CONTINUE, b'}')) * 2, ERROR),
    ('a refused ping between fragments', frame(TEXT, b'{', fin=False) + frame(PING, b'x' * 126) + frame(CONTINUE, b'}'), 1002),
    # 6: UTF-8
    ('a whole character in fragments', frame(TEXT, b'{"id":2,"x":"' + HAN[:1], fin=False) + frame(CONTINUE, HAN[1:] + b'"}'), ERROR),
    *[(f'bytes that are not UTF-8: {bad.hex()}', frame(TEXT, b'{"a":"' + bad + b'"}'), 1007)
      for bad in (b'\xff', b'\xc0\xaf', b'\xe0\x80\xaf', b'\xed\xa0\x80', b'\xed\xbf\xbf', b'\xf4\x90\x80\x80',
                  b'\xf8\x88\x80\x80\x80', b'\xfe', b'\x80', b'\xc3\x28', b'\xe4\xbd')],
    ('cut in the middle of a character', frame(TEXT, HAN[:2]), 1007),
    ('wrong in the first fragment', frame(TEXT, b'\xff', fin=False) + frame(CONTINUE, b'x'), 1007),
    ('wrong across fragments', frame(TEXT, HAN[:1], fin=False) + frame(CONTINUE, b'('), 1007),
    ('a character outside of the BMP', frame(TEXT, '{"a":"\U0001f600"}'.encode()), ERROR),
    ('U+FFFF', frame(TEXT, '{"a":"\uffff"}'.encode()), ERROR),
    # 7: closing
    ('close', frame(CLOSE), (1000, 1005)),
    *[(f'close with {code}', closing(code), (code, 1000)) for code in (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999)],
    *[(f'close with {code}, which nobody may say', closing(code), 1002)
      for code in (0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535)],
    ('close with half a code', frame(CLOSE, b'\x03'), 1002),
    ('close with a reason', closing(1000, HAN), 1000),
    ('close with the longest reason', closing(1000, b'x' * 123), 1000),
    ('close with a reason that is too long', closing(1000, b'x' * 124), 1002),
    ('close with a reason that is not UTF-8', closing(1000, b'\xff'), (1002, 1007)),
    ('close with a reason cut in a character', closing(1000, HAN[:2]), (1002, 1007)),
    ('close with a surrogate in its reason', closing(1000, b'\xed\xa0\x80'), (1002, 1007)),
    ('ping behind a close', closing(1000) + frame(PING, b'x'), 1000),
    ('a continuation behind a close', frame(TEXT, b'{', fin=False) + closing(1000) + frame(CONTINUE, b'}'), 1000),
    ('text behind a close', closing(1000) + frame(TEXT, b'{}'), 1000),
    ('two closes', closing(1000) + closing(1001), 1000),
    ('close in the middle of a text', frame(TEXT, b'{', fin=False) + closing(1000), 1000),
    # 9: limits
    ('a large frame', frame(TEXT, BIG), ERROR),
    ('a frame at the limit', frame(TEXT, b' ' * TEXT_MAX), ERROR),
    ('a frame beyond the limit', frame(TEXT, b' ' * (TEXT_MAX + 1)), 1009),
    ('fragments beyond the limit', frame(TEXT, b' ' * 40000, fin=False) + frame(CONTINUE, b' ' * 40000), 1009),
    ('a frame that announces 2^62 bytes', b'\x81\xff\x40' + b'\0' * 7 + b'abcd', 1009),
    # JSON and the schema
    ('an action without an id is told its fault', frame(TEXT, b'{"fetch":{"conversationId":"1"}}'), ERROR),
    ('an action without an id gets no other answer', frame(TEXT, b'{"page":{"page":{"url":"https://shop.example/"}}}'), ALIVE),
    *[(f'not a frame: {text[:40]}', frame(TEXT, text.encode()), ERROR)
      for text in ('x', 'null', '[]', '"x"', '1', '{', '{}', '{"id":2}', '{"id":"2","send":{}}', '{"id":-1,"send":{}}',
'{"id":4294967296,"send":{}}', '{"id":1.5,"send":{}}',
                   '{"id":2,"send":{},"fetch":{}}', '{"id":2,"send":{"text":null}}', '{"id":2,"welcome":{}}',
                   '{"id":2,"send":[]}', '{"id":2,"send":{"conversationId":"x"}}', '{"id":2,"send":{"conversationId":"-1"}}',
                   '{"id":2,"send":{"conversationId":"99999999999999999999"}}', '{"id":2,"send":{"text":"\\ud800"}}',
                   '{"id":2,"send":{"text":"a"}} {}', '{"id":2,"id":3,"send":{}}', '{"id":2,"send":{"a":' + '[' * 40 + ']' * 40 + '}}')],
]

# Before the hello: the answer is always an end.
BEFORE = [
    ('something else first', frame(TEXT, b'{"id":1,"fetch":{"conversationId":"1"}}')),
    ('nonsense first', frame(TEXT, b'x')),
    ('an unknown site', frame(TEXT, b'{"id":1,"hello":{"siteKey":"nobody"}}')),
    ('a ticket that is none', frame(TEXT, b'{"id":1,"hello":{"ticket":"x"}}')),
    ('a token that is none', frame(TEXT, b'{"id":1,"hello":{"apiToken":"x"}}')),
    ('binary first', frame(BINARY, HELLO)),
]


def opened(server, request=None):
    sock = server.connect()
    sock.sendall(request or handshake())
    head = b''
    while b'\r\n\r\n' not in head:
        piece = sock.recv(4096)
        if not piece:
            break
        head += piece
    return sock, head


def session(server):
    sock, head = opened(server)
    assert head.startswith(b'HTTP/1.1 101'), head
    sock.sendall(frame(TEXT, HELLO))
    got = b''
    while b'welcome' not in got:
        got += sock.recv(65536)
    return sock


def session_result(server, data):
    """A ping behind it all comes back when the session goes on."""
    with session(server) as sock:
        try:
            sock.sendall(data + frame(PING, b'alive'))
        except OSError:
            pass
        got, closed = b'', False
        end = time.monotonic() + ANSWER
        while not closed and time.monotonic() < end and (PONG, b'alive') not in frames_read(got):
            more, closed = receive(sock, SILENCE)
            got += more
        found = frames_read(got)
    for opcode, payload in found:
        if opcode == CLOSE:
            return struct.unpack('>H', payload[:2])[0] if payload else 1005
    if closed:
        return DROP
    if (PONG, b'alive') not in found:
        return 'neither closed nor alive'
    return ERROR if any(b'"error"' in payload for opcode, payload in found if opcode == TEXT) else ALIVE


def judge(name, got, expected):
    allowed = expected if isinstance(expected, tuple) else (expected,)
    return None if got in allowed else f'{name}: {got}, not {expected}'


def handshake_check(server, name, request, expected):
    sock, head = opened(server, request)
    with sock:
        status = int(head[9:12]) if head.startswith(b'HTTP/1.1 ') else 0
        problem = judge(name, status, expected)
        accept = base64.b64encode(hashlib.sha1((KEY + GUID).encode()).digest())
        if status == 101 and accept not in head:
            problem = f'{name}: Sec-WebSocket-Accept is wrong or missing'
        if b'sec-websocket-extensions' in head.lower():
            problem = f'{name}: an extension was taken up'
        return problem


def before_check(server, name, data):
    sock, _ = opened(server)
    with sock:
        sock.sendall(data)
        got, closed = receive(sock, 2)
        codes = [payload[:2] for opcode, payload in frames_read(got) if opcode == CLOSE]
    if not closed and not codes:
        return f'before the hello: {name}: the connection stays open'
    return f'before the hello: {name}: welcome' if b'welcome' in got else None


def pieces(server):
    """Frames in single bytes are the frames."""
    with session(server) as sock:
        for byte in frame(TEXT, b'{"id":2}') + frame(PING, b'p'):
            sock.sendall(bytes([byte]))
        got, _ = receive(sock, ANSWER / 2)
        found = frames_read(got)
    good = (PONG, b'p') in found and any(b'"error"' in payload for _, payload in found)
    return None if good else f'in single bytes: {found}'


def fail_fast(server):
    """Bytes that no rest can make UTF-8 end the session before the rest is there (6.4.1 to 6.4.4)."""
    whole = frame(TEXT, b'a' * 200)
    for name, data in (('a fragment', frame(TEXT, b'{"a":"\xf4\x90', fin=False)),
                       ('a part of a frame', whole[:20] + bytes([0xff ^ b'\x11\x22\x33\x44'[(20 - 8) % 4]]))):
        with session(server) as sock:
            sock.sendall(data)
            got, end = b'', time.monotonic() + ANSWER
            while not got and time.monotonic() < end:
                got, _ = receive(sock, SILENCE)
        if (CLOSE, struct.pack('>H', 1007)) not in [(opcode, payload[:2]) for opcode, payload in frames_read(got)]:
            return f'not at once: {name}: {frames_read(got)}'
    return None


def at_once(server):
    """Frames in the same packet as the handshake are the session's first ones."""
    with server.connect() as sock:
        sock.sendall(handshake() + frame(TEXT, HELLO) + frame(PING, b'first'))
        got, _ = receive(sock, ANSWER / 2)
    found = frames_read(got[got.find(b'\r\n\r\n') + 4:])
    good = (PONG, b'first') in found and any(b'welcome' in payload for _, payload in found)
    return None if good else f'frames beside the handshake: {found}'


def silence(server):
    """Who says nothing is sent away within 10 s and a little."""
    sock, _ = opened(server)
    with sock:
        got, closed = receive(sock, 13)
    return None if closed or frames_read(got) else 'a silent connection stays open'


def proto(server):
    """Binary is the other subprotocol's; text on it is refused."""
    sock, head = opened(server, handshake('Sec-WebSocket-Protocol: kefu.v1.proto\r\n',
                                          without=('Sec-WebSocket-Protocol',)))
    with sock:
        if b'kefu.v1.proto' not in head:
            return 'kefu.v1.proto is not chosen'
        sock.sendall(frame(BINARY, b'\x08\x01\x12\x06\x0a\x04demo'))
        got, _ = receive(sock, ANSWER / 2)
        if not any(opcode == BINARY for opcode, _ in frames_read(got)):
            return f'no binary welcome: {got[:80]}'
        sock.sendall(frame(BINARY, b'\xff' * 20))
        got, _ = receive(sock, ANSWER / 2)
        return None if frames_read(got) else 'bytes that are no message are not answered'


def random_frames(server, rounds=300):
    """Bytes by chance: the session ends or goes on, the server goes on."""
    for _ in range(rounds):
        with session(server) as sock:
            try:
                sock.sendall(os.urandom(64))
            except OSError:
                pass
    return None if server.status() == 200 else 'random frames ended the server'


CHECKS = (pieces, fail_fast, at_once, silence, proto, random_frames)


def main():
    server = Server()
    wrong = [handshake_check(server, *case) for case in HANDSHAKES]
    for name, data, expected in SESSIONS:
        wrong.append(judge(name, session_result(server, data), expected))
        if server.status() != 200:
            wrong.append(f'{name}: others are not served behind it')
    wrong += [before_check(server, *case) for case in BEFORE]
    wrong += [check(server) for check in CHECKS]
    status, log = server.stop()
    if status != 0:
        wrong.append(f'the server ended with {status}\n{log[-3000:]}')
    wrong = [one for one in wrong if one]
    for one in wrong:
        print('WRONG', one)
    count = len(HANDSHAKES) + len(SESSIONS) + len(BEFORE) + len(CHECKS)
    print(f'WebSocket: {count} cases, {len(wrong)} wrong')
    return 1 if wrong else 0


if __name__ == '__main__':
    sys.exit(main())
