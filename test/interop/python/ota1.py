"""smets1-ota block transfer 1.0: octets, written from SPEC.md alone.

Shared by the verifier, the meter and the host beside it: signatures, manifest, packages, authorisations, outcomes, frames, COBS.
"""
import binascii
import hashlib
import struct
import zlib

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
HALF_N = N // 2
_ALG = ec.ECDSA(hashes.SHA256())

CTX_MANIFEST = b"smets1-ota/manifest/1\0"
CTX_BLOCK = b"smets1-ota/block/1\0"
CTX_AUTH = b"smets1-ota/authorisation/1\0"
CTX_COUNTER = b"smets1-ota/countersignature/1\0"
CTX_OUTCOME = b"smets1-ota/outcome/1\0"
CTX_SESSION = b"smets1-ota/session/1\0"

CODES = {
    "malformed": 1, "unsupportedVersion": 2, "unknownCriticalField": 3, "unsupportedProfile": 4, "unsupportedEncoding": 5,
    "unknownKey": 6, "badSignature": 7, "otaHeaderMismatch": 8, "wrongDeviceClass": 9, "wrongManufacturer": 10,
    "wrongImageType": 11, "wrongHardware": 12, "versionNotApplicable": 13, "counterTooLow": 14, "counterUsed": 15,
    "imageTooLarge": 16, "geometryUnsupported": 17, "trialRunning": 18, "otherImageHeld": 19, "eraseBudgetSpent": 20,
    "noSession": 21, "incomplete": 22, "storageFailed": 23, "unknownMessage": 24, "busyWithOther": 25,
    "authorisationMalformed": 32, "authorisationWrongDevice": 33, "supplierSignatureBad": 34, "countersignatureBad": 35,
    "authorisationNotYetValid": 36, "authorisationExpired": 37, "originatorCounterUsed": 38,
}
NAMES = {v: k for k, v in CODES.items()}

# message types
HELLO, OFFER, DATA, MAP, SEAL, ACTIVATE, READ_VERSION, STATE, ABORT, PING = range(1, 11)
M_HELLO, M_ACCEPT, M_REFUSE, M_SACK, M_NACK, M_MAP, M_BUSY, M_SEALED, M_OUTCOME, M_STATE, M_ALERT = range(0x41, 0x4C)
TYPE_NAMES = {1: "HELLO", 2: "OFFER", 3: "DATA", 4: "MAP", 5: "SEAL", 6: "ACTIVATE", 7: "READ_VERSION", 8: "STATE", 9: "ABORT",
              10: "PING", 0x41: "HELLO", 0x42: "ACCEPT", 0x43: "REFUSE", 0x44: "SACK", 0x45: "NACK", 0x46: "MAP", 0x47: "BUSY",
              0x48: "SEALED", 0x49: "OUTCOME", 0x4A: "STATE", 0x4B: "ALERT"}


class Refusal(Exception):
    def __init__(self, code, detail=0, block=None, why=""):
        super().__init__(code + (": " + why if why else ""))
        self.code, self.detail, self.block, self.why = code, detail, block, why


def sha256(*parts):
    h = hashlib.sha256()
    for p in parts:
        h.update(p)
    return h.digest()


# ---------------------------------------------------------------- keys and signatures (§2)

class PublicKey:
    def __init__(self, key):
        if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name != "secp256r1":
            raise ValueError("not a P-256 public key")
        self.key = key
        self.octets = key.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
        self.key_id = sha256(self.octets)[:8]

    @classmethod
    def load(cls, path):
        with open(path, "rb") as f:
            return cls(serialization.load_pem_public_key(f.read()))

    def verify(self, signature, message, low_s=True):
        if len(signature) != 64:
            return False
        r = int.from_bytes(signature[:32], "big")
        s = int.from_bytes(signature[32:], "big")
        if not (1 <= r < N and 1 <= s <= (HALF_N if low_s else N - 1)):
            return False
        try:
            self.key.verify(encode_dss_signature(r, s), message, _ALG)
            return True
        except InvalidSignature:
            return False


def load_private(path):
    with open(path, "rb") as f:
        return serialization.load_pem_private_key(f.read(), password=None)


def sign(private, message):
    r, s = decode_dss_signature(private.sign(message, _ALG))
    if s > HALF_N:
        s = N - s
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def verify_any(keys, signature, message, low_s=True):
    return any(k.verify(signature, message, low_s) for k in keys)


