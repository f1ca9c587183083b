"""Tests of the Python side: /usr/bin/python3 -m unittest (from this folder)."""
import io
import json
import contextlib
import os
import pty
import random
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time
import tty
import unittest
import zlib

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

import meter as meter_module
import ota1 as o
import verify_package
from host import Host

HERE = os.path.dirname(os.path.abspath(__file__))
SPEC = os.environ.get("SPEC", os.path.join(HERE, "../../../protocol/docs/SPEC.md"))
DEVICE = "00-DB-12-34-56-78-9A-BC"
MAN, TYPE, HW = 0x121D, 0x0001, 0x1111
OLD_HASH = bytes(range(32))


class Keys:
    def __init__(self, folder, **scalars):
        self.folder = folder
        for role in ("manufacturer", "supplier", "dco", "device", "stranger"):
            scalar = scalars.get(role)
            key = ec.derive_private_key(scalar, ec.SECP256R1()) if scalar else ec.generate_private_key(ec.SECP256R1())
            setattr(self, role, key)
            with open(self.pub(role), "wb") as f:
                f.write(key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo))
            with open(os.path.join(folder, role + ".key"), "wb") as f:
                f.write(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))

    def pub(self, role):
        return os.path.join(self.folder, role + ".pem")

    def profile(self, **changes):
        p = {"deviceId": DEVICE, "deviceClass": 1, "manufacturerCode": "121D", "imageType": "0001", "hardwareVersion": "1111",
             "runningVersion": "00010000", "securityCounter": 5, "runningImageHash": OLD_HASH.hex(), "slotBytes": 2_000_000,
             "blockShiftMax": 12, "windowBlocks": 16,
             "trust": {r: [self.pub(r)] for r in ("manufacturer", "supplier", "dco")},
             "deviceKey": os.path.join(self.folder, "device.key")}
        p.update(changes)
        return p


class Image:
    def __init__(self, keys, size=5000, shift=8, version=0x00020000, counter=6, seed=1, signer=None, image=None, **kw):
        self.data = image or random.Random(seed).randbytes(size)
        self.header = o.ota_header(MAN, TYPE, version, len(self.data), HW, HW, b"test")
        fields = dict(block_shift=shift, manufacturer_code=MAN, image_type=TYPE, file_version=version, hw_min=HW, hw_max=HW,
                      security_counter=counter)
        fields.update(kw)
        self.octets = o.build_manifest(signer or keys.manufacturer, self.data, self.header, **fields)
        self.gbcs = o.sign(keys.supplier, self.data)
        try:
            self.manifest = o.Manifest(self.octets)
        except o.Refusal:
            return
        self.blocks = o.sign_blocks(keys.manufacturer, self.manifest, self.data)

    def package(self):
        return o.build_container(self.octets, self.header, self.gbcs, self.blocks)

    def part(self, first, run):
        return o.build_container(self.octets, self.header, self.gbcs, self.blocks[first:first + run], first, 2)

    def offer(self, nonce=1, flags=0):
        return struct.pack("<BBHI", flags, 0, len(self.octets), nonce) + self.octets + self.header + self.gbcs


class WithKeys(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="ota1-test-")
        cls.keys = Keys(cls.folder)
        cls.image = Image(cls.keys)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder)


class TestCoding(unittest.TestCase):
    def test_checks(self):
        self.assertEqual(o.crc16(b"123456789"), 0x29B1)
        self.assertEqual(zlib.crc32(b"123456789"), 0xCBF43926)

    def test_cobs_known(self):
        for plain, coded in ((b"", b"\x01"), (b"\0", b"\x01\x01"), (b"\0\0", b"\x01\x01\x01"), (b"\x11\x22\0\x33", b"\x03\x11\x22\x02\x33"),
                             (b"\x11\0\0\0", b"\x02\x11\x01\x01\x01"), (b"\x11" * 255, b"\xff" + b"\x11" * 254 + b"\x02\x11")):
            self.assertEqual(o.cobs_encode(plain), coded)
            self.assertEqual(o.cobs_decode(coded), plain)
        full = bytes(range(1, 255))
        self.assertEqual(o.cobs_decode(b"\xff" + full), full)
        self.assertEqual(o.cobs_decode(b"\xff" + full + b"\x01"), full)
        self.assertEqual(o.cobs_decode(b"\xff" + full + b"\x01\x01"), full + b"\0")
        self.assertIsNone(o.cobs_decode(b"\x05ab"))

    def test_cobs_random(self):
        rng = random.Random(7)
        for n in list(range(0, 20)) + [253, 254, 255, 256, 507, 508, 509, 762, 8216]:
            for zeros in (0.0, 0.004, 0.5):
                data = bytes(0 if rng.random() < zeros else rng.randrange(1, 256) for _ in range(n))
                coded = o.cobs_encode(data)
                self.assertNotIn(0, coded)
                self.assertLessEqual(len(coded), o.COBS_MAX)
                self.assertEqual(o.cobs_decode(coded), data)

    def test_stream(self):
        d = o.StreamDecoder()
        line = b"\0\0" + o.cobs_encode(b"one\0") + b"\0\0" + b"\x02" * 9000 + b"\0" + o.cobs_encode(b"two") + b"\0"
        got = []
        for i in range(0, len(line), 7):
            got += d.feed(line[i:i + 7])
        self.assertEqual(got, [b"one\0", b"two"])

    def test_frames(self):
        f = o.decode_frame(o.encode_frame(o.SEAL, 0x01020304, 9, b"x" * 40))
        self.assertEqual((f.type, f.tag, f.seq, f.payload, f.spoilt), (o.SEAL, 0x01020304, 9, b"x" * 40, False))
        raw = o.encode_frame(o.DATA, 1, 2, b"y" * 100, block=300, offset=70000)
        self.assertEqual(len(raw), 124)
        self.assertEqual(raw[:18].hex(), "10036400" "01000000" "02000000" "2c01" "70110100")
        f = o.decode_frame(raw)
        self.assertEqual((f.block, f.offset, f.payload), (300, 70000, b"y" * 100))
        self.assertTrue(o.decode_frame(raw[:60] + b"z" + raw[61:]).spoilt)
        self.assertTrue(o.decode_frame(raw[:60]).spoilt)
        self.assertIsNone(o.decode_frame(b"\x11" + raw[1:]))
        ping = o.encode_frame(o.PING, 1, 2)
        self.assertEqual(len(ping), 18)
        self.assertIsNone(o.decode_frame(ping[:-1] + bytes((ping[-1] ^ 1,))))
        self.assertIsNone(o.decode_frame(ping + b"\1"))


class TestSignatures(WithKeys):
    def test_low_s(self):
        key = self.keys.manufacturer
        pub = o.PublicKey(key.public_key())
        for i in range(8):
            sig = o.sign(key, b"m%d" % i)
            s = int.from_bytes(sig[32:], "big")
            self.assertLessEqual(s, o.HALF_N)
            high = sig[:32] + (o.N - s).to_bytes(32, "big")
            self.assertTrue(pub.verify(sig, b"m%d" % i))
            self.assertFalse(pub.verify(high, b"m%d" % i))
            self.assertTrue(pub.verify(high, b"m%d" % i, low_s=False))
        for bad in (bytes(64), sig[:32] + bytes(32), bytes(32) + sig[32:], o.N.to_bytes(32, "big") + sig[32:], sig[:63]):
            self.assertFalse(pub.verify(bad, b"m7", low_s=False))


