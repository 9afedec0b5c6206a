#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""share/nlu/negatives-*.txt to C: one array of texts, in the order of the files and lines.

    negatives.py FILE... OUT.c"""
import sys


def quoted(text):
    return '"%s"' % ''.join(c if ' ' <= c <= '~' and c not in '"\\?' else ''.join('\\%03o' % b for b in c.encode())
                            for c in text)


def main():
    texts = []
    for path in sys.argv[1:-1]:
        with open(path, encoding='utf-8') as file:
            texts += [line.strip() for line in file if line.strip()]
    with open(sys.argv[-1], 'w', encoding='utf-8') as out:
        out.write('/* Made by negatives.py. */\n#include "intent_negatives.h"\n\n')
        out.write('const char *const intent_negatives[] = {\n')
        out.writelines(f'    {quoted(text)},\n' for text in texts)
        out.write('};\nconst size_t intent_negative_count = %d;\n' % len(texts))


main()