# ---------------------------------------------------------------- OTA header (§3)

OTA_HEADER = struct.Struct("<IHHHHHIH32sIHH")


def ota_header(manufacturer_code, image_type, file_version, image_bytes, hw_min, hw_max, text=b""):
    return OTA_HEADER.pack(0x0BEEF11E, 0x0100, 60, 0x0004, manufacturer_code, image_type, file_version, 0x0002,
                           text.ljust(32, b"\0"), 60 + image_bytes + 2 + 64, hw_min, hw_max)


def check_ota_header(header, m):
    """The header must hash to otaHeaderHash, carry the fixed values of §3 and agree with the manifest."""
    if sha256(header) != m.ota_header_hash:
        raise Refusal("otaHeaderMismatch", why="hash")
    (ident, hver, hlen, control, man, itype, fver, stack, _text, total, hwmin, hwmax) = OTA_HEADER.unpack(header)
    if (ident, hver, hlen, control, stack) != (0x0BEEF11E, 0x0100, 60, 4, 2):
        raise Refusal("otaHeaderMismatch", why="fixed fields")
    if hwmax < hwmin:
        raise Refusal("otaHeaderMismatch", why="hardware range")
    if (man, itype, fver, hwmin, hwmax) != (m.manufacturer_code, m.image_type, m.file_version, m.hw_min, m.hw_max):
        raise Refusal("otaHeaderMismatch", why="fields")
    if total != 60 + m.image_bytes + 2 + 64:
        raise Refusal("otaHeaderMismatch", why="total image size")


# ---------------------------------------------------------------- manifest (§4)

FIXED = struct.Struct("<4sBBHBBBBIIIHHIHHHHIII32s32s8s")
assert FIXED.size == 124


class Manifest:
    """A well-formed manifest; raises Refusal otherwise. The signature is not checked here. `short`: the code for one that is
    too short, "truncated" for a verifier."""

    def __init__(self, octets, short="malformed"):
        octets = bytes(octets)
        if len(octets) < 188:
            raise Refusal(short, why="manifest below 188 octets")
        if octets[:4] != b"S1MF":
            raise Refusal("malformed", why="manifest magic")
        if octets[4] != 1:
            raise Refusal("unsupportedVersion", why="manifest major")
        (_, _, self.minor, size, self.profile, self.encoding, self.block_shift, res1, self.block_count, self.image_bytes,
         self.decoded_bytes, self.manufacturer_code, self.image_type, self.file_version, self.hw_min, self.hw_max,
         self.device_class, res2, self.security_counter, self.applicable_min, self.applicable_max, self.image_hash,
         self.ota_header_hash, self.key_id) = FIXED.unpack_from(octets)

        def need(ok, why):
            if not ok:
                raise Refusal("malformed", why=why)
        need(size == len(octets) and size <= 1024, "manifestBytes")
        if self.profile != 1:
            raise Refusal("unsupportedProfile")
        if self.encoding != 0:
            raise Refusal("unsupportedEncoding")
        need(res1 == 0 and res2 == 0, "manifest reserved")
        need(8 <= self.block_shift <= 16, "blockShift")
        need(1 <= self.image_bytes <= 10_240_000, "imageBytes")
        need(self.block_count == (self.image_bytes + (1 << self.block_shift) - 1) >> self.block_shift, "blockCount")
        need(self.block_count <= 65535, "blockCount limit")
        need(self.decoded_bytes == self.image_bytes, "decodedBytes")
        need(self.applicable_max >= self.applicable_min, "applicableFrom")
        need(self.hw_max >= self.hw_min, "hardware range")
        end, at, last, critical, self.label = size - 64, 124, -1, False, None
        while at < end:
            need(at + 4 <= end, "TLV head")
            t, n = struct.unpack_from("<HH", octets, at)
            need(t > last, "TLV order")
            need(at + 4 + n <= end, "TLV length")
            value = octets[at + 4:at + 4 + n]
            if t == 1:
                need(1 <= n <= 64, "label size")
                try:
                    self.label = value.decode("utf-8")
                except UnicodeDecodeError:
                    need(False, "label not UTF-8")
            elif t & 0x8000:
                critical = True
            last, at = t, at + 4 + n
        if critical:
            raise Refusal("unknownCriticalField")
        self.octets = octets
        self.signed = CTX_MANIFEST + octets[:-64]
        self.signature = octets[-64:]
        self.digest = sha256(self.signed)

    def check_signature(self, keys):
        chosen = [k for k in keys if k.key_id == self.key_id]
        if not chosen:
            raise Refusal("unknownKey")
        if not verify_any(chosen, self.signature, self.signed):
            raise Refusal("badSignature")
        return chosen[0]

    def payload_bytes(self, i):
        return min(1 << self.block_shift, self.image_bytes - (i << self.block_shift))

    def block_bytes(self, i):
        return self.payload_bytes(i) + 64

    def block_message(self, i, payload):
        return b"".join((CTX_BLOCK, self.digest, struct.pack("<III", i, self.block_count, len(payload)), payload))