class TestPackages(WithKeys):
    def code(self, data, manufacturer=None, supplier=None):
        pub = lambda k: [o.PublicKey(k.public_key())]
        try:
            o.Package(data).verify(pub(manufacturer or self.keys.manufacturer), pub(supplier or self.keys.supplier))
            return "ok"
        except o.Refusal as r:
            return r.code

    def repack(self, image, **kw):
        v = dict(vars(image), **kw)
        return o.build_container(v["octets"], v["header"], v["gbcs"], v["blocks"])

    def test_good(self):
        self.assertEqual(self.code(self.image.package()), "ok")
        self.assertEqual(self.code(self.image.part(3, 4)), "ok")
        self.assertEqual(self.code(self.image.part(0, 20), supplier=self.keys.stranger), "gbcsSignature")
        self.assertEqual(self.code(self.image.part(0, 19), supplier=self.keys.stranger), "ok")
        high = self.image.gbcs[:32] + (o.N - int.from_bytes(self.image.gbcs[32:], "big")).to_bytes(32, "big")
        self.assertEqual(self.code(self.repack(self.image, gbcs=high)), "ok")

    def test_container(self):
        p, k = self.image.package(), self.keys
        self.assertEqual(self.code(p[:-1]), "truncated")
        self.assertEqual(self.code(p[:10]), "truncated")
        self.assertEqual(self.code(p + b"\0"), "trailingOctets")
        for at in (30, 200, 260, 340, 400, 2000, len(p) - 1):
            self.assertEqual(self.code(p[:at] + bytes((p[at] ^ 1,)) + p[at + 1:]), "badCrc", at)
        self.assertEqual(self.code(b"X" + p[1:]), "malformed")
        self.assertEqual(self.code(p[:4] + b"\2" + p[5:]), "unsupportedVersion")
        self.assertEqual(self.code(p[:5] + b"\1" + p[6:]), "unsupportedVersion")
        self.assertEqual(self.code(p[:6] + b"\3" + p[7:]), "unknownKind")
        self.assertEqual(self.code(p[:7] + b"\1" + p[8:]), "malformed")
        self.assertEqual(self.code(p[:22] + b"\1" + p[23:]), "malformed")
        longer = p[:8] + struct.pack("<I", len(p) + 4) + p[12:]
        n = 148 + len(self.image.octets)
        for at, value, code in ((12, 1, "malformed"), (16, 0, "malformed"), (16, 19, "malformed"), (16, 21, "malformed")):
            head = p[:at] + struct.pack("<I", value) + p[at + 4:n]
            self.assertEqual(self.code(head + struct.pack("<I", zlib.crc32(head)) + p[n + 4:]), code)
        short = o.build_container(self.image.octets[:187], self.image.header, self.image.gbcs, self.image.blocks)
        self.assertEqual(self.code(short), "truncated")
        longer = longer[:n] + struct.pack("<I", zlib.crc32(longer[:n])) + longer[n + 4:] + bytes(4)
        self.assertEqual(self.code(longer), "badLength")
        self.assertEqual(self.code(p, manufacturer=k.stranger), "unknownKey")
        self.assertEqual(self.code(p, supplier=k.stranger), "gbcsSignature")

    def test_inside(self):
        i, k = self.image, self.keys
        self.assertEqual(self.code(self.repack(i, header=bytes(60))), "otaHeaderMismatch")
        swapped = [i.blocks[1], i.blocks[0]] + i.blocks[2:]
        self.assertEqual(self.code(self.repack(i, blocks=swapped)), "blockSignature")
        self.assertEqual(self.code(self.repack(i, octets=i.octets[:-1] + bytes((i.octets[-1] ^ 1,)))), "badSignature")
        for changes, code in ((dict(major=2), "unsupportedVersion"), (dict(profile=2), "unsupportedProfile"),
                              (dict(encoding=1), "unsupportedEncoding"), (dict(res1=1), "malformed"), (dict(res2=1), "malformed"),
                              (dict(decoded_bytes=1), "malformed"), (dict(block_count=19), "malformed"),
                              (dict(applicable=(2, 1)), "malformed"), (dict(minor=3), "ok"),
                              (dict(tlvs=struct.pack("<HH", 0x8001, 0)), "unknownCriticalField"),
                              (dict(tlvs=struct.pack("<HH", 7, 1) + b"x"), "ok"),
                              (dict(tlvs=struct.pack("<HH", 1, 3) + b"v 2"), "ok"),
                              (dict(tlvs=struct.pack("<HH", 1, 0)), "malformed"),
                              (dict(tlvs=struct.pack("<HHHH", 7, 0, 7, 0)), "malformed"),
                              (dict(tlvs=struct.pack("<HH", 7, 2) + b"x"), "malformed"),
                              (dict(tlvs=struct.pack("<HH", 0x8001, 0) + b"x"), "malformed"),
                              (dict(tlvs=struct.pack("<HH", 1, 65) + b"x" * 65), "malformed"),
                              (dict(tlvs=struct.pack("<HH", 1, 1) + b"\xff"), "malformed"),
                              (dict(tlvs=struct.pack("<HHHH", 0x8001, 0, 7, 0)), "malformed"),
                              (dict(tlvs=struct.pack("<HH", 7, 833) + bytes(833)), "malformed"),
                              (dict(tlvs=struct.pack("<HH", 7, 832) + bytes(832)), "ok"),
                              (dict(profile=2, encoding=1, res1=1), "unsupportedProfile"), (dict(encoding=1, res1=1), "unsupportedEncoding"),
                              (dict(profile=2, tlvs=struct.pack("<HH", 0x8001, 0)), "unsupportedProfile"),
                              (dict(major=2, res1=1, profile=2), "unsupportedVersion"),
                              (dict(hw_max=0x1110), "malformed"), (dict(hw_max=0x1112), "otaHeaderMismatch"),
                              (dict(image_hash=bytes(32)), "imageHashMismatch")):
            other = Image(k, **changes)
            data = self.repack(other, blocks=getattr(other, "blocks", i.blocks))
            self.assertEqual(self.code(data), code, changes)

    def test_program(self):
        path = os.path.join(self.folder, "p.pkg")
        with open(path, "wb") as f:
            f.write(self.image.package())
        args = [path, "--manufacturer", self.keys.pub("manufacturer"), "--supplier"]
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            self.assertEqual(verify_package.main(args + [self.keys.pub("supplier"), "--json"]), 0)
            self.assertEqual(verify_package.main(args + [self.keys.pub("dco")]), 14)
            with open(path, "wb") as f:
                f.write(self.image.part(5, 3))
            self.assertEqual(verify_package.main(args + [self.keys.pub("supplier")]), 0)
            self.assertEqual(verify_package.main([path + ".none"] + args[1:] + [self.keys.pub("supplier")]), 2)
        good, bad, part = [json.loads(line) for line in out.getvalue().splitlines()]
        self.assertEqual((part["ok"], part["blockCount"]), (True, 20))
        self.assertEqual((good["ok"], good["blockCount"], good["imageHash"]), (True, 20, self.image.manifest.image_hash.hex()))
        self.assertEqual((bad["ok"], bad["code"]), (False, "gbcsSignature"))


class Rig:
    """A meter in this process, a clock that the test moves, hand-made frames."""

    def __init__(self, case, folder=None, fail_trial=False, **profile):
        self.case, self.now, self.wall, self.sent, self.number = case, 1000.0, 1_700_000_000, [], 0
        self.folder = folder or tempfile.mkdtemp(dir=case.folder)
        self.profile = meter_module.Profile(case.keys.profile(**profile))
        self.fail_trial = fail_trial
        self.start()

    def start(self):
        self.m = meter_module.Meter(self.profile, self.folder, self.sent.append, clock=lambda: self.now, wall=lambda: self.wall,
                                    fail_trial=self.fail_trial)

    def tell(self, mtype, payload=b"", tag=0, seq=None, **kw):
        self.number += 1
        self.sent.clear()
        self.m.on_frame(o.encode_frame(mtype, tag, self.number if seq is None else seq, payload, **kw))
        return [o.decode_frame(x) for x in self.sent]

    def ask(self, mtype, payload=b"", want=None, tag=0, answer=None, **kw):
        got = [f for f in self.tell(mtype, payload, tag, **kw) if f.type != o.M_ALERT]
        self.case.assertEqual(len(got), 1, [hex(f.type) for f in got])
        if want is not None:
            self.case.assertEqual(hex(got[0].type), hex(want))
            self.case.assertEqual(got[0].seq, kw.get("seq", self.number) if answer is None else answer)
        return got[0]

    def refused(self, code, mtype, payload=b"", detail=None, **kw):
        self.now += 0.2
        f = self.ask(mtype, payload, o.M_REFUSE, **kw)
        got, request, _, d = struct.unpack("<HBBI", f.payload)
        self.case.assertEqual((o.NAMES[got], request), (code, mtype))
        if detail is not None:
            self.case.assertEqual(d, detail)
        return f

    def offer(self, image, nonce=1, flags=0):
        f = self.ask(o.OFFER, image.offer(nonce, flags), o.M_ACCEPT)
        self.tag, self.seq = f.tag, 0
        self.case.assertNotEqual(f.tag, 0)
        names = "status blockShift durable nonce credit size reserved digest".split()
        return dict(zip(names, struct.unpack("<BBHIIHH32s", f.payload)))

    def data(self, image, block, octets=None, offset=0, seq=None, tag=None):
        if seq is None:
            self.seq += 1
            seq = self.seq
        octets = image.blocks[block] if octets is None else octets
        return self.tell(o.DATA, octets, self.tag if tag is None else tag, seq, block=block, offset=offset)

    def sack(self, f):
        self.case.assertEqual(f.type, o.M_SACK)
        v = dict(zip("highest seen credit held durable first d r".split(), struct.unpack_from("<IQIHHHBB", f.payload)))
        v["bits"] = f.payload[24:24 + v["d"]]
        v["ranges"] = [struct.unpack_from("<HII", f.payload, 24 + v["d"] + 10 * k) for k in range(v["r"])]
        v["received"], v["stored"] = struct.unpack("<II", f.payload[24 + v["d"] + 10 * v["r"]:])
        return v

    def ping(self):
        return self.sack(self.ask(o.PING, want=o.M_SACK, tag=self.tag))

    def state(self):
        f = self.ask(o.STATE, want=o.M_STATE)
        return dict(zip("phase r durable count r2 digest epoch version".split(), struct.unpack("<BBHHH32sII", f.payload)))

    def outcome(self, mtype, payload, nonce, want=o.M_OUTCOME):
        f = self.ask(mtype, payload + nonce, want)
        out = o.Outcome(f.payload, o.PublicKey(self.case.keys.device.public_key()))
        self.case.assertEqual(out.nonce, nonce)
        return out

    def seal(self, image, nonce=b"sealnonc"):
        return self.outcome(o.SEAL, image.manifest.digest, nonce, o.M_SEALED)

    def fill(self, image, only=None):
        for i in range(image.manifest.block_count) if only is None else only:
            self.data(image, i)

    def sealed(self, image):
        self.offer(image)
        self.fill(image)
        self.case.assertEqual(self.seal(image).code, 0)
        return self

    def later(self, seconds):
        self.now += seconds
        self.sent.clear()
        self.m.tick()


