#!/usr/bin/python3
"""Verifies a package or a part (SPEC.md §3 to §6). One JSON line; exit 0 authentic, 14 not authentic, 2 usage."""
import argparse
import json
import sys

from ota1 import Package, PublicKey, Refusal


def main(argv=None):
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("package")
    p.add_argument("--manufacturer", action="append", required=True, metavar="PUB.pem")
    p.add_argument("--supplier", action="append", required=True, metavar="PUB.pem")
    p.add_argument("--json", action="store_true", help="the output is JSON in any case")
    a = p.parse_args(argv)
    try:
        manufacturers = [PublicKey.load(k) for k in a.manufacturer]
        suppliers = [PublicKey.load(k) for k in a.supplier]
        with open(a.package, "rb") as f:
            data = f.read()
    except (OSError, ValueError) as e:
        print("verify_package: %s" % e, file=sys.stderr)
        return 2
    package = Package.__new__(Package)
    answer = {"ok": False, "code": None, "imageHash": None, "blockCount": None}
    try:
        package.__init__(data)
        package.verify(manufacturers, suppliers)
        answer["ok"] = True
    except Refusal as r:
        answer["code"] = r.code
        if r.block is not None:
            answer["block"] = r.block
        if r.why:
            answer["why"] = r.why
    m = getattr(package, "manifest", None)
    if m is not None:
        answer["imageHash"], answer["blockCount"] = m.image_hash.hex(), m.block_count
    print(json.dumps(answer))
    return 0 if answer["ok"] else 14


if __name__ == "__main__":
    sys.exit(main())