def build_manifest(private, image, header, *, block_shift, manufacturer_code, image_type, file_version, hw_min, hw_max,
                   device_class=1, security_counter, applicable=(0, 0xFFFFFFFF), tlvs=b"", **override):
    pub = PublicKey(private.public_key())
    v = dict(major=1, minor=0, profile=1, encoding=0, res1=0, res2=0, block_count=(len(image) + (1 << block_shift) - 1) >> block_shift,
             image_bytes=len(image), decoded_bytes=len(image), image_hash=sha256(image), ota_header_hash=sha256(header),
             key_id=pub.key_id)
    v.update(override)
    body = FIXED.pack(b"S1MF", v["major"], v["minor"], 124 + len(tlvs) + 64, v["profile"], v["encoding"], block_shift, v["res1"],
                      v["block_count"], v["image_bytes"], v["decoded_bytes"], manufacturer_code, image_type, file_version, hw_min,
                      hw_max, device_class, v["res2"], security_counter, applicable[0], applicable[1], v["image_hash"],
                      v["ota_header_hash"], v["key_id"]) + tlvs
    return body + sign(private, CTX_MANIFEST + body)


# ---------------------------------------------------------------- packages and parts (§6)

HEAD = struct.Struct("<4sBBBBIIIHH")
PART_MAX = 750_000


class Package:
    """Parses a package or a part: structure and CRCs (raises Refusal). `verify` does the signatures."""

    def __init__(self, data):
        self.data = data
        if len(data) < 4:
            raise Refusal("truncated")
        if data[:4] != b"S1PK":
            raise Refusal("malformed", why="container magic")
        if len(data) < HEAD.size:
            raise Refusal("truncated")
        _, major, minor, self.kind, res1, total, self.first, self.run, msize, res2 = HEAD.unpack_from(data)
        if major != 1 or minor != 0:
            raise Refusal("unsupportedVersion", why="container version")
        if res1 or res2:
            raise Refusal("malformed", why="container reserved")
        if self.kind not in (1, 2):
            raise Refusal("unknownKind")
        if len(data) < total:
            raise Refusal("truncated")
        if len(data) > total:
            raise Refusal("trailingOctets")
        if total < 152 + msize:
            raise Refusal("badLength")
        if zlib.crc32(data[:148 + msize]) != int.from_bytes(data[148 + msize:152 + msize], "little"):
            raise Refusal("badCrc")
        self.manifest = m = Manifest(data[24:24 + msize], short="truncated")
        self.header = bytes(data[24 + msize:84 + msize])
        self.gbcs = bytes(data[84 + msize:148 + msize])
        if self.run < 1 or self.first + self.run > m.block_count:
            raise Refusal("malformed", why="block run")
        if self.kind == 1 and (self.first != 0 or self.run != m.block_count):
            raise Refusal("malformed", why="a package holds every block")
        if self.kind == 2 and total > PART_MAX:
            raise Refusal("badLength", why="part above 750,000 octets")
        self.blocks = []
        at = 152 + msize
        expected = at + sum(m.payload_bytes(i) + 68 for i in range(self.first, self.first + self.run))
        if expected != total:
            raise Refusal("badLength", why="totalBytes is not the sum of the records")
        for i in range(self.first, self.first + self.run):
            n = m.block_bytes(i)
            octets = data[at:at + n]
            if zlib.crc32(octets) != int.from_bytes(data[at + n:at + n + 4], "little"):
                raise Refusal("badCrc", block=i)
            self.blocks.append(octets)
            at += n + 4

    def verify(self, manufacturers, suppliers):
        m = self.manifest
        key = m.check_signature(manufacturers)
        check_ota_header(self.header, m)
        for i, octets in enumerate(self.blocks, self.first):
            if not key.verify(octets[-64:], m.block_message(i, octets[:-64])):
                raise Refusal("blockSignature", block=i)
        if self.run == m.block_count:       # a part with fewer blocks cannot show the whole image
            image = b"".join(b[:-64] for b in self.blocks)
            if sha256(image) != m.image_hash:
                raise Refusal("imageHashMismatch")
            if not verify_any(suppliers, self.gbcs, image, low_s=False):
                raise Refusal("gbcsSignature")


