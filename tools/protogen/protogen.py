#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""From the wire schema to what protoc has no plugin for.

    protoc -I proto -I /usr/include --include_imports --include_source_info \\
        --descriptor_set_out=schema.bin proto/kefu/v1/*.proto
    tools/protogen/protogen.py schema.bin --tables OUT.c

--tables FILE   the tables of wire/schema (made by the build, cmake/proto.cmake)
"""
import argparse

from descriptors import read_descriptor_set
from tables import write_tables


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("descriptor_set")
    parser.add_argument("--tables")
    args = parser.parse_args()
    schema = read_descriptor_set(args.descriptor_set)
    if args.tables:
        write_tables(schema, args.tables)


if __name__ == "__main__":
    main()
