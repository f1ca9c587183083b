#!/usr/bin/env python3
"""Makes frames.json beside this file: every message once as a frame, from SPEC.md alone; none of our code takes part.

Manifest, authorisation and so on are those of three-blocks.json. Three outcomes are signed anew with the device key of make-vectors.py, whose
ECDSA is randomised: another run gives other signatures over the same messages, and so other SEALED and OUTCOME frames.
"""
import hashlib
import json
import pathlib
import struct
import zlib

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

HERE = pathlib.Path(__file__)
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
DEVICE_KEY = ec.derive_private_key(int.from_bytes(b"\x14" * 32, "big"), ec.SECP256R1())
three = {name: bytes.fromhex(value) for name, value in json.loads(HERE.with_name("three-blocks.json").read_text()).items() if name != "publicKeys"}


def crc16(octets):
    crc = 0xFFFF
    for octet in octets:
        crc ^= octet << 8
        for _ in range(8):
            crc = ((crc << 1) ^ (0x1021 if crc & 0x8000 else 0)) & 0xFFFF
    return crc


def frame(message_type, payload=b"", tag=0, sequence=0, data=None):
    header = struct.pack("<BBHII", 0x10, message_type, len(payload), tag, sequence)
    if data is not None:
        header += struct.pack("<HI", *data)
    body = header + struct.pack("<H", crc16(header)) + payload
    return body + struct.pack("<I", zlib.crc32(body))


def cobs(octets):
    out, piece = bytearray(), bytearray()
    for octet in octets:
        if octet == 0:
            out += bytes([len(piece) + 1]) + piece
            piece = bytearray()
            continue
        piece.append(octet)
        if len(piece) == 254:
            out += b"\xff" + piece
            piece = bytearray()
    return bytes(out + bytes([len(piece) + 1]) + piece) + b"\0"


def outcome(kind, code, image_hash, digest, running_hash, nonce, counter=0, version=0x00010000, floor=3, boot_epoch=5):
    body = b"S1OC" + struct.pack("<BBBB", 1, 0, kind, code) + DEVICE_ID + image_hash + digest + running_hash
    body += struct.pack("<IIQI8sI", version, floor, counter, boot_epoch, nonce, 0)
    r, s = decode_dss_signature(DEVICE_KEY.sign(b"smets1-ota/outcome/1\0" + body, ec.ECDSA(hashes.SHA256())))
    s = min(s, N - s)
    return body + r.to_bytes(32, "big") + s.to_bytes(32, "big")


DEVICE_ID = bytes.fromhex("00DB1234567890A0")
NONCE = bytes.fromhex("A1A2A3A4A5A6A7A8")
OLD_HASH = hashlib.sha256(b"the old image").digest()
digest, image_hash = three["manifestDigest"], three["imageHash"]
ota_header, gbcs = three["otaImage"][:60], three["otaImage"][-64:]
offer_nonce, boot_epoch = 0x0BADCAFE, 5
seed = b"smets1-ota/session/1\0" + struct.pack("<I", boot_epoch) + digest + struct.pack("<I", offer_nonce)
TAG = int.from_bytes(hashlib.sha256(seed).digest()[:4], "little") or 1
manifest = three["manifest"]
sack_ranges = struct.pack("<HII", 2, 0, 32)
sack = struct.pack("<I8sIHHHBB", 4, bytes([0b101]) + bytes(7), 6, 12, 2, 0, 1, 1) + bytes([0b11]) + sack_ranges + struct.pack("<II", 672, 640)

frames = {
    "HELLO of the host": frame(0x01, struct.pack("<BBH8sIH", 0, 0, 8192, NONCE, 0, 0), 0, 1),
    "HELLO of the meter": frame(0x41, struct.pack("<BBH8sI8sIHHHHIIBBIIHQH", 1, 0, 8192, NONCE, 0, DEVICE_ID, boot_epoch, 1, 0x121D, 1, 0x1150,
                                                  0x00010000, 3, 0, 16, 1048576, 65535, 16, 0x0102030405060707, 0), 0, 1),
    "OFFER": frame(0x02, struct.pack("<BBHI", 1, 0, len(manifest), offer_nonce) + manifest + ota_header + gbcs, 0, 2),
    "BUSY": frame(0x47, struct.pack("<BBHI", 1, 0, 0, 500), 0, 2),
    "ACCEPT": frame(0x42, struct.pack("<BBHIIHH", 0, 8, 0, offer_nonce, 4, 8192, 0) + digest, TAG, 2),
    "NACK": frame(0x45, struct.pack("<BBHII", 1, 0, 1, 0, 320), TAG, 2),
    "DATA": frame(0x03, three["manufacturerImage"][512:544], TAG, 4, (2, 0)),
    "PING": frame(0x0A, b"", TAG, 3),
    "SACK": frame(0x44, sack, TAG, 3),
    "MAP of the host": frame(0x04, struct.pack("<H", 0), TAG, 4),
    "MAP of the meter": frame(0x46, struct.pack("<HH", 0, 3) + bytes([0b011]), TAG, 4),
    "STATE of the host": frame(0x08, b"", 0, 5),
    "STATE of the meter": frame(0x4A, struct.pack("<BBHHH", 1, 0, 2, 3, 0) + digest + struct.pack("<II", boot_epoch, 0x00010000), 0, 5),
    "READ_VERSION": frame(0x07, NONCE, 0, 6),
    "OUTCOME of a version": frame(0x49, outcome(3, 0, OLD_HASH, bytes(32), OLD_HASH, NONCE), 0, 6),
    "SEAL": frame(0x05, digest + NONCE, TAG, 7),
    "SEALED": frame(0x48, outcome(1, 0, image_hash, digest, OLD_HASH, NONCE), TAG, 7),
    "ALERT": frame(0x4B, struct.pack("<HHI", 0x8F72, 32, 1_700_000_000) + image_hash),
    # Said again after the restart and a HELLO with number 9.
    "ACTIVATE": frame(0x06, three["authorisation"] + NONCE, 0, 10),
    "OUTCOME": frame(0x49, outcome(2, 0, image_hash, digest, image_hash, NONCE, 0x0102030405060708, 0x00020001, 7, boot_epoch + 1), 0, 10),
    # Of other conversations.
    "ABORT": frame(0x09, bytes([1]), TAG, 7),
    "REFUSE": frame(0x43, struct.pack("<HBBI", 14, 2, 0, 3), 0, 2),
}
run = bytes(range(1, 255)) + b"\0" + bytes(range(1, 4))
vector = {
    "sessionTag": TAG,
    "frames": {name: octets.hex() for name, octets in frames.items()},
    "cobs": {"plain": run.hex(), "encoded": cobs(run).hex(), "ping": cobs(frames["PING"]).hex()},
}
HERE.with_name("frames.json").write_text(json.dumps(vector, indent=1) + "\n")