def sign_blocks(private, manifest, image):
    size = 1 << manifest.block_shift
    out = []
    for i in range(manifest.block_count):
        payload = image[i * size:(i + 1) * size]
        out.append(payload + sign(private, manifest.block_message(i, payload)))
    return out


def build_container(manifest_octets, header, gbcs, blocks, first=0, kind=1):
    body = b"".join(b + zlib.crc32(b).to_bytes(4, "little") for b in blocks)
    total = 152 + len(manifest_octets) + len(body)
    head = HEAD.pack(b"S1PK", 1, 0, kind, 0, total, first, len(blocks), len(manifest_octets), 0) + manifest_octets + header + gbcs
    return head + zlib.crc32(head).to_bytes(4, "little") + body


# ---------------------------------------------------------------- authorisation and outcome (§7)

AUTH = struct.Struct("<4sBBH8s32s32s8sQII")
OUTCOME = struct.Struct("<4sBBBB8s32s32s32sIIQI8sI")
assert AUTH.size == 104 and OUTCOME.size == 144


class Authorisation:
    def __init__(self, octets):
        if len(octets) != 232 or octets[:4] != b"S1AU":
            raise Refusal("authorisationMalformed")
        (_, major, minor, reserved, self.device_id, self.image_hash, self.manifest_digest, self.originator, self.counter,
         self.not_before, self.not_after) = AUTH.unpack_from(octets)
        if major != 1:
            raise Refusal("unsupportedVersion")
        if minor or reserved or not 1 <= self.counter < 1 << 63 or self.not_after < self.not_before:
            raise Refusal("authorisationMalformed")
        self.octets = octets

    def check_supplier(self, keys):
        if not verify_any(keys, self.octets[104:168], CTX_AUTH + self.octets[:104]):
            raise Refusal("supplierSignatureBad")

    def check_counter_signature(self, keys):
        if not verify_any(keys, self.octets[168:232], CTX_COUNTER + self.octets[:168]):
            raise Refusal("countersignatureBad")


def build_authorisation(supplier, dco, device_id, image_hash, manifest_digest, counter, originator=b"\x90\xb3\xd5\x1f\0\0\0\1",
                        not_before=0, not_after=0xFFFFFFFF):
    body = AUTH.pack(b"S1AU", 1, 0, 0, device_id, image_hash, manifest_digest, originator, counter, not_before, not_after)
    body += sign(supplier, CTX_AUTH + body)
    return body + sign(dco, CTX_COUNTER + body)


def build_outcome(private, kind, code, device_id, image_hash, manifest_digest, running_hash, running_version, floor, counter,
                  boot_epoch, nonce):
    body = OUTCOME.pack(b"S1OC", 1, 0, kind, code, device_id, image_hash, manifest_digest, running_hash, running_version, floor,
                        counter, boot_epoch, nonce, 0)
    return body + sign(private, CTX_OUTCOME + body)


OUTCOME_CODES = {1: (0, 1, 2, 4), 2: (0, 1, 2, 3), 3: (0,)}     # by kind


class Outcome:
    def __init__(self, octets, key=None):
        if len(octets) < 208 or octets[:4] != b"S1OC":
            raise Refusal("malformed", why="outcome")
        if octets[4] != 1:
            raise Refusal("unsupportedVersion", why="outcome")
        if octets[5] or octets[7] not in OUTCOME_CODES.get(octets[6], ()):
            raise Refusal("malformed", why="outcome minor, kind or code")
        octets = octets[:208]
        (_, _, _, self.kind, self.code, self.device_id, self.image_hash, self.manifest_digest, self.running_hash,
         self.running_version, self.floor, self.counter, self.boot_epoch, self.nonce, reserved) = OUTCOME.unpack_from(octets)
        if reserved:
            raise Refusal("malformed", why="outcome reserved")
        if key is not None and not key.verify(octets[144:], CTX_OUTCOME + octets[:144]):
            raise Refusal("badSignature", why="outcome")