class TestMeter(WithKeys):
    def auth(self, image, counter=10, **kw):
        fields = dict(device_id=o.parse_eui(DEVICE), image_hash=image.manifest.image_hash, manifest_digest=image.manifest.digest)
        fields.update(kw)
        supplier, dco = fields.pop("supplier", self.keys.supplier), fields.pop("dco", self.keys.dco)
        return o.build_authorisation(supplier, dco, counter=counter, **fields)

    def test_hello_state_version(self):
        rig = Rig(self)
        f = rig.ask(o.HELLO, struct.pack("<BBH8sIH", 0, 0, 8192, b"nonce678", 0, 0), o.M_HELLO)
        self.assertEqual(len(f.payload), 66)
        self.assertEqual(f.payload[4:12], b"nonce678")
        self.assertEqual(f.payload[16:24].hex(), "00db123456789abc")
        self.assertEqual(struct.unpack_from("<IHHHHII", f.payload, 24), (1, 1, MAN, TYPE, HW, 0x10000, 5))
        self.assertEqual(struct.unpack_from("<BBIIHQH", f.payload, 44), (0, 12, 2_000_000, 65535, 16, 0, 0))
        self.assertEqual((rig.state()["phase"], rig.state()["digest"]), (0, bytes(32)))
        out = rig.outcome(o.READ_VERSION, b"", b"12345678")
        self.assertEqual((out.kind, out.code, out.image_hash, out.running_hash, out.floor), (3, 0, OLD_HASH, OLD_HASH, 5))
        rig.refused("unsupportedVersion", o.HELLO, bytes(18), version=0x20, answer=0)
        rig.now += 0.2
        rig.sent.clear()
        rig.m.on_frame(o.encode_frame(o.HELLO, 9, 9, bytes(40), version=0x2F)[:14])            # only its CRC-16 counts
        self.assertEqual([(f.type, f.seq, f.tag, f.payload) for f in map(o.decode_frame, rig.sent)],
                         [(o.M_REFUSE, 0, 0, bytes.fromhex("0200010000000000"))])
        self.assertEqual(rig.tell(o.STATE, version=0x20), [])
        rig.ask(o.STATE, want=o.M_STATE, version=0x13)
        rig.refused("unknownMessage", 0x30)
        self.assertEqual(rig.tell(0x30), [])                    # once in 100 ms
        rig.refused("noSession", o.MAP, bytes(2), tag=77)
        rig.refused("noSession", o.DATA, b"x", tag=77)
        self.assertEqual(rig.ask(o.PING).type, o.M_STATE)
        self.assertEqual(rig.ask(o.ABORT, b"\0").type, o.M_STATE)

    def test_offer_refusals(self):
        k, rig = self.keys, Rig(self)
        rig.refused("malformed", o.OFFER, b"xx")
        rig.refused("malformed", o.OFFER, self.image.offer()[:-1])
        bad = bytearray(self.image.offer())
        bad[8 + len(self.image.octets) + 30] ^= 1
        rig.refused("otaHeaderMismatch", o.OFFER, bytes(bad))
        for image, code, detail in (
                (Image(k, major=2), "unsupportedVersion", 0), (Image(k, profile=2), "unsupportedProfile", 0),
                (Image(k, signer=k.stranger), "unknownKey", 0),
                (Image(k, signer=k.stranger, key_id=o.PublicKey(k.manufacturer.public_key()).key_id), "badSignature", 0),
                (Image(k, device_class=2), "wrongDeviceClass", 0), (Image(k, counter=4), "counterTooLow", 5),
                (Image(k, counter=5), "counterUsed", 0), (Image(k, applicable=(0, 0xFFFF)), "versionNotApplicable", 0x10000),
                (Image(k, size=2_000_001, shift=16), "imageTooLarge", 2_000_000), (Image(k, shift=13), "geometryUnsupported", 12)):
            rig.refused(code, o.OFFER, image.offer(), detail)
        for change, code in ((dict(manufacturerCode="121E"), "wrongManufacturer"), (dict(imageType="0002"), "wrongImageType"),
                             (dict(hardwareVersion="1112"), "wrongHardware")):
            Rig(self, **change).refused(code, o.OFFER, self.image.offer())

    def test_transfer_resume_and_repeats(self):
        image, rig = self.image, Rig(self)
        a = rig.offer(image)
        self.assertEqual((a["status"], a["blockShift"], a["durable"], a["credit"], a["digest"]), (0, 8, 0, 16, image.manifest.digest))
        tag = rig.tag
        self.assertEqual(rig.ask(o.OFFER, image.offer(), o.M_ACCEPT).tag, tag)              # a repeat: the same session
        rig.fill(image, (0, 1, 2, 9))
        s = rig.ping()
        self.assertEqual((s["highest"], s["seen"], s["durable"], s["credit"], s["first"], s["bits"]), (4, 7, 4, 20, 0, b"\x07\x02"))
        self.assertEqual((s["received"], s["stored"], s["ranges"]), (4 * 320, 4 * 320, []))
        rig.refused("otherImageHeld", o.OFFER, Image(self.keys, seed=2).offer())
        rig.start()                                                                           # the power is cut
        rig.refused("noSession", o.DATA, b"x", tag=tag)
        st = rig.state()
        self.assertEqual((st["phase"], st["durable"], st["count"], st["epoch"]), (1, 4, 20, 2))
        a = rig.offer(image, nonce=2)
        self.assertEqual((a["status"], a["durable"]), (0, 4))
        self.assertNotEqual(rig.tag, tag)
        f = rig.ask(o.MAP, struct.pack("<H", 0), o.M_MAP, tag=rig.tag)
        self.assertEqual(f.payload, struct.pack("<HH", 0, 20) + b"\x07\x02\x00")
        f = rig.ask(o.MAP, struct.pack("<H", 16), o.M_MAP, tag=rig.tag)
        self.assertEqual(f.payload, struct.pack("<HH", 16, 4) + b"\x00")
        f = rig.ask(o.MAP, struct.pack("<H", 24), o.M_MAP, tag=rig.tag)
        self.assertEqual(f.payload, struct.pack("<HH", 24, 0))
        rig.data(image, 0)                                                                    # already durable: received, dropped
        s = rig.ping()
        self.assertEqual((s["highest"], s["durable"], s["credit"], s["received"], s["stored"]), (1, 4, 16, 320, 0))
        rig.refused("incomplete", o.SEAL, image.manifest.digest + bytes(8), 16)
        last = []
        for i in range(20):
            last = rig.data(image, i)
        s = rig.sack(last[-1])
        self.assertEqual((s["durable"], s["first"], s["bits"], s["credit"]), (20, 16, b"\x0f", 32))
        self.assertEqual(rig.state()["phase"], 2)
        self.assertEqual(rig.seal(image, b"one.....").code, 0)
        again = rig.seal(image, b"two.....")
        self.assertEqual((again.code, again.image_hash, again.running_hash), (0, image.manifest.image_hash, OLD_HASH))
        self.assertEqual(rig.offer(image, nonce=3)["status"], 2)
        rig.refused("noSession", o.DATA, b"x", tag=rig.tag)
        self.assertEqual(rig.state()["phase"], 3)
        rig.start()
        self.assertEqual(rig.state()["phase"], 3)
        got = rig.tell(o.OFFER, Image(self.keys, seed=2).offer(flags=1))                      # replaces a sealed image
        self.assertEqual([f.type for f in got], [o.M_ALERT, o.M_ACCEPT])
        self.assertEqual(struct.unpack_from("<H", got[0].payload)[0], 0x8F67)
        self.assertEqual(rig.state()["durable"], 0)

    def test_fragments_and_nacks(self):
        image, rig = self.image, Rig(self)
        rig.offer(image)
        b = image.blocks
        self.assertEqual(rig.data(image, 0, b[0][:100]), [])
        self.assertEqual(rig.data(image, 0, b[0][200:], 200), [])
        s = rig.ping()
        self.assertEqual((s["ranges"], s["durable"]), ([(0, 0, 100), (0, 200, 120)], 0))
        self.assertEqual(rig.data(image, 0, b[0][80:220], 80), [])
        self.assertEqual(rig.ping()["durable"], 1)
        (n,) = rig.data(image, 1, b[2])                                                       # a wrong signature for this block
        self.assertEqual((n.type, n.seq, struct.unpack("<BBHII", n.payload)[:3]), (o.M_NACK, 0, (2, 0, 1)))
        s = rig.ping()
        self.assertEqual((s["durable"], s["ranges"]), (1, []))
        rig.data(image, 1)
        self.assertEqual(rig.ping()["durable"], 2)
        for block, offset, octets in ((20, 0, b"x"), (3, 320, b"x"), (3, 300, bytes(21)), (19, 200, b"x")):
            (n,) = rig.tell(o.DATA, octets, rig.tag, rig.seq + 1, block=block, offset=offset)
            rig.seq += 1
            self.assertEqual((n.seq, struct.unpack("<BBHII", n.payload)), (rig.seq, (3, 0, block, offset, len(octets))))
        rig.seq += 1
        raw = o.encode_frame(o.DATA, rig.tag, rig.seq, b[4], block=4)
        rig.sent.clear()
        rig.m.on_frame(raw[:70] + bytes((raw[70] ^ 1,)) + raw[71:])
        n = o.decode_frame(rig.sent[0])
        self.assertEqual((n.type, n.seq, struct.unpack("<BBHII", n.payload)), (o.M_NACK, rig.seq, (1, 0, 4, 0, 320)))
        (g,) = rig.data(image, 4)                                                             # the spoilt number is a gap now
        s = rig.sack(g)
        self.assertEqual((s["highest"], s["seen"] & 3), (rig.seq, 2))
        rig.data(image, 5, seq=rig.seq - 1)
        self.assertEqual(rig.ping()["seen"] & 3, 3)
        self.assertEqual(rig.data(image, 6, b[6][:10], seq=rig.seq + 200)[0].type, o.M_SACK)
        self.assertEqual(rig.ping()["seen"], 0)

    def test_credit_and_room(self):
        image, rig = self.image, Rig(self, windowBlocks=4)
        self.assertEqual(rig.offer(image)["credit"], 4)
        for i in range(4):
            rig.data(image, i, image.blocks[i][:50])
        self.assertEqual(rig.data(image, 4), [])                                              # no room: as if lost
        s = rig.ping()
        self.assertEqual((s["highest"], s["credit"], len(s["ranges"]), s["received"]), (4, 4, 4, 200))
        rig.seq = 4
        for i in range(4):
            rig.data(image, i, image.blocks[i][50:], 50)
        s = rig.ping()
        self.assertEqual((s["durable"], s["credit"]), (4, 8))
        got = [f.type for i in range(4, 8) for f in rig.data(image, i)]
        self.assertEqual(got, [o.M_SACK] * 2)                                                 # every max(2, 4 / 4) durable blocks

    def test_when_a_sack_is_sent(self):
        image = Image(self.keys, size=80 * 256)
        for window, every in ((2, 1), (3, 1), (4, 2), (11, 2), (12, 3), (16, 4), (64, 16)):
            rig = Rig(self, windowBlocks=window)
            rig.offer(image)
            got = [len(rig.data(image, i)) for i in range(2 * every)]
            self.assertEqual(got, ([0] * (every - 1) + [1]) * 2, window)
        rig = Rig(self, windowBlocks=64)                                                      # 48 frames
        rig.offer(image)
        got = [[f.type for f in rig.data(image, 0, image.blocks[0][i:i + 1], i)] for i in range(48)]
        self.assertEqual(got, [[]] * 47 + [[o.M_SACK]])
        rig.ping()
        got = [rig.data(image, 0, b"", 0, seq=rig.seq + 1)] + [rig.data(image, 0, image.blocks[0][:1]) for _ in range(48)]
        self.assertEqual([[f.type for f in g] for g in got], [[o.M_REFUSE]] + [[]] * 47 + [[o.M_SACK]])
        self.assertEqual(rig.data(image, 0, image.blocks[0][:1], seq=rig.seq + 2)[0].type, o.M_SACK)      # newly missing
        self.assertEqual(rig.data(image, 0, image.blocks[0][:1], seq=rig.seq + 3), [])                    # not newly
        self.assertEqual(rig.sack(rig.data(image, 1, seq=rig.seq + 5)[0])["seen"] & 15, 0b0110)
        self.assertEqual(rig.sack(self.first_at(image, 2)[0])["seen"], 0)
        self.assertEqual(self.first_at(image, 1), [])

    def first_at(self, image, seq):
        rig = Rig(self)
        rig.offer(image)
        return rig.data(image, 0, b"x", seq=seq)

    def test_order_of_ranges(self):
        image, rig = self.image, Rig(self)
        rig.offer(image)
        b = image.blocks
        for i in (9, 2, 5):
            rig.data(image, i, b[i][10:20], 10)
        rig.data(image, 2, b[2][:5], 0)
        rig.data(image, 9, b[3])                                                              # fails only once whole
        (n,) = rig.data(image, 5, b[6])
        self.assertEqual(n.type, o.M_NACK)
        rig.data(image, 5, b[5][:1], 0)
        self.assertEqual(rig.ping()["ranges"], [(2, 0, 5), (2, 10, 10), (5, 0, 1)])
        for i in range(40):
            rig.data(image, 12, b[12][2 * i:2 * i + 1], 2 * i)
        s = rig.ping()
        self.assertEqual((len(s["ranges"]), s["ranges"][2], s["ranges"][31]), (32, (5, 0, 1), (12, 56, 1)))

    def test_short_messages_and_limits(self):
        image, rig = self.image, Rig(self)
        rig.offer(image)
        for mtype, least in ((o.HELLO, 18), (o.OFFER, 8), (o.DATA, 1), (o.MAP, 2), (o.SEAL, 40), (o.READ_VERSION, 8), (o.ABORT, 1)):
            for n in {0, least - 1}:
                rig.refused("malformed", mtype, bytes(n), tag=rig.tag)
        rig.refused("authorisationMalformed", o.ACTIVATE, bytes(239))
        f = rig.ask(o.MAP, struct.pack("<H", 15), o.M_MAP, tag=rig.tag)                       # rounded down
        self.assertEqual(f.payload, struct.pack("<HH", 8, 12) + bytes(2))
        rig.refused("unknownMessage", 0x00)
        rig.refused("unknownMessage", 0x3F)
        rig.now += 0.2
        for mtype in (0x40, 0x42, 0x4B, 0xFF):
            self.assertEqual(rig.tell(mtype, bytes(40)), [])
        self.assertEqual(len(rig.tell(0x3F)), 1)
        self.assertEqual(rig.tell(o.MAP, bytes(2), tag=1), [])                                # all four share the 100 ms
        self.assertEqual(rig.tell(o.SEAL), [])
        self.assertEqual(rig.tell(o.HELLO, bytes(18), version=0x20), [])
        self.assertEqual(len(rig.tell(o.ACTIVATE)), 1)                                        # the others do not
        rig.now += 0.1
        f = rig.refused("noSession", o.MAP, bytes(2), tag=0x55)
        self.assertEqual(f.tag, 0x55)
        self.assertEqual(rig.refused("unsupportedVersion", o.HELLO, bytes(18), version=0x25, answer=0).version, 0x10)
        f = rig.ask(o.HELLO, bytes(30), o.M_HELLO, version=0x1F)                              # another minor, more octets
        self.assertEqual(len(f.payload), 66)
        rig.ask(o.SEAL, image.manifest.digest + bytes(9), o.M_REFUSE, tag=99)                 # the tag does not matter: incomplete
        self.assertEqual(rig.data(image, 0, b"x", seq=0), [])

    def test_offer_repeats_and_same(self):
        image, rig = self.image, Rig(self)
        rig.offer(image, nonce=7)
        tag = rig.tag
        rig.fill(image, range(4))
        a = rig.offer(image, nonce=7)
        self.assertEqual((rig.tag, a["durable"], a["credit"]), (tag, 4, 20))
        other = Image(self.keys, image=image.data)                                            # the same digest, signed anew
        self.assertEqual(other.manifest.digest, image.manifest.digest)
        self.assertNotEqual(other.gbcs, image.gbcs)
        rig.refused("otherImageHeld", o.OFFER, other.offer(8))
        self.assertEqual(rig.ask(o.PING, tag=tag).type, o.M_SACK)                             # refused: the session stays
        same = Image(self.keys, image=image.data)
        same.gbcs = image.gbcs
        self.assertEqual(rig.offer(same, nonce=8)["durable"], 4)
        self.assertNotEqual(rig.tag, tag)
        tag = rig.tag
        running = Image(self.keys, image_hash=OLD_HASH, counter=5)
        a = rig.offer(running, nonce=9)
        self.assertEqual((a["status"], a["durable"], a["credit"]), (1, 20, 0))
        self.assertEqual(rig.ask(o.PING, tag=tag).type, o.M_SACK)                             # and goes on
        self.assertEqual(rig.offer(other, nonce=10, flags=1)["durable"], 0)
        rig.fill(other)
        self.assertEqual(rig.seal(other).code, 0)
        a = rig.offer(other, nonce=11)
        self.assertEqual((a["status"], a["durable"], a["credit"]), (2, 20, 0))
        rig.refused("otherImageHeld", o.OFFER, image.offer(12))
        rig.refused("counterTooLow", o.OFFER, Image(self.keys, image_hash=OLD_HASH, counter=4).offer(), 5)

    def test_erase_budget(self):
        a, b, rig = self.image, Image(self.keys, seed=2), Rig(self)
        for i in range(24):
            rig.offer((a, b)[i & 1], nonce=i + 1, flags=1)
        rig.refused("eraseBudgetSpent", o.OFFER, a.offer(99, 1), 24)
        self.assertEqual(rig.offer(b, nonce=100)["status"], 0)                                # nothing is erased for it
        rig.now += 24 * 3600 + 1
        for i in range(24):
            rig.offer((a, b)[i & 1], nonce=i + 101, flags=1)
        rig.refused("eraseBudgetSpent", o.OFFER, a.offer(199, 1))
        rig.start()
        rig.offer(a, nonce=200, flags=1)

    def test_counts_of_two_sessions(self):
        a, b, rig = self.image, Image(self.keys, seed=2), Rig(self)

        def counts():
            s = rig.ping()
            return s["received"], s["stored"]
        rig.offer(a, nonce=1)
        self.assertEqual(counts(), (0, 0))
        rig.fill(a, (0, 0))
        rig.data(a, 1, a.blocks[1][:100])
        self.assertEqual(counts(), (740, 320))
        rig.offer(a, nonce=1)                                                                 # a repeat is no session
        self.assertEqual(counts(), (740, 320))
        for nonce in (2, 3, 4):                                                               # nothing comes in 2 and 3
            rig.offer(a, nonce)
            self.assertEqual(counts(), (740, 320))
        rig.data(a, 1)
        rig.data(a, 2, a.blocks[2][:1], 319 + 1)                                              # outside: the frame, not its octets
        self.assertEqual(counts(), (1060, 640))
        rig.offer(a, nonce=5)                                                                 # the first counts no more
        self.assertEqual(counts(), (320, 320))
        rig.data(a, 0)
        rig.data(a, 4)                                                                        # durable as the session ends
        rig.offer(a, nonce=6)
        self.assertEqual(counts(), (640, 320))
        rig.offer(b, nonce=7, flags=1)
        self.assertEqual(counts(), (0, 0))
        rig.data(b, 0)
        rig.offer(a, nonce=8, flags=1)                                                        # the slot was prepared in between
        self.assertEqual(counts(), (0, 0))
        rig.data(a, 0)
        rig.start()
        rig.offer(a, nonce=9)
        self.assertEqual(counts(), (0, 0))
        bad = Image(self.keys, seed=3)
        bad.gbcs = a.gbcs                                                                     # a seal that fails
        rig.offer(bad, nonce=10, flags=1)
        rig.fill(bad)
        self.assertEqual(rig.seal(bad).code, 4)
        rig.offer(bad, nonce=11)
        self.assertEqual(counts(), (0, 0))

    def test_sack_of_age(self):
        a, rig = self.image, Rig(self, windowBlocks=64)
        rig.offer(a)
        s = rig.ping()
        self.assertEqual((s["highest"], s["held"]), (0, 65535))
        rig.now += 1.9
        self.assertEqual(rig.data(a, 0), [])
        rig.now += 0.1
        s = rig.sack(rig.data(a, 1)[0])                                                       # both are made durable first
        self.assertEqual((s["highest"], s["held"], s["durable"], s["ranges"]), (2, 0, 2, []))
        rig.now += 1.9
        self.assertEqual(rig.data(a, 2), [])
        rig.now += 0.1
        rig.sent.clear()
        rig.m.idle()                                                                          # stored, with no DATA
        self.assertEqual(rig.sack(o.decode_frame(rig.sent[0]))["durable"], 3)
        rig.now += 1
        rig.data(a, 5, seq=5)                                                                 # a gap: no answer to a PING
        f = rig.ask(o.PING, want=o.M_SACK, tag=rig.tag)
        self.assertEqual(f.seq, rig.number)

    def test_empty_and_short_in_every_state(self):
        rig = Rig(self).sealed(self.image)
        rig.ask(o.ACTIVATE, self.auth(self.image) + bytes(8), o.M_BUSY)
        for phase in (4, 5):
            self.assertEqual(rig.state()["phase"], phase)
            rig.refused("malformed", o.DATA, seq=3)
            rig.refused("malformed", o.OFFER, self.image.offer()[:-1])
            self.assertEqual(rig.tell(o.DATA, b"x", 5, 0), [])
            rig.later(0.06)

    def test_outcome_form(self):
        def code(kind, code, at=0, octet=0):
            b = bytearray(o.build_outcome(self.keys.device, kind, code, bytes(8), bytes(32), bytes(32), bytes(32), 1, 1, 0, 1, bytes(8)))
            if at:
                b[at] = octet
            try:
                o.Outcome(bytes(b))
            except o.Refusal as r:
                return r.code
            return "ok"
        self.assertEqual([(k, c) for k in range(5) for c in range(6) if code(k, c) == "ok"],
                         [(1, 0), (1, 1), (1, 2), (1, 4), (2, 0), (2, 1), (2, 2), (2, 3), (3, 0)])
        self.assertEqual([code(1, 0, 4, 2), code(1, 0, 5, 1), code(1, 0, 140, 1)], ["unsupportedVersion", "malformed", "malformed"])

    def test_storage_fails(self):
        image, rig = self.image, Rig(self)
        rig.offer(image)
        real, os_fsync = meter_module.os.fsync, meter_module.os

        def broken(fd):
            raise OSError(5, "no")
        try:
            os_fsync.fsync = broken
            rig.fill(image, range(3))
            rig.refused("storageFailed", o.DATA, image.blocks[3], tag=rig.tag, seq=4, answer=0, block=3)
            self.assertIsNone(rig.m.session)
        finally:
            os_fsync.fsync = real
        self.assertEqual(rig.offer(image, nonce=2)["durable"], 0)
        rig.fill(image)
        try:
            os_fsync.fsync = broken
            rig.refused("storageFailed", o.SEAL, image.manifest.digest + bytes(8))
        finally:
            os_fsync.fsync = real
        self.assertEqual(rig.state()["phase"], 2)
        self.assertEqual(rig.seal(image).code, 0)

    def test_heard_and_spoilt(self):
        image, rig = self.image, Rig(self)
        rig.offer(image)
        rig.later(119)
        raw = o.encode_frame(o.DATA, rig.tag, 1, image.blocks[0], block=0)
        rig.m.on_frame(raw[:-1] + bytes((raw[-1] ^ 1,)))
        self.assertEqual(o.decode_frame(rig.sent[0]).type, o.M_NACK)
        rig.later(2)
        rig.refused("noSession", o.MAP, bytes(2), tag=rig.tag)                                # a spoilt frame is no sign of life
        rig.sent.clear()
        rig.m.on_frame(raw[:-1] + bytes((raw[-1] ^ 1,)))                                      # nor NACKed outside its session
        self.assertEqual(rig.sent, [])

    def test_abort_timeout_and_tags(self):
        image, rig = self.image, Rig(self)
        rig.offer(image)
        first = rig.tag
        rig.fill(image, (0, 1))
        rig.refused("noSession", o.DATA, b"x", tag=first ^ 1, seq=3)
        self.assertEqual(rig.ask(o.PING, tag=first ^ 1).type, o.M_STATE)
        self.assertEqual(rig.ask(o.ABORT, b"\0", tag=first).type, o.M_STATE)
        rig.refused("noSession", o.DATA, b"x", tag=first, seq=3)
        self.assertEqual(rig.offer(image)["durable"], 2)                                      # same nonce: still another tag
        self.assertNotEqual(rig.tag, first)
        rig.later(121)
        rig.refused("noSession", o.DATA, b"x", tag=rig.tag, seq=1)

    def test_seal_failures(self):
        rig = Rig(self)
        out = rig.seal(self.image)
        self.assertEqual((out.code, out.image_hash), (1, bytes(32)))
        wrong_hash = Image(self.keys, image_hash=b"\7" * 32)
        rig.offer(wrong_hash)
        rig.fill(wrong_hash)
        got = rig.tell(o.SEAL, wrong_hash.manifest.digest + bytes(8), rig.tag)
        self.assertEqual([f.type for f in got], [o.M_SEALED, o.M_ALERT])
        out = o.Outcome(got[0].payload)
        self.assertEqual((out.code, out.image_hash), (2, o.sha256(wrong_hash.data)))
        self.assertEqual(struct.unpack_from("<HH", got[1].payload), (0x8F1C, 32))
        self.assertEqual(rig.state()["phase"], 0)
        self.assertEqual(rig.seal(wrong_hash, bytes(8)).code, 2)                              # a repeat
        out = rig.seal(wrong_hash, b"another.")
        self.assertEqual((out.code, out.image_hash), (2, o.sha256(wrong_hash.data)))
        self.assertEqual(rig.seal(self.image).code, 1)
        unsigned = Image(self.keys)
        unsigned.gbcs = o.sign(self.keys.dco, unsigned.data)
        rig.offer(unsigned)
        self.assertEqual(rig.seal(wrong_hash).code, 1)                                        # the next image has begun
        rig.fill(unsigned)
        tag = rig.tag
        f = rig.ask(o.SEAL, unsigned.manifest.digest + bytes(8), o.M_SEALED)                  # tag 0 in the request
        self.assertEqual((f.tag, o.Outcome(f.payload).code), (tag, 4))
        self.assertEqual(rig.seal(unsigned).code, 4)
        self.assertEqual(rig.state()["phase"], 0)

    def test_activate(self):
        image = self.image
        rig = Rig(self).sealed(image)
        k, good = self.keys, self.auth(image)
        n = b"nonce..1"
        for octets, code in ((good[:-1], "authorisationMalformed"), (good[:5] + b"\1" + good[6:], "authorisationMalformed"),
                             (good[:4] + b"\2" + good[5:], "unsupportedVersion"), (good[:6] + b"\1" + good[7:], "authorisationMalformed"),
                             (self.auth(image, 0), "authorisationMalformed"), (self.auth(image, 1 << 63), "authorisationMalformed"),
                             (self.auth(image, not_before=2, not_after=1), "authorisationMalformed"), (b"X" + good[1:], "authorisationMalformed"),
                             (self.auth(image, device_id=bytes(8)), "authorisationWrongDevice"),
                             (self.auth(image, supplier=k.stranger), "supplierSignatureBad"),
                             (self.auth(image, dco=k.stranger), "countersignatureBad"),
                             (self.auth(image, not_before=1_700_000_001), "authorisationNotYetValid"),
                             (self.auth(image, not_after=1_699_999_999), "authorisationExpired")):
            rig.refused(code, o.ACTIVATE, octets + n)
        f = rig.ask(o.ACTIVATE, good + n, o.M_BUSY)
        self.assertEqual(f.payload[0], 3)
        self.assertEqual(rig.ask(o.ACTIVATE, good + n, o.M_BUSY).payload[0], 3)
        rig.refused("trialRunning", o.ACTIVATE, self.auth(image, 11) + n)
        rig.refused("trialRunning", o.OFFER, image.offer())
        self.assertEqual(rig.tell(o.DATA, b"x", 5), [])
        self.assertEqual(rig.ask(o.PING, want=o.M_BUSY).payload[0], 3)
        self.assertEqual(rig.state()["phase"], 4)
        rig.later(0.1)
        st = rig.state()
        self.assertEqual((st["phase"], st["epoch"], st["version"]), (5, 2, 0x20000))
        self.assertEqual(rig.ask(o.ACTIVATE, good + n, o.M_BUSY).payload[0], 4)
        self.assertEqual(rig.ask(o.SEAL, image.manifest.digest + n, o.M_BUSY).payload[0], 4)
        out = rig.outcome(o.READ_VERSION, b"", n)
        self.assertEqual((out.running_hash, out.floor), (image.manifest.image_hash, 5))
        rig.start()                                                                           # a cut during the trial
        self.assertEqual(rig.state()["phase"], 5)
        rig.later(0.4)
        out = rig.outcome(o.ACTIVATE, good, b"nonce..2")
        self.assertEqual((out.kind, out.code, out.image_hash, out.manifest_digest, out.running_hash, out.running_version, out.floor,
                          out.counter, out.boot_epoch), (2, 0, image.manifest.image_hash, image.manifest.digest,
                                                         image.manifest.image_hash, 0x20000, 6, 10, 3))
        self.assertEqual(rig.outcome(o.ACTIVATE, good, b"nonce..3").code, 0)
        rig.start()
        with open(os.path.join(rig.folder, "running.bin"), "rb") as f:
            self.assertEqual(f.read(), image.data)
        self.assertEqual(rig.outcome(o.ACTIVATE, good, b"nonce..4").code, 0)                  # and after another start
        rig.refused("originatorCounterUsed", o.ACTIVATE, self.auth(image, 9) + n, 10)
        rig.refused("originatorCounterUsed", o.ACTIVATE, self.auth(image, 10, not_before=1) + n, 10)
        # already running
        self.assertEqual(rig.offer(image, nonce=9)["status"], 1)
        epoch = rig.state()["epoch"]
        self.assertEqual(rig.outcome(o.ACTIVATE, self.auth(image, 12), b"nonce..5").code, 0)
        self.assertEqual(rig.state()["epoch"], epoch)
        self.assertEqual(rig.state()["phase"], 0)
        rig.refused("counterTooLow", o.OFFER, Image(k, counter=5, seed=3).offer(), 6)
        rig.refused("counterUsed", o.OFFER, Image(k, counter=6, seed=3).offer())

    def test_activate_nothing_or_other(self):
        rig, other = Rig(self), Image(self.keys, seed=5)
        self.assertEqual(rig.outcome(o.ACTIVATE, self.auth(self.image, 3), b"nonce..1").code, 1)
        self.assertEqual(rig.outcome(o.ACTIVATE, self.auth(self.image, 3), b"nonce..2").code, 1)
        rig.refused("originatorCounterUsed", o.ACTIVATE, self.auth(self.image, 2) + bytes(8), 3)
        rig.sealed(self.image)
        out = rig.outcome(o.ACTIVATE, self.auth(other, 4), b"nonce..3")
        self.assertEqual((out.code, out.image_hash, out.running_hash), (2, other.manifest.image_hash, OLD_HASH))

    def test_trial_that_fails(self):
        rig = Rig(self, fail_trial=True).sealed(self.image)
        good = self.auth(self.image)
        rig.ask(o.ACTIVATE, good + bytes(8), o.M_BUSY)
        for _ in range(5):
            rig.later(0.4)
        out = rig.outcome(o.ACTIVATE, good, b"nonce..1")
        self.assertEqual((out.code, out.running_hash, out.running_version, out.floor), (3, OLD_HASH, 0x10000, 5))
        self.assertEqual(rig.state()["epoch"], 5)


