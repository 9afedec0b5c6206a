#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""RFC 8259 over the server's own port: what is JSON is taken and comes back as it was meant, what is
not is refused with 400, whatever a lenient reader would make of it. Strings go into a site's
greeting, numbers into a threshold, whole bodies into the same PATCH. The groups follow the JSON
parsing test suite: structure, strings, numbers, literals, encodings, depth."""
import http.client
import json
import sys

from harness import Server

TAKEN, REFUSED = 200, 400

# name, the token as it is sent, expected
STRINGS = [
    ('plain', b'"abc"', TAKEN),
    ('empty', b'""', TAKEN),
    ('every short escape', rb'"\" \\ \/ \b \f \n \r \t"', TAKEN),
    ('escaped letters', rb'"\u0061\u0042\u4F60\u597d"', TAKEN),
    ('a pair of surrogates', rb'"\ud83d\ude00"', TAKEN),
    ('a pair in capitals', rb'"\uD834\uDD1E"', TAKEN),
    ('two pairs', rb'"\ud83d\ude39\ud83d\udc8d"', TAKEN),
    ('the last code point', rb'"\uDBFF\uDFFF"', TAKEN),
    ('noncharacters', rb'"\uFFFE\uFFFF\uFDD0"', TAKEN),
    ('U+2028 and U+2029 as they are', '"\u2028\u2029"'.encode(), TAKEN),
    ('delete as it is', b'"\x7f"', TAKEN),
    ('C1 controls as they are', '"\u0080\u009f"'.encode(), TAKEN),
    ('two, three and four bytes', '"\u00fc\u4f60\U0001f600"'.encode(), TAKEN),
    ('a byte order mark inside', '"\ufeffx"'.encode(), TAKEN),
    ('a backslash and u', rb'"\\u0061"', TAKEN),
    ('U+0000', rb'"\u0000"', REFUSED),  # the schema's texts hold none
    ('a lone high surrogate', rb'"\ud800"', REFUSED),
    ('a lone low surrogate', rb'"\udc00"', REFUSED),
    ('a high surrogate and a letter', rb'"\ud800a"', REFUSED),
    ('two high surrogates', rb'"\ud800\ud800"', REFUSED),
    ('surrogates the wrong way round', rb'"\udd1e\ud834"', REFUSED),
    ('a high surrogate and an escape that is none', rb'"\ud800\u00"', REFUSED),
    ('three hex digits', rb'"\u006"', REFUSED),
    ('no hex digits', rb'"\u"', REFUSED),
    ('hex digits that are none', rb'"\u00g0"', REFUSED),
    ('a sign among hex digits', rb'"\u+061"', REFUSED),
    ('a capital U', rb'"\U0061"', REFUSED),
    ('an escaped quote of another kind', rb'"\'"', REFUSED),
    ('an escaped digit', rb'"\0"', REFUSED),
    ('an escaped x', rb'"\x61"', REFUSED),
    ('an escaped a', rb'"\a"', REFUSED),
    ('an escaped blank', b'"\\ "', REFUSED),
    ('an escaped line end', b'"\\\n"', REFUSED),
    ('an escaped character of four bytes', '"\\\U0001f600"'.encode(), REFUSED),
    ('an escape at the end', b'"abc\\"', REFUSED),
    *[(f'control {code} as it is', b'"a' + bytes([code]) + b'"', REFUSED) for code in (0, 1, 8, 9, 10, 13, 27, 31)],
    ('single quotes', b"'abc'", REFUSED),
    ('no quotes', b'abc', REFUSED),
    ('one quote', b'"abc', REFUSED),
    ('a quote behind', b'abc"', REFUSED),
    ('curly quotes', '\u201cabc\u201d'.encode(), REFUSED),
    ('two strings', b'"a" "b"', REFUSED),
    ('two strings joined', b'"a"+"b"', REFUSED),
    *[(f'bytes that are not UTF-8: {bad.hex()}', b'"a' + bad + b'"', REFUSED)
      for bad in (b'\x80', b'\xbf', b'\xc0\x80', b'\xc0\xaf', b'\xc1\xbf', b'\xc3', b'\xc3\x28', b'\xe0\x80\xaf',
                  b'\xe0\x9f\xbf', b'\xed\xa0\x80', b'\xed\xbf\xbf', b'\xef\xbf', b'\xf0\x80\x80\x80', b'\xf0\x8f\xbf\xbf',
                  b'\xf4\x90\x80\x80', b'\xf5\x80\x80\x80', b'\xf8\x88\x80\x80\x80', b'\xfc\x84\x80\x80\x80\x80', b'\xfe',
                  b'\xff')],
    ('a number', b'1', REFUSED),
    ('true', b'true', REFUSED),
    ('a list', b'["a"]', REFUSED),
    ('an object', b'{}', REFUSED),
]

NUMBERS = [
    *[(number.decode(), number, TAKEN)
      for number in (b'0', b'1', b'0.5', b'1.0', b'-0', b'-0.0', b'5e-1', b'5E-1', b'0.05e1', b'0.05e+1', b'0.05E01', b'0e5',
                     b'0e+1', b'0e-1', b'0E+400', b'0.123456789012345678901234567890', b'1e-2', b'1000e-3',
                     b'0.9999999999999999', b'1e-400')],
    *[(f'blanks around: {number}', number, TAKEN) for number in (b' 1', b'1 ', b'\t1\r\n')],
    *[(number.decode('latin1'), number, REFUSED)
      for number in (b'00', b'01', b'-01', b'012', b'+1', b'++1', b'--1', b'-', b'+', b'.', b'.5', b'-.5', b'1.', b'-1.', b'0.e1',
                     b'1.e1', b'0e', b'0e+', b'0E-', b'1eE2', b'1e1.5', b'1e+-1', b'0.5.5', b'1 000', b'1_000', b'1,000', b'1a',
                     b'0x1', b'0b1', b'0o1', b'1f', b'1.0L', b'NaN', b'nan', b'-NaN', b'Infinity', b'-Infinity', b'inf', b'1e400',
                     b'-1e400', b'1e99999999999999999999', b'\xef\xbc\x91', b'\xd9\xa1', b'- 1', b'1 2', b'1/2', b'(1)', b'',
                     b'1' * 400, b'0.' + b'1' * 400)],
    ('beyond the field', b'1.5', REFUSED),
    ('below the field', b'-1', REFUSED),
    ('true', b'true', REFUSED),
    ('a list', b'[1]', REFUSED),
]

NAME = b'"name":"Shop"'
SITE = b'{' + NAME + b'}'
BODIES = [
    ('an object', SITE, TAKEN),
    ('no fields', b'{}', TAKEN),
    ('blanks everywhere', b' \t\r\n{ \t\r\n"name" \t\r\n: \t\r\n"Shop" \t\r\n} \t\r\n', TAKEN),
    ('an escaped name', rb'{"n\u0061me":"Shop"}', TAKEN),
    ('a list of texts', b'{"domains":["a.example", "b.example"]}', TAKEN),
    ('an empty list', b'{"domains":[]}', TAKEN),
    ('null for a field', b'{"color":null}', (TAKEN, REFUSED)),
    ('true and false', b'{"botEnabled":true,"draftPreview":false}', TAKEN),
    ('a byte order mark before', b'\xef\xbb\xbf' + SITE, REFUSED),
    ('half a byte order mark', b'\xef\xbb' + SITE, REFUSED),
    ('UTF-16', SITE.decode().encode('utf-16-le'), REFUSED),
    ('UTF-16 with its mark', SITE.decode().encode('utf-16'), REFUSED),
    ('a NUL before', b'\0' + SITE, REFUSED),
    ('a NUL behind', SITE + b'\0', REFUSED),
    ('a form feed before', b'\f' + SITE, REFUSED),
    ('a vertical tab', b'{\v' + NAME + b'}', REFUSED),
    ('a no-break space', b'{\xc2\xa0' + NAME + b'}', REFUSED),
    ('a word joiner', b'{\xe2\x81\xa0' + NAME + b'}', REFUSED),
    ('only blanks', b'  ', REFUSED),
    ('a comma behind the last', b'{' + NAME + b',}', REFUSED),
    ('two commas', b'{' + NAME + b',,"color":""}', REFUSED),
    ('a comma first', b'{,' + NAME + b'}', REFUSED),
    ('only a comma', b'{,}', REFUSED),
    ('no comma', b'{' + NAME + b' "color":""}', REFUSED),
    ('a semicolon', b'{' + NAME + b';"color":""}', REFUSED),
    ('a comma behind the last of a list', b'{"domains":["a.example",]}', REFUSED),
    ('two commas in a list', b'{"domains":["a.example",,"b.example"]}', REFUSED),
    ('a comma first in a list', b'{"domains":[,"a.example"]}', REFUSED),
    ('no comma in a list', b'{"domains":["a.example" "b.example"]}', REFUSED),
    ('a colon in a list', b'{"domains":["a.example":"b.example"]}', REFUSED),
    ('an open list', b'{"domains":["a.example"', REFUSED),
    ('a list that ends as an object', b'{"domains":["a.example"}', REFUSED),
    ('an object that ends as a list', b'{' + NAME + b']', REFUSED),
    ('an open object', b'{' + NAME, REFUSED),
    ('only the beginning', b'{', REFUSED),
    ('only the end', b'}', REFUSED),
    ('one end too many', SITE + b'}', REFUSED),
    ('two objects', SITE + SITE, REFUSED),
    ('something behind', SITE + b' x', REFUSED),
    ('a comma behind it', SITE + b',', REFUSED),
    ('a comment behind', SITE + b'// x', REFUSED),
    ('a comment inside', b'{/* x */' + NAME + b'}', REFUSED),
    ('a comment with a number sign', b'{# x\n' + NAME + b'}', REFUSED),
    ('a name without quotes', b'{name:"Shop"}', REFUSED),
    ('a name in single quotes', b"{'name':'Shop'}", REFUSED),
    ('a number as a name', b'{1:"Shop"}', REFUSED),
    ('null as a name', b'{null:"Shop"}', REFUSED),
    ('no colon', b'{"name" "Shop"}', REFUSED),
    ('two colons', b'{"name"::"Shop"}', REFUSED),
    ('an equals sign', b'{"name"="Shop"}', REFUSED),
    ('no value', b'{"name":}', REFUSED),
    ('no value and a next one', b'{"name":,"color":""}', REFUSED),
    ('only a name', b'{"name"}', REFUSED),
    ('a name twice', b'{"name":"Shop","name":"Shop"}', REFUSED),
    ('a name twice, once escaped', rb'{"name":"Shop","n\u0061me":"Shop"}', REFUSED),
    ('a name twice, once in the other form', b'{"draftPreview":true,"draft_preview":true}', REFUSED),
    ('an unknown name', b'{"nmae":"Shop"}', REFUSED),
    ('a name in other letters', b'{"Name":"Shop"}', REFUSED),
    ('an empty name', b'{"":"Shop"}', REFUSED),
    ('a list', b'[' + SITE + b']', REFUSED),
    ('a text', b'"name"', REFUSED),
    ('a number', b'1', REFUSED),
    ('null', b'null', REFUSED),
    *[(f'a literal that is none: {word}', b'{"botEnabled":' + word.encode() + b'}', REFUSED)
      for word in ('True', 'TRUE', 'tru', 'truee', 'true1', 'fals', 'False', 'nul', 'Null', 'undefined', 'yes', '1', '"true"', 't', '')],
    ('JSON with padding', b'f(' + SITE + b')', REFUSED),
    ('a hundred thousand lists', b'{"domains":' + b'[' * 100000, REFUSED),
    ('a hundred thousand objects', b'{"domains":' * 50000, REFUSED),
    ('too deep and closed', b'{"x":' + b'[' * 33 + b']' * 33 + b'}', REFUSED),
    ('a list in a list', b'{"domains":[["a.example"]]}', REFUSED),
]


class Owner:
    """A logged-in owner of the demo shop, and its site."""

    def __init__(self, server):
        self.line = http.client.HTTPConnection('127.0.0.1', server.port, timeout=10)
        with open(server.dir + '/data/demo-logins.txt', encoding='utf-8') as logins:
            email, password = logins.readline().split()[:2]
        reply, body = self.call('POST', '/api/v1/login', json.dumps({'email': email, 'password': password}).encode())
        self.headers = {'Cookie': reply.getheader('Set-Cookie').split(';')[0], 'X-CSRF-Token': body['csrfToken']}
        _, body = self.call('GET', '/api/v1/sites', None)
        self.site = '/api/v1/sites/' + body['items'][0]['id']

    headers = {}

    def call(self, method, path, body):
        self.line.request(method, path, body, dict(self.headers, **{'Content-Type': 'application/json'}))
        reply = self.line.getresponse()
        return reply, json.loads(reply.read())

    def patch(self, body):
        return self.call('PATCH', self.site, body)


def check(owner, name, body, expected, came_back=lambda site: True):
    reply, answer = owner.patch(body)
    allowed = expected if isinstance(expected, tuple) else (expected,)
    if reply.status not in allowed:
        return f'{name}: {reply.status} {answer.get("error", "")}, not {expected}'
    if reply.status == TAKEN and not came_back(answer):
        return f'{name}: came back as something else: {json.dumps(answer)[:200]}'
    if reply.status != TAKEN and answer['error']['code'] != 'invalid':
        return f'{name}: {answer["error"]}'
    return None


def string_check(owner, name, token, expected):
    meant = json.loads(token) if expected == TAKEN else None
    return check(owner, f'string: {name}', b'{"greetingEn":' + token + b'}', expected,
                 lambda site: site.get('greetingEn', '') == meant)


def number_check(owner, name, token, expected):
    meant = float(token) if expected == TAKEN else None
    return check(owner, f'number: {name[:60]}', b'{"ladder":[{"rung":"faq","threshold":' + token + b'}]}', expected,
                 lambda site: site['ladder'][0].get('threshold', 0.0) == meant)


def main():
    server = Server()
    owner = Owner(server)
    wrong = [string_check(owner, *case) for case in STRINGS]
    wrong += [number_check(owner, *case) for case in NUMBERS]
    wrong += [check(owner, f'body: {name}', body, expected) for name, body, expected in BODIES]
    status, log = server.stop()
    if status != 0:
        wrong.append(f'the server ended with {status}\n{log[-3000:]}')
    wrong = [one for one in wrong if one]
    for one in wrong:
        print('WRONG', one)
    print(f'JSON: {len(STRINGS) + len(NUMBERS) + len(BODIES)} cases, {len(wrong)} wrong')
    return 1 if wrong else 0


if __name__ == '__main__':
    sys.exit(main())
