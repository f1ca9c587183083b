#!/usr/bin/env python3
"""Makes three-blocks.json beside this file, from SPEC.md alone and with python3-cryptography: none of our code takes part.

Private keys are one octet repeated 32 times (manufacturer 11, supplier 12, dco 13, device 14): known to everybody, for vectors only.
ECDSA as this program does it is randomised, so another run gives other signatures over the same messages.
"""
import hashlib
import json
import pathlib
import struct
import zlib

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
ROLES = {"manufacturer": 0x11, "supplier": 0x12, "dco": 0x13, "device": 0x14}
KEYS = {role: ec.derive_private_key(int.from_bytes(bytes([seed]) * 32, "big"), ec.SECP256R1()) for role, seed in ROLES.items()}
PUBLIC = {role: key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint) for role, key in KEYS.items()}


def sha256(octets):
    return hashlib.sha256(octets).digest()


def sign(role, message, high=False):
    r, s = decode_dss_signature(KEYS[role].sign(message, ec.ECDSA(hashes.SHA256())))
    if (s > N // 2) != high:
        s = N - s
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def context(kind):
    return b"smets1-ota/" + kind.encode() + b"/1\0"


image = bytes((i * 7 + (i >> 3)) & 0xFF for i in range(600))
shift, label = 8, "three blocks \u2713".encode()
header = struct.pack("<IHHHHHIH32sIHH", 0x0BEEF11E, 0x0100, 60, 4, 0x121D, 1, 0x00020001, 2, b"vector".ljust(32, b"\0"),
                     60 + len(image) + 66, 0x1111, 0x1211)
gbcs = sign("supplier", image, high=True)  # taken with either s
ota_image = header + image + b"\x00\x40" + gbcs

count = -(-len(image) // (1 << shift))
tlvs = struct.pack("<HH", 1, len(label)) + label
body = b"S1MF" + struct.pack("<BBHBBBBIIIHHIHHHHIII", 1, 0, 124 + len(tlvs) + 64, 1, 0, shift, 0, count, len(image), len(image),
                             0x121D, 1, 0x00020001, 0x1111, 0x1211, 1, 0, 7, 0, 0x00020000)
body += sha256(image) + sha256(header) + sha256(PUBLIC["manufacturer"])[:8] + tlvs
manifest = body + sign("manufacturer", context("manifest") + body)
digest = sha256(context("manifest") + body)

head = b"S1PK" + struct.pack("<BBBBIIIHH", 1, 0, 1, 0, 24 + len(manifest) + 60 + 64 + 4 + len(image) + 68 * count, 0, count,
                             len(manifest), 0)
package = head + manifest + header + gbcs
package += struct.pack("<I", zlib.crc32(package))
for i in range(count):
    payload = image[i << shift:(i + 1) << shift]
    message = context("block") + digest + struct.pack("<III", i, count, len(payload)) + payload
    block = payload + sign("manufacturer", message)
    package += block + struct.pack("<I", zlib.crc32(block))

device = bytes.fromhex("00DB1234567890A0")
originator = bytes.fromhex("90B3D51F30010000")
auth = b"S1AU" + struct.pack("<BBH", 1, 0, 0) + device + sha256(image) + digest + originator
auth += struct.pack("<QII", 0x0102030405060708, 1_700_000_000, 0xFFFFFFFF)
auth += sign("supplier", context("authorisation") + auth)
auth += sign("dco", context("countersignature") + auth)

outcome = b"S1OC" + struct.pack("<BBBB", 1, 0, 2, 0) + device + sha256(image) + digest + sha256(image)
outcome += struct.pack("<IIQI8sI", 0x00020001, 7, 0x0102030405060708, 5, bytes.fromhex("A1A2A3A4A5A6A7A8"), 0)
outcome += sign("device", context("outcome") + outcome)

vector = {
    "publicKeys": {role: octets.hex() for role, octets in PUBLIC.items()},
    "manufacturerImage": image.hex(),
    "imageHash": sha256(image).hex(),
    "otaImage": ota_image.hex(),
    "manifest": manifest.hex(),
    "manifestDigest": digest.hex(),
    "package": package.hex(),
    "authorisation": auth.hex(),
    "outcome": outcome.hex(),
}
pathlib.Path(__file__).with_name("three-blocks.json").write_text(json.dumps(vector, indent=2) + "\n")