def read_examples():
    """(section, caption) -> octets, of SPEC §15; and the text between the examples."""
    with open(SPEC, encoding="utf-8") as f:
        text = f.read().split("<!-- examples:begin -->")[1].split("<!-- examples:end -->")[0]
    found = {}
    for part in re.split(r"^### ", text, flags=re.M)[1:]:
        section = part.split()[0]
        for caption, digits in re.findall(r"^([^\n:]+):[^\n]*\n\n```text\n([0-9A-F\s]+)```", part, flags=re.M):
            assert (section, caption) not in found, caption
            found[section, caption] = bytes.fromhex(digits)
    assert text.count("```text") == len(found)
    return found, text


def read_limits():
    with open(SPEC, encoding="utf-8") as f:
        text = f.read().split("<!-- limits:begin -->")[1].split("<!-- limits:end -->")[0]
    return {name: int(value.replace(",", "")) for name, value in re.findall(r"^\| `(\w+)`\s*\| ([0-9,]+)\s*\|$", text, flags=re.M)}


class TestExamples(unittest.TestCase):
    """Every worked example of SPEC §15."""
    MESSAGES = {"HELLO of the host": (o.HELLO, 1), "HELLO of the meter": (o.M_HELLO, 1), "OFFER": (o.OFFER, 2), "BUSY": (o.M_BUSY, 2),
                "ACCEPT": (o.M_ACCEPT, 2), "NACK": (o.M_NACK, 2), "DATA": (o.DATA, 4), "PING": (o.PING, 3), "SACK": (o.M_SACK, 3),
                "MAP of the host": (o.MAP, 4), "MAP of the meter": (o.M_MAP, 4), "STATE of the host": (o.STATE, 5),
                "STATE of the meter": (o.M_STATE, 5), "READ_VERSION": (o.READ_VERSION, 6), "OUTCOME of a version": (o.M_OUTCOME, 6),
                "SEAL": (o.SEAL, 7), "SEALED": (o.M_SEALED, 7), "ALERT": (o.M_ALERT, 0), "ACTIVATE": (o.ACTIVATE, 10),
                "OUTCOME": (o.M_OUTCOME, 10), "ABORT": (o.ABORT, 7), "REFUSE": (o.M_REFUSE, 2)}
    OTHERS = {("15.1", "Public key, " + r) for r in ("manufacturer", "supplier", "dco", "device")} | {
        ("15.2", "Manifest"), ("15.2", "What its signature covers begins with"), ("15.2", "Manifest digest"),
        ("15.3", "What the signature of block 2 covers"), ("15.3", "Its signature"),
        ("15.4", "Head of the package"), ("15.4", "OTA header"), ("15.4", "GBCS signature"), ("15.4", "CRC-32 of the head"),
        ("15.4", "CRC-32 of block 2"), ("15.5", "Authorisation"), ("15.6", "Outcome of kind activation, code success"),
        ("15.8", "254 octets that are not zero, a zero, and three more"), ("15.8", "The same, encoded"), ("15.8", "PING, encoded")}
    NONCE = bytes.fromhex("A1A2A3A4A5A6A7A8")

    @classmethod
    def setUpClass(cls):
        cls.found, cls.text = read_examples()
        cls.folder = tempfile.mkdtemp(prefix="ota1-test-")
        octets = dict(manufacturer=0x11, supplier=0x12, dco=0x13, device=0x14)
        cls.keys = Keys(cls.folder, **{r: int.from_bytes(bytes([x]) * 32, "big") for r, x in octets.items()})
        for role in octets:
            setattr(cls, role, o.PublicKey(getattr(cls.keys, role).public_key()))
        cls.data = bytes((7 * i + i // 8) % 256 for i in range(600))
        cls.manifest = o.Manifest(cls.found["15.2", "Manifest"])
        cls.header, cls.gbcs = cls.found["15.4", "OTA header"], cls.found["15.4", "GBCS signature"]

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder)

    def frame(self, name):
        f = o.decode_frame(self.found["15.7", name])
        self.assertIsNotNone(f, name)
        self.assertFalse(f.spoilt, name)
        return f

    def test_none_is_left_out(self):
        self.assertEqual(set(self.found), self.OTHERS | {("15.7", name) for name in self.MESSAGES})

    def test_keys(self):
        for role in ("manufacturer", "supplier", "dco", "device"):
            self.assertEqual(getattr(self, role).octets, self.found["15.1", "Public key, " + role], role)
        said = re.search(r"Key id of the manufacturer: `([0-9A-F]{16})`", self.text).group(1)
        self.assertEqual(self.manufacturer.key_id.hex().upper(), said)

    def test_manifest(self):
        m, octets = self.manifest, self.found["15.2", "Manifest"]
        self.assertEqual((m.key_id, m.block_shift, m.block_count, m.image_bytes, m.label),
                         (self.manufacturer.key_id, 8, 3, 600, "three blocks \u2713"))
        self.assertEqual((m.image_hash, m.ota_header_hash), (o.sha256(self.data), o.sha256(self.header)))
        m.check_signature([self.supplier, self.manufacturer])
        begin = self.found["15.2", "What its signature covers begins with"]
        self.assertEqual(m.signed[:len(begin)], begin)
        self.assertEqual(m.digest, self.found["15.2", "Manifest digest"])
        label = m.label.encode()
        again = o.build_manifest(self.keys.manufacturer, self.data, self.header, block_shift=8, manufacturer_code=m.manufacturer_code,
                                 image_type=m.image_type, file_version=m.file_version, hw_min=m.hw_min, hw_max=m.hw_max,
                                 device_class=m.device_class, security_counter=m.security_counter,
                                 applicable=(m.applicable_min, m.applicable_max), tlvs=struct.pack("<HH", 1, len(label)) + label)
        self.assertEqual(again[:-64], octets[:-64])
        self.assertEqual(o.Manifest(again).digest, m.digest)

    def blocks(self):
        """The octets of every block; the signature of block 2 is the one given."""
        b = o.sign_blocks(self.keys.manufacturer, self.manifest, self.data)
        return b[:2] + [b[2][:-64] + self.found["15.3", "Its signature"]]

    def test_block(self):
        covered = self.found["15.3", "What the signature of block 2 covers"]
        self.assertEqual(self.manifest.block_message(2, self.data[512:]), covered)
        self.assertTrue(self.manufacturer.verify(self.found["15.3", "Its signature"], covered))

    def test_container(self):
        m, head = self.manifest, self.found["15.4", "Head of the package"]
        package = o.build_container(m.octets, self.header, self.gbcs, self.blocks())
        self.assertEqual(package[:24], head)
        self.assertEqual(package[356:360], self.found["15.4", "CRC-32 of the head"])
        self.assertEqual(package[-4:], self.found["15.4", "CRC-32 of block 2"])
        p = o.Package(package)
        p.verify([self.manufacturer], [self.supplier])
        self.assertEqual((len(package), p.kind, p.header, p.gbcs), (m.block_count * 68 + 600 + 152 + len(m.octets), 1, self.header, self.gbcs))
        self.assertEqual(o.ota_header(m.manufacturer_code, m.image_type, m.file_version, 600, m.hw_min, m.hw_max, b"vector"), self.header)
        self.assertGreater(int.from_bytes(self.gbcs[32:], "big"), o.HALF_N)
        self.assertTrue(self.supplier.verify(self.gbcs, self.data, low_s=False))
        self.assertFalse(self.supplier.verify(self.gbcs, self.data))

    def test_authorisation(self):
        octets = self.found["15.5", "Authorisation"]
        a = o.Authorisation(octets)
        a.check_supplier([self.supplier])
        a.check_counter_signature([self.dco])
        device, counter = re.search(r"For meter ([0-9A-F-]{23}), counter `([0-9A-F]{16})`", self.text).groups()
        self.assertEqual((a.device_id, a.counter), (o.parse_eui(device), int(counter, 16)))
        self.assertEqual((a.image_hash, a.manifest_digest), (o.sha256(self.data), self.manifest.digest))
        again = o.build_authorisation(self.keys.supplier, self.keys.dco, a.device_id, a.image_hash, a.manifest_digest, a.counter,
                                      a.originator, a.not_before, a.not_after)
        self.assertEqual(again[:104], octets[:104])

    def check_outcome(self, octets, kind, image_hash, digest, counter):
        out = o.Outcome(octets, self.device)
        self.assertEqual((len(octets), out.kind, out.code, out.image_hash, out.manifest_digest, out.counter, out.nonce),
                         (208, kind, 0, image_hash, digest, counter, self.NONCE))
        again = o.build_outcome(self.keys.device, kind, 0, out.device_id, image_hash, digest, out.running_hash, out.running_version,
                                out.floor, counter, out.boot_epoch, out.nonce)
        self.assertEqual(again[:144], octets[:144])
        return out

    def test_outcomes(self):
        octets = self.found["15.6", "Outcome of kind activation, code success"]
        new, digest = o.sha256(self.data), self.manifest.digest
        a = o.Authorisation(self.found["15.5", "Authorisation"])
        out = self.check_outcome(octets, 2, new, digest, a.counter)
        self.assertEqual((out.device_id, out.running_hash, out.running_version, out.floor),
                         (a.device_id, new, self.manifest.file_version, self.manifest.security_counter))
        self.assertEqual(self.frame("OUTCOME").payload, octets)
        old = self.check_outcome(self.frame("SEALED").payload, 1, new, digest, 0)
        self.check_outcome(self.frame("OUTCOME of a version").payload, 3, old.running_hash, bytes(32), 0)

    def test_frames(self):
        tag, sent = re.search(r"offerNonce `0BADCAFE`: `([0-9A-F]{8})`, sent `([0-9A-F]{8})`", self.text).groups()
        tag = int(tag, 16)
        self.assertEqual(struct.pack("<I", tag).hex().upper(), sent)
        calculated = o.sha256(o.CTX_SESSION, struct.pack("<I", 5), self.manifest.digest, struct.pack("<I", 0x0BADCAFE))
        self.assertEqual(calculated[:4].hex().upper(), sent)
        of_session = ("ACCEPT", "DATA", "PING", "SACK", "NACK", "MAP of the host", "MAP of the meter", "SEAL", "SEALED", "ABORT")
        for name, (mtype, seq) in self.MESSAGES.items():
            octets, f = self.found["15.7", name], self.frame(name)
            self.assertEqual((f.type, f.seq, f.version, f.tag), (mtype, seq, 0x10, tag if name in of_session else 0), name)
            self.assertEqual(o.encode_frame(f.type, f.tag, f.seq, f.payload, f.block, f.offset), octets, name)
            self.assertEqual(o.StreamDecoder().feed(o.cobs_encode(octets) + b"\0"), [octets], name)

    def test_payloads_from_the_host(self):
        digest, n = self.manifest.digest, self.NONCE
        f = self.frame("DATA")
        self.assertEqual((f.block, f.offset, f.payload), (2, 0, self.data[512:544]))
        for name, payload in (("HELLO of the host", struct.pack("<BBH8sIH", 0, 0, 8192, n, 0, 0)),
                              ("OFFER", struct.pack("<BBHI", 1, 0, 208, 0x0BADCAFE) + self.manifest.octets + self.header + self.gbcs),
                              ("PING", b""), ("MAP of the host", b"\0\0"), ("SEAL", digest + n), ("READ_VERSION", n), ("STATE of the host", b""),
                              ("ACTIVATE", self.found["15.5", "Authorisation"] + n), ("ABORT", b"\1")):
            self.assertEqual(self.frame(name).payload, payload, name)
        self.assertEqual(self.frame("BUSY").payload, struct.pack("<BBHI", 1, 0, 0, 500))

    def test_the_meter_answers_so(self):
        """This meter, told what the host's examples say, answers octet by octet what the meter's examples say."""
        h = self.frame("HELLO of the meter").payload
        (device, epoch, device_class, man, itype, hw, version, floor, _, shift, slot, _, window, counter) = struct.unpack_from(
            "<8sIHHHHIIBBIIHQ", h, 16)
        old = o.Outcome(self.frame("SEALED").payload).running_hash
        rig = Rig(self, deviceId=device.hex(), deviceClass=device_class, manufacturerCode="%04X" % man, imageType="%04X" % itype,
                  hardwareVersion="%04X" % hw, runningVersion="%08X" % version, securityCounter=floor, runningImageHash=old.hex(),
                  slotBytes=slot, blockShiftMax=shift, windowBlocks=window)
        while rig.m.r["bootEpoch"] < epoch:
            rig.start()
        rig.m.commit(originatorCounter=counter)

        def tell(octets):
            rig.sent.clear()
            rig.m.on_frame(octets)
            return list(rig.sent)

        def gives(request, *answers):
            self.assertEqual([x.hex() for x in tell(self.found["15.7", request])], [self.found["15.7", x].hex() for x in answers], request)

        def signed(request, *answers):
            """Signatures are random: what they cover must be equal, and they hold."""
            got = tell(self.found["15.7", request])
            self.assertEqual(len(got), len(answers))
            for x, name in zip(got, answers):
                want = self.found["15.7", name]
                if len(want) == 226:
                    self.assertEqual(x[:158].hex(), want[:158].hex())
                    o.Outcome(x[14:222], self.device)
                else:
                    self.assertEqual(x.hex(), want.hex())
        gives("HELLO of the host", "HELLO of the meter")
        m, blocks = self.manifest, self.blocks()
        rig.m.p.window = struct.unpack_from("<I", self.frame("ACCEPT").payload, 8)[0]           # blocks of 256 octets have another
        low = o.build_manifest(self.keys.manufacturer, self.data, self.header, block_shift=8, manufacturer_code=man, image_type=itype,
                               file_version=m.file_version, hw_min=m.hw_min, hw_max=m.hw_max, security_counter=2)
        offer = struct.pack("<BBHI", 0, 0, len(low), 1) + low + self.header + self.gbcs
        self.assertEqual(tell(o.encode_frame(o.OFFER, 0, 2, offer)), [self.found["15.7", "REFUSE"]])
        gives("OFFER", "ACCEPT")
        tag = self.frame("ACCEPT").tag
        tell(o.encode_frame(o.DATA, tag, 1, blocks[0], block=0))
        spoilt = bytearray(o.encode_frame(o.DATA, tag, 2, blocks[1], block=1))
        spoilt[40] ^= 1
        self.assertEqual(tell(bytes(spoilt)), [self.found["15.7", "NACK"]])
        (got,) = tell(o.encode_frame(o.DATA, tag, 3, blocks[1], block=1))
        got = o.decode_frame(got)
        self.assertEqual((got.type, got.seq), (o.M_SACK, 0))                                  # 2 is newly missing
        tell(self.found["15.7", "DATA"])
        rig.now += 0.0125
        gives("PING", "SACK")
        gives("MAP of the host", "MAP of the meter")
        # these two carry 0 or the session's tag (§8): the payloads count
        for request, answer, size in (("STATE of the host", "STATE of the meter", 48), ("READ_VERSION", "OUTCOME of a version", 144)):
            (got,), want = tell(self.found["15.7", request]), self.frame(answer)
            got = o.decode_frame(got)
            self.assertEqual((got.type, got.seq, got.payload[:size]), (want.type, want.seq, want.payload[:size]))
        tell(o.encode_frame(o.DATA, tag, 5, blocks[2][32:], block=2, offset=32))
        signed("SEAL", "SEALED", "ALERT")
        (got,) = tell(self.found["15.7", "ACTIVATE"])
        self.assertEqual(o.decode_frame(got).payload[0], 3)
        rig.later(0.1)
        rig.later(0.4)
        signed("ACTIVATE", "OUTCOME")

    def test_abort(self):
        f = self.frame("ABORT")
        keys = self.keys
        rig = Rig(self)
        image = Image(keys)
        rig.offer(image)
        self.assertEqual(rig.ask(f.type, f.payload, o.M_STATE, tag=rig.tag).seq, rig.number)
        self.assertIsNone(rig.m.session)

    def test_cobs(self):
        for plain, coded in ((self.found["15.8", "254 octets that are not zero, a zero, and three more"], self.found["15.8", "The same, encoded"]),
                             (self.found["15.7", "PING"], self.found["15.8", "PING, encoded"])):
            self.assertEqual(o.cobs_encode(plain) + b"\0", coded)
            self.assertEqual(o.cobs_decode(coded[:-1]), plain)
            self.assertEqual(o.StreamDecoder().feed(coded), [plain])

    def test_limits(self):
        x, mm = read_limits(), meter_module
        for name, value in dict(
                ALERT_PAYLOAD_BYTES_MAX=64, AUTHORISATION_BODY_BYTES=o.AUTH.size, AUTHORISATION_BYTES=o.AUTH.size + 128,
                AUTHORISATION_UNCOUNTERSIGNED_BYTES=o.AUTH.size + 64, BLOCK_COUNT_MAX=mm.BLOCK_COUNT_MAX, CONTAINER_FIXED_BYTES=o.HEAD.size,
                DAY_MS=mm.ERASE_SECONDS * 1000, ENCODED_FRAME_BYTES_MAX=o.COBS_MAX, ERASES_PER_DAY_MAX=mm.ERASE_BUDGET,
                FRAME_PAYLOAD_BYTES_MAX=o.PAYLOAD_MAX, MANIFEST_FIXED_BYTES=o.FIXED.size, MANIFEST_BYTES_MIN=o.FIXED.size + 64,
                OTA_HEADER_BYTES=o.OTA_HEADER.size, OUTCOME_BYTES=o.OUTCOME.size + 64, PART_BYTES_MAX=o.PART_MAX,
                PACKAGE_BYTES_MAX=152 + 1024 + 10_240_000 + 68 * (10_240_000 >> 8), SACK_FRAMES_MAX=mm.SACK_FRAMES,
                SACK_AGE_MS_MAX=mm.SACK_AGE_SECONDS * 1000,
                SESSION_SILENCE_MS_MAX=mm.SILENCE_SECONDS * 1000, TRIAL_STARTS_MAX=mm.TRIAL_STARTS, WINDOW_BLOCKS_MIN=mm.WINDOW_MIN,
                WINDOW_BLOCKS_MAX=mm.WINDOW_MAX, BLOCK_SHIFT_MIN=8, BLOCK_SHIFT_MAX=16, MAP_BLOCKS_MAX=4096, SACK_RANGES_MAX=32,
                SACK_DURABLE_OCTETS_MAX=32, SACK_BITMAP_BITS=64, REFUSE_INTERVAL_MS=100, IMAGE_BYTES_MAX=10_240_000).items():
            self.assertEqual(x[name], value, name)


class TestOnAPty(WithKeys):
    """The programs: a meter over a PTY, the host against it. Two PTYs joined by a thread stand for the line."""

    def setUp(self):
        self.dir = tempfile.mkdtemp(dir=self.folder)
        self.ends, self.names = [], []
        for _ in range(2):
            master, slave = pty.openpty()
            tty.setraw(slave)
            self.ends += [master, slave]            # the slave stays open: no hang-up while a side is away
            self.names.append(os.ttyname(slave))
        self.stop, self.spoil, self.octet_loss, self.rng = False, 0.0, 0.0, random.Random(3)
        self.thread = threading.Thread(target=self.join_lines, daemon=True)
        self.thread.start()
        with open(os.path.join(self.dir, "profile.json"), "w") as f:
            json.dump(self.keys.profile(), f)
        self.process = None

    def join_lines(self):
        import select
        a, b = self.ends[0], self.ends[2]
        while not self.stop:
            for fd in select.select([a, b], [], [], 0.2)[0]:
                data = os.read(fd, 65536)
                if self.spoil and self.rng.random() < self.spoil:
                    at = self.rng.randrange(len(data))
                    data = data[:at] + (self.rng.randbytes(1) if self.rng.random() < 0.5 else b"") + data[at + 1:]
                if self.octet_loss:
                    data = bytearray(data)
                    at = 0
                    while (at := at + 1 + int(self.rng.expovariate(self.octet_loss))) <= len(data):
                        data[at - 1] ^= 1 << self.rng.randrange(8)
                to = b if fd == a else a
                while data:
                    data = data[os.write(to, data):]

    def tearDown(self):
        if self.process:
            if self.process.poll() is None:
                self.process.send_signal(signal.SIGTERM)
            self.process.wait(5)
            self.process.stdout.close()
        self.stop = True
        self.thread.join(2)
        for fd in self.ends:
            os.close(fd)

    def meter(self, *more):
        if self.process:
            self.process.stdout.close()
        self.process = subprocess.Popen([sys.executable, os.path.join(HERE, "meter.py"), "--tty", self.names[0], "--state",
                                         os.path.join(self.dir, "state"), "--profile", os.path.join(self.dir, "profile.json"), *more],
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.assertEqual(self.process.stdout.readline(), b"ready\n")

    def test_whole_way_with_a_cut(self):
        image = Image(self.keys, size=1_000_000, shift=12)
        package = o.Package(image.package())
        self.meter("--die-after-blocks", "100")
        host = Host(self.names[1], device_key=o.PublicKey(self.keys.device.public_key()))
        start = time.monotonic()
        box = []
        t = threading.Thread(target=lambda: box.append(host.transfer(package)))
        t.start()
        self.assertEqual(self.process.wait(30), 9)
        self.meter()
        t.join(60)
        self.assertFalse(t.is_alive())
        seconds = time.monotonic() - start
        self.assertEqual(box[0], (0, 0))
        self.assertEqual(host.hello()["bootEpoch"], 2)
        self.assertLess(host.sent_bytes, 1_000_000 * 1.35)
        self.assertEqual(host.seal(image.manifest.digest).code, 0)
        good = o.build_authorisation(self.keys.supplier, self.keys.dco, o.parse_eui(DEVICE), image.manifest.image_hash,
                                     image.manifest.digest, 1)
        out = host.activate(good)
        self.assertEqual((out.code, out.running_hash, out.floor), (0, image.manifest.image_hash, 6))
        with open(os.path.join(self.dir, "state", "running.bin"), "rb") as f:
            self.assertEqual(f.read(), image.data)
        self.process.send_signal(signal.SIGTERM)
        self.assertEqual(self.process.wait(5), 0)
        self.assertLess(seconds, 30)
        print("\n1 MB over a PTY with a cut at block 100: %.2f s, %d octets sent" % (seconds, host.sent_bytes))

    def test_many_cuts(self):
        image = Image(self.keys, size=200_000, shift=12)                                      # 49 blocks
        package = o.Package(image.package())
        self.meter("--die-after-blocks", "15")
        host = Host(self.names[1])
        box = []
        t = threading.Thread(target=lambda: box.append(host.transfer(package)))
        t.start()
        for i in range(3):
            self.assertEqual(self.process.wait(30), 9)
            self.meter("--die-after-blocks", "15")
        t.join(60)
        self.assertEqual(box, [(0, 0)])
        self.assertEqual(host.hello()["bootEpoch"], 4)
        self.assertEqual(host.seal(image.manifest.digest).code, 0)

    def test_bad_line(self):
        image = Image(self.keys, size=300_000, shift=12)
        self.spoil = 0.05
        self.meter()
        host = Host(self.names[1], device_key=o.PublicKey(self.keys.device.public_key()))
        start = time.monotonic()
        self.assertEqual(host.transfer(o.Package(image.package())), (0, 0))
        self.assertEqual(host.seal(image.manifest.digest).code, 0)
        print("\n300 kB over a line that spoils or loses an octet in every 20th read: %.2f s, %d octets sent" % (
            time.monotonic() - start, host.sent_bytes))

    def test_very_bad_line(self):
        image = Image(self.keys, size=100_000, shift=12)
        self.octet_loss = 1 / 1000
        self.meter()
        host = Host(self.names[1], device_key=o.PublicKey(self.keys.device.public_key()))
        start = time.monotonic()
        self.assertEqual(host.transfer(o.Package(image.package())), (0, 0))
        self.assertEqual(host.seal(image.manifest.digest).code, 0)
        print("\n100 kB over a line that spoils one octet in 1,000: %.2f s, %d octets sent" % (time.monotonic() - start, host.sent_bytes))

    def test_programs(self):
        image = Image(self.keys, size=50_000, shift=12)
        pkg, auth = os.path.join(self.dir, "p"), os.path.join(self.dir, "a")
        with open(pkg, "wb") as f:
            f.write(image.package())
        with open(auth, "wb") as f:
            f.write(o.build_authorisation(self.keys.supplier, self.keys.dco, o.parse_eui(DEVICE), image.manifest.image_hash,
                                          image.manifest.digest, 1))
        self.meter()
        for status in (0, 1):
            run = subprocess.run([sys.executable, os.path.join(HERE, "host.py"), pkg, "--tty", self.names[1], "--activate", auth,
                                  "--device", self.keys.pub("device")], capture_output=True, timeout=60)
            got = json.loads(run.stdout)
            self.assertEqual((run.returncode, got["ok"], got["status"], got["activationCode"]), (0, True, status, 0), got)

    def test_hang_up(self):
        master, slave = pty.openpty()
        tty.setraw(slave)
        self.names[0] = os.ttyname(slave)
        self.meter("--verbose")
        os.close(slave)
        os.close(master)
        self.assertEqual(self.process.wait(5), 0)

    def test_one_megabyte(self):
        image = Image(self.keys, size=1_000_000, shift=12)
        self.meter()
        host = Host(self.names[1])
        host.hello()
        start = time.monotonic()
        self.assertEqual(host.transfer(o.Package(image.package())), (0, 0))
        seconds = time.monotonic() - start
        print("\n1 MB over a PTY: %.2f s" % seconds)
        self.assertLess(seconds, 30)


if __name__ == "__main__":
    unittest.main()