# ---------------------------------------------------------------- frames (§8)

VERSION = 0x10
PAYLOAD_MAX = 8192
COBS_MAX = 8250


def crc16(data):
    return binascii.crc_hqx(data, 0xFFFF)


def encode_frame(mtype, tag, sequence, payload=b"", block=0, offset=0, version=VERSION):
    head = struct.pack("<BBHII", version, mtype, len(payload), tag, sequence)
    if mtype == DATA:
        head += struct.pack("<HI", block, offset)
    body = head + struct.pack("<H", crc16(head)) + payload
    return body + struct.pack("<I", zlib.crc32(body))


class Frame:
    __slots__ = ("version", "type", "size", "tag", "seq", "block", "offset", "payload", "spoilt")


def decode_frame(octets):
    """A Frame; `spoilt` when it is DATA whose header holds and whose body does not. None: to be dropped. Of another major only
    HELLO comes through, without payload: nothing but its CRC-16 is looked at."""
    if len(octets) < 14:
        return None
    f = Frame()
    f.version, f.type, f.size, f.tag, f.seq = struct.unpack_from("<BBHII", octets)
    f.block = f.offset = 0
    f.spoilt = False
    f.payload = b""
    hlen = 12
    if f.version >> 4 != VERSION >> 4:
        return f if f.type == HELLO and crc16(octets[:12]) == octets[12] | octets[13] << 8 else None
    if len(octets) < 18:
        return None
    if f.type == DATA:
        hlen = 18
        if len(octets) < 20:
            return None
        f.block, f.offset = struct.unpack_from("<HI", octets, 12)
    if crc16(octets[:hlen]) != octets[hlen] | octets[hlen + 1] << 8 or f.size > PAYLOAD_MAX:
        return None
    if len(octets) != hlen + 6 + f.size or zlib.crc32(octets[:-4]) != int.from_bytes(octets[-4:], "little"):
        if f.type != DATA:
            return None
        f.spoilt = True
        return f
    f.payload = octets[hlen + 2:-4]
    return f


def cobs_encode(data):
    out = []
    for piece in data.split(b"\0"):
        while len(piece) >= 254:
            out.append(b"\xff" + piece[:254])
            piece = piece[254:]
        out.append(bytes((len(piece) + 1,)) + piece)
    return b"".join(out)


def cobs_decode(data):
    """The frame, or None when the coding is broken. `data` has no zero octet."""
    out = []
    at, n = 0, len(data)
    while at < n:
        code = data[at]
        end = at + code
        if end > n or code == 0:
            return None
        out.append(data[at + 1:end])
        if code != 255 and end < n:
            out.append(b"\0")
        at = end
    return b"".join(out)


class StreamDecoder:
    """Collects octets, gives decoded frames; drops what is longer than 8,250 octets up to the next 00."""

    def __init__(self):
        self.buffer = b""
        self.skipping = False

    def feed(self, data):
        *done, rest = data.split(b"\0")
        frames = []
        for piece in done:
            whole, self.buffer = self.buffer + piece, b""
            if self.skipping:
                self.skipping = False
                continue
            if 0 < len(whole) <= COBS_MAX:
                frame = cobs_decode(whole)
                if frame is not None:
                    frames.append(frame)
        if not self.skipping:
            self.buffer += rest
            if len(self.buffer) > COBS_MAX:
                self.buffer, self.skipping = b"", True
        return frames


def parse_eui(text):
    octets = bytes.fromhex(text.replace("-", "").replace(":", ""))
    if len(octets) != 8:
        raise ValueError("an EUI-64 has eight octets")
    return octets


def open_raw(path):
    """A serial device or PTY, raw, non-blocking."""
    import os
    import termios
    fd = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    try:
        attr = termios.tcgetattr(fd)
        attr[0] = 0
        attr[1] = 0
        attr[2] = (attr[2] & ~(termios.CSIZE | termios.PARENB | termios.CSTOPB | termios.CRTSCTS)) | termios.CS8 | termios.CREAD | termios.CLOCAL
        attr[3] = 0
        attr[6][termios.VMIN] = 1
        attr[6][termios.VTIME] = 0
        termios.tcsetattr(fd, termios.TCSANOW, attr)
    except termios.error:
        pass        # not a terminal (a socket or pipe given by name)
    return fd
