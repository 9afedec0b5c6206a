#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Lists of share/nlu to C: the lines of the files, in order, without blank ones and comments.

    lists.py OUT.c NAME FILE... [NAME FILE...]    a NAME has no dot"""
import sys


def quoted(text):
    return '"%s"' % ''.join(c if ' ' <= c <= '~' and c not in '"\\?' else ''.join('\\%03o' % b for b in c.encode())
                            for c in text)


def main():
    lists = {}
    for argument in sys.argv[2:]:
        if '.' not in argument:
            lines = lists[argument] = []
            continue
        with open(argument, encoding='utf-8') as file:
            lines += [line.strip() for line in file if line.strip() and line[0] != '#']
    with open(sys.argv[1], 'w', encoding='utf-8') as out:
        out.write('/* Made by lists.py. */\n#include "intent_lists.h"\n')
        for name, lines in lists.items():
            out.write(f'\nconst char *const intent_{name}[] = {{\n')
            out.writelines(f'    {quoted(line)},\n' for line in lines)
            out.write(f'}};\nconst size_t intent_{name}_count = {len(lines)};\n')


main()
