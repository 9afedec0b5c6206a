#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""From the wire schema to what protoc has no plugin for.

    protoc -I proto -I /usr/include --include_imports --include_source_info \\
        --descriptor_set_out=schema.bin proto/kefu/v1/*.proto
    tools/protogen/protogen.py schema.bin --tables OUT.c --typescript OUT.ts --document PAGE.md

--tables FILE       the tables of wire/schema; made by the build (cmake/proto.cmake)
--typescript FILE   types and decoder tables of web/packages/protocol; made by its build
--document FILE     writes the message part of docs/protocol.md, which is committed:
                    cmake --build build/asan --target protocol_document
--check             with --document: only say whether the page is up to date (a test does)
"""
import argparse
import sys

from descriptors import read_descriptor_set
from document import page_with_messages
from tables import write_tables
from typescript import write_typescript


def document(schema, path, check):
    with open(path) as stream:
        page = stream.read()
    new = page_with_messages(schema, page)
    if new == page:
        return
    if check:
        sys.exit(f"{path} is not what the schema says: build the target protocol_document")
    with open(path, "w") as stream:
        stream.write(new)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("descriptor_set")
    parser.add_argument("--tables")
    parser.add_argument("--typescript")
    parser.add_argument("--document")
    parser.add_argument("--check", action="store_true")
    args = parser.parse_args()
    schema = read_descriptor_set(args.descriptor_set)
    if args.tables:
        write_tables(schema, args.tables)
    if args.typescript:
        write_typescript(schema, args.typescript)
    if args.document:
        document(schema, args.document, args.check)


if __name__ == "__main__":
    main()
