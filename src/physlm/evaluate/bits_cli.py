"""`physlm bits`: the information of a world, printed as JSON."""

import argparse
import json
import sys
from typing import Any

from physlm.evaluate.bits import BIOS_NAME_SPACE, SIZES, bits_json

# Definition 2.2 of Part 3.3 writes a bioD world as bioD(N, K, C, D, L, T).
HELP = {
    "n_people": "N, people",
    "n_attributes": "K, attributes of a person",
    "n_chunks": "C, chunks of a value",
    "n_values": "D, strings in the dictionary of an attribute",
    "chunk_length": "L, characters of a chunk",
    "alphabet": "T, different characters",
    "name_space": "N0, possible full names",
}


def add_bits_parser(subparsers: Any) -> None:
    """Add `bits bios` and `bits biod` to the subparsers of the command line.

    The parsed arguments have `handler`, a function of them that returns the exit status.
    """
    parser = subparsers.add_parser("bits", help="count the bits of a world of people")
    worlds = parser.add_subparsers(dest="world", required=True)
    for world, keys in SIZES.items():
        command = worlds.add_parser(world, help=f"print the bits of a {world} world as JSON")
        for key in keys:
            default = BIOS_NAME_SPACE if key == "name_space" else None
            command.add_argument(
                f"--{key.replace('_', '-')}",
                type=int,
                required=default is None,
                default=default,
                help=HELP[key] + (" (default: %(default)s)" if default else ""),
            )
        command.set_defaults(handler=print_bits)


def print_bits(args: argparse.Namespace) -> int:
    """Print every term as JSON and return 0; one line on stderr and 2 for impossible sizes."""
    try:
        result = bits_json(args.world, **{key: getattr(args, key) for key in SIZES[args.world]})
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(json.dumps(result, indent=1))
    return 0
