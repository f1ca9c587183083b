#!/usr/bin/python3
"""A meter written from SPEC.md alone (§7 to §11), over a serial device file or a PTY."""
import argparse
import hashlib
import json
import os
import select
import signal
import struct
import sys
import time

if __name__ == "__main__":      # before the slower imports
    for _number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(_number, lambda *_: sys.exit(0))

import ota1 as o
from ota1 import Authorisation, Manifest, PublicKey, Refusal

TRIAL_SECONDS = 0.3
RESTART_SECONDS = 0.05
TRIAL_STARTS = 3
SILENCE_SECONDS = 120
BLOCK_COUNT_MAX = 65535
SACK_FRAMES = 48
SACK_AGE_SECONDS = 2
ERASE_BUDGET, ERASE_SECONDS = 24, 24 * 3600
WINDOW_MIN, WINDOW_MAX = 2, 256
LIMITED = ("noSession", "unknownMessage", "malformed", "unsupportedVersion")     # together, once in 100 ms


# ---------------------------------------------------------------- durable state

class Store:
    """Files in one folder. Everything small is one record, replaced atomically; the held image is slot.G with its map.G of
    durable blocks, G being the generation that the record names. An octet of the map is written only after the octets of its
    blocks are on the medium."""

    def __init__(self, folder):
        self.folder = folder
        os.makedirs(folder, exist_ok=True)
        self.slot_fd = self.map_fd = None

    def path(self, name):
        return os.path.join(self.folder, name)

    def sync_folder(self):
        fd = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

    def replace(self, name, data):
        tmp = self.path(name + ".tmp")
        with open(tmp, "wb") as f:
            f.write(data)
            f.flush()
            os.fsync(f.fileno())
        os.rename(tmp, self.path(name))
        self.sync_folder()

    def load_record(self):
        try:
            with open(self.path("record.json"), "rb") as f:
                return json.load(f)
        except FileNotFoundError:
            return None

    def save_record(self, record):
        self.replace("record.json", json.dumps(record, indent=1).encode())

    def close_slot(self):
        for fd in (self.slot_fd, self.map_fd):
            if fd is not None:
                os.close(fd)
        self.slot_fd = self.map_fd = None

    def create_slot(self, gen, image_bytes, block_count):
        for name, size in (("slot.%d" % gen, image_bytes), ("map.%d" % gen, (block_count + 7) // 8)):
            fd = os.open(self.path(name), os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o644)
            try:
                os.ftruncate(fd, size)
                os.fsync(fd)
            finally:
                os.close(fd)
        self.sync_folder()

    def open_slot(self, gen):
        self.close_slot()
        self.slot_fd = os.open(self.path("slot.%d" % gen), os.O_RDWR)
        self.map_fd = os.open(self.path("map.%d" % gen), os.O_RDWR)

    def read_slot(self, gen):
        with open(self.path("slot.%d" % gen), "rb") as f:
            return f.read()

    def read_map(self, gen):
        with open(self.path("map.%d" % gen), "rb") as f:
            return bytearray(f.read())

    def tidy(self, gen):
        """Removes slots that the record does not name."""
        for name in os.listdir(self.folder):
            kind, _, number = name.partition(".")
            if (kind in ("slot", "map") and number != str(gen)) or name.endswith(".tmp"):
                os.unlink(self.path(name))


# ---------------------------------------------------------------- what the meter has in RAM

class Profile:
    def __init__(self, j, base="."):
        def at(p):
            return p if os.path.isabs(p) or os.path.exists(p) else os.path.join(base, p)
        self.device_id = o.parse_eui(j["deviceId"])
        self.device_class = int(j.get("deviceClass", 1))
        self.manufacturer_code = int(j["manufacturerCode"], 16)
        self.image_type = int(j["imageType"], 16)
        self.hardware_version = int(j["hardwareVersion"], 16)
        self.running_version = int(j["runningVersion"], 16)
        self.floor = int(j["securityCounter"])
        self.running_hash = bytes.fromhex(j["runningImageHash"])
        self.slot_bytes = int(j["slotBytes"])
        self.block_shift_max = int(j["blockShiftMax"])
        self.window = min(WINDOW_MAX, max(WINDOW_MIN, int(j["windowBlocks"])))
        trust = j["trust"]
        self.manufacturers = [PublicKey.load(at(p)) for p in trust["manufacturer"]]
        self.suppliers = [PublicKey.load(at(p)) for p in trust["supplier"]]
        self.dcos = [PublicKey.load(at(p)) for p in trust["dco"]]
        self.device_key = o.load_private(at(j["deviceKey"]))
        if len(self.running_hash) != 32:
            raise ValueError("runningImageHash")


class Assembly:
    """One open block, whose octets come in any order. `payload`: all are there and the signature holds; it waits to be written."""
    __slots__ = ("octets", "spans", "payload")

    def __init__(self, size):
        self.octets = bytearray(size)
        self.forget()

    def forget(self):
        self.spans = []         # sorted, disjoint, not adjacent: [start, end)
        self.payload = None

    def add(self, offset, payload):
        end = offset + len(payload)
        self.octets[offset:end] = payload
        merged = []
        for a, b in self.spans:
            if b < offset or a > end:
                merged.append((a, b))
            else:
                offset, end = min(a, offset), max(b, end)
        merged.append((offset, end))
        merged.sort()
        self.spans = merged

    def whole(self):
        return self.spans == [(0, len(self.octets))]


class Session:
    def __init__(self, tag, nonce, before, now):
        self.tag, self.nonce = tag, nonce
        self.before = before    # received and stored in the last session for this image in which any octets came
        self.received = self.stored = 0
        self.highest = 0
        self.highest_at = 0.0
        self.seen = 0           # bit i: sequence highest - 1 - i
        self.made_durable = 0
        self.blocks_since_sack = self.frames_since_sack = 0
        self.sack_at = now      # of the last SACK, or the beginning
        self.whole = False      # the last missing block became durable, and no SACK said so yet
        self.open = {}          # block -> Assembly, in the order of opening, until it is durable
        self.pending = []       # those of them that wait to be written


class Meter:
    """`send` takes one frame (octets before COBS). Call on_frame for each frame, tick now and then, idle when the line is quiet."""

    def __init__(self, profile, folder, send, log=None, clock=time.monotonic, wall=time.time, die_after=None, fail_trial=False):
        self.p, self.store, self.out = profile, Store(folder), send
        self.clock, self.wall = clock, wall
        self.log = log or (lambda text: None)
        self.die_after, self.fail_trial = die_after, fail_trial
        self.durable_total = 0
        self.boot()

    # -- start

    def boot(self):
        """Everything from the files; nothing else survives."""
        r = self.store.load_record()
        if r is None:
            p = self.p
            r = {"bootEpoch": 0, "floor": p.floor, "runningHash": p.running_hash.hex(), "runningVersion": p.running_version,
                 "runningGen": None, "nextGen": 1, "originatorCounter": 0, "authorisation": None, "held": None, "trial": None}
        r["bootEpoch"] += 1
        self.r = r
        self.session = None
        self.last_tag = 0
        self.activating_at = None
        self.trial_end = None
        self.last_heard = self.clock()
        self.latest = None          # the session begun last, ended or not
        self.taken = 0, 0           # received and stored in the last session for the held image in which any octets came
        self.prepared = []          # when slots were prepared
        self.refused_at = None
        self.failed_seal = None     # digest, code, hash found
        self.finish_running_file()
        if r["trial"]:
            r["trial"]["starts"] += 1
            if r["trial"]["starts"] > TRIAL_STARTS:
                self.log("trial not confirmed in %d starts: reverting" % TRIAL_STARTS)
                r["authorisation"]["result"] = 3
                r["trial"] = None
            else:
                self.trial_end = self.clock() + TRIAL_SECONDS
        self.store.save_record(r)
        self.store.tidy(r["held"]["gen"] if r["held"] else None)
        self.load_held()
        self.log("start %d: phase %d, running %s, floor %d, durable %d" % (
            r["bootEpoch"], self.phase(), r["runningHash"][:16], r["floor"], self.durable_count))

    def load_held(self):
        self.store.close_slot()
        self.manifest, self.map, self.durable_count = None, bytearray(), 0
        held = self.r["held"]
        if held:
            self.manifest = Manifest(bytes.fromhex(held["manifest"]))
            self.store.open_slot(held["gen"])
            self.map = self.store.read_map(held["gen"])
            self.durable_count = sum(bin(b).count("1") for b in self.map)

    def finish_running_file(self):
        """running.bin is a copy of the confirmed image; the record that names its slot comes first."""
        gen = self.r["runningGen"]
        if gen is None:
            return
        try:
            data = self.store.read_slot(gen)
        except FileNotFoundError:
            data = None
        if data is not None:
            self.store.replace("running.bin", data)
        self.r["runningGen"] = None

    # -- sending

    def send(self, mtype, payload=b"", tag=None, seq=0):
        if tag is None:
            tag = self.session.tag if self.session else 0
        if mtype not in (o.M_SACK,):
            self.log("-> %s seq=%d %d octets %s" % (o.TYPE_NAMES[mtype], seq, len(payload), payload[:12].hex()))
        self.out(o.encode_frame(mtype, tag, seq, payload))

    def refuse(self, f, code, detail=0, seq=None):
        if code in LIMITED:
            now = self.clock()
            if self.refused_at is not None and now - self.refused_at < 0.1:
                return
            self.refused_at = now
        tag = f.tag if code == "noSession" else None
        self.log("refused %s: %s (detail %d)" % (o.TYPE_NAMES.get(f.type, hex(f.type)), code, detail))
        self.send(o.M_REFUSE, struct.pack("<HBBI", o.CODES[code], f.type, 0, detail & 0xFFFFFFFF), tag, f.seq if seq is None else seq)

    def busy(self, f, cause):
        eta = 100
        if cause == 4 and self.trial_end is not None:
            eta = max(50, int((self.trial_end - self.clock()) * 1000) + 20)
        elif cause == 3:
            eta = int((RESTART_SECONDS + TRIAL_SECONDS) * 1000)
        self.send(o.M_BUSY, struct.pack("<BBHI", cause, 0, 0, eta), seq=f.seq)

    def alert(self, code, payload=b""):
        self.send(o.M_ALERT, struct.pack("<HHI", code, len(payload), int(self.wall()) & 0xFFFFFFFF) + payload)

    def storage_failed(self, f, error):
        """`f`: the request that needed the storage; None: nobody asked."""
        self.log("storage: %s" % error)
        if f is None or f.type in (o.DATA, o.PING):
            self.session = None
        if f is None or f.type == o.DATA:
            self.send(o.M_REFUSE, struct.pack("<HBBI", o.CODES["storageFailed"], o.DATA, 0, 0))
        else:
            self.refuse(f, "storageFailed")

    def commit(self, **changes):
        """What changes counts only once it is on the medium."""
        r = dict(self.r, **changes)
        self.store.save_record(r)
        self.r = r

    def nack(self, cause, block, offset, length, seq):
        self.send(o.M_NACK, struct.pack("<BBHII", cause, 0, block, offset, length), seq=seq)

    # -- state

    def state(self):
        if self.activating_at is not None:
            return "activating"
        if self.r["trial"]:
            return "trial"
        if self.session:
            return "receiving"
        if self.r["held"] and self.r["held"]["sealed"]:
            return "sealed"
        return "idle"

    def phase(self):
        s = self.state()
        if s == "activating":
            return 4
        if s == "trial":
            return 5
        held = self.r["held"]
        if not held:
            return 0
        if held["sealed"]:
            return 3
        return 2 if self.durable_count == self.manifest.block_count else 1

    def running(self):
        """Hash and version of the firmware now running: of the image on trial while it runs."""
        if self.state() == "trial":
            return self.manifest.image_hash, self.manifest.file_version
        return bytes.fromhex(self.r["runningHash"]), self.r["runningVersion"]

    def outcome(self, kind, code, image_hash, digest, counter, nonce):
        running_hash, running_version = self.running()
        return o.build_outcome(self.p.device_key, kind, code, self.p.device_id, image_hash, digest, running_hash, running_version,
                               self.r["floor"], counter, self.r["bootEpoch"], nonce)

    # -- time

    def tick(self):
        now = self.clock()
        if self.activating_at is not None and now >= self.activating_at:
            self.log("restarting into the new image")
            self.boot()
        elif self.trial_end is not None and now >= self.trial_end:
            self.trial_end = None
            held = self.r["held"]
            if self.fail_trial or hashlib.sha256(self.store.read_slot(held["gen"])).digest() != self.manifest.image_hash:
                self.log("trial: the self-test failed, restarting")
                self.boot()
            else:
                self.confirm()
        if self.session and now - self.last_heard > SILENCE_SECONDS:
            self.log("session ends: nothing heard")
            self.end_session()

    def next_deadline(self):
        """Seconds until tick or idle has something to do, or None."""
        if self.session and self.session.pending:
            return 0.005
        at = self.activating_at if self.activating_at is not None else self.trial_end
        if at is not None:
            return max(0.0, at - self.clock())
        return 10.0 if self.session else None

    def idle(self):
        """Nothing waits on the line: a good moment to write."""
        if self.session and self.session.pending:
            try:
                self.flush()
                self.sack_if_due()
            except OSError as e:
                self.storage_failed(None, e)

    def confirm(self):
        r, m = self.r, self.manifest
        self.commit(runningHash=m.image_hash.hex(), runningVersion=m.file_version, runningGen=r["held"]["gen"],
                    floor=max(r["floor"], m.security_counter), authorisation=dict(r["authorisation"], result=0), held=None, trial=None)
        self.finish_running_file()
        r = self.r
        self.store.save_record(r)
        self.load_held()
        self.store.tidy(None)
        self.log("confirmed: running %s version %08x floor %d" % (r["runningHash"][:16], r["runningVersion"], r["floor"]))

    # -- receiving

    def on_frame(self, octets):
        f = o.decode_frame(octets)
        if f is None:
            return
        if f.version >> 4 != 1:
            if f.type == o.HELLO:
                self.refuse(f, "unsupportedVersion", seq=0)
            return
        if not f.spoilt:
            self.last_heard = self.clock()
        if f.type == o.DATA:
            handler = Meter.on_data
        else:
            self.log("<- %s seq=%d tag=%08x %d octets, %s" % (o.TYPE_NAMES.get(f.type, hex(f.type)), f.seq, f.tag, f.size, self.state()))
            if f.type >= 0x40:
                return
            handler = self.HANDLERS.get(f.type)
        try:
            if handler is None:
                raise Refusal("unknownMessage")
            if f.size < self.LEAST[f.type] and not f.spoilt:
                raise Refusal("authorisationMalformed" if f.type == o.ACTIVATE else "malformed")
            handler(self, f)
        except Refusal as r:
            self.refuse(f, r.code, r.detail)
        except OSError as e:
            self.storage_failed(f, e)

    def on_hello(self, f):
        p, r = self.p, self.r
        _, running_version = self.running()
        self.send(o.M_HELLO, struct.pack("<BBH8sI8sIHHHHIIBBIIHQH", 1, 0, o.PAYLOAD_MAX, f.payload[4:12], 0, p.device_id,
                                         r["bootEpoch"], p.device_class, p.manufacturer_code, p.image_type, p.hardware_version,
                                         running_version, r["floor"], self.phase(), p.block_shift_max, p.slot_bytes,
                                         BLOCK_COUNT_MAX, p.window, r["originatorCounter"], 0), seq=f.seq)

    def on_state(self, f):
        m = self.manifest
        _, running_version = self.running()
        self.send(o.M_STATE, struct.pack("<BBHHH32sII", self.phase(), 0, self.durable_count, m.block_count if m else 0, 0,
                                         m.digest if m else bytes(32), self.r["bootEpoch"], running_version), seq=f.seq)

    def on_abort(self, f):
        if self.session and f.tag == self.session.tag:
            self.log("aborted by the host")
            self.end_session()
        self.on_state(f)

    def on_ping(self, f):
        if self.session and f.tag == self.session.tag:
            self.flush()
            self.sack(f.seq)
        elif self.state() == "activating":
            self.busy(f, 3)
        else:
            self.on_state(f)

    def on_read_version(self, f):
        self.send(o.M_OUTCOME, self.outcome(3, 0, self.running()[0], bytes(32), 0, f.payload[:8]), seq=f.seq)

    # -- OFFER (§10.6)

    def on_offer(self, f):
        b = f.payload
        flags, _, msize, nonce = struct.unpack_from("<BBHI", b)
        if len(b) < 8 + msize + 124:
            raise Refusal("malformed")
        if self.state() in ("activating", "trial"):
            raise Refusal("trialRunning")
        octets, header, gbcs = b[8:8 + msize], b[8 + msize:68 + msize], b[68 + msize:132 + msize]
        if self.session and self.manifest.octets == octets and self.session.nonce == nonce:
            return self.accept(f)
        m = Manifest(octets)
        p, r = self.p, self.r
        m.check_signature(p.manufacturers)
        o.check_ota_header(header, m)

        def need(ok, code, detail=0):
            if not ok:
                raise Refusal(code, detail)
        need(m.device_class == p.device_class, "wrongDeviceClass")
        need(m.manufacturer_code == p.manufacturer_code, "wrongManufacturer")
        need(m.image_type == p.image_type, "wrongImageType")
        need(m.hw_min <= p.hardware_version <= m.hw_max, "wrongHardware")
        need(m.security_counter >= r["floor"], "counterTooLow", r["floor"])
        if m.image_hash.hex() == r["runningHash"]:
            return self.accept_nothing(f, m, nonce, 1)
        need(m.security_counter != r["floor"], "counterUsed")
        need(m.applicable_min <= r["runningVersion"] <= m.applicable_max, "versionNotApplicable", r["runningVersion"])
        need(m.image_bytes <= p.slot_bytes, "imageTooLarge", p.slot_bytes)
        need(m.block_shift <= p.block_shift_max, "geometryUnsupported", p.block_shift_max)
        need(m.block_count <= BLOCK_COUNT_MAX, "geometryUnsupported", BLOCK_COUNT_MAX)
        held = r["held"]
        same = held is not None and self.manifest.digest == m.digest and held["gbcs"] == gbcs.hex()
        need(held is None or same or flags & 1, "otherImageHeld")
        if same and held["sealed"]:
            return self.accept_nothing(f, m, nonce, 2)
        if same:
            self.end_session()
        else:
            now = self.clock()
            self.prepared = [t for t in self.prepared if t > now - ERASE_SECONDS]
            need(len(self.prepared) < ERASE_BUDGET, "eraseBudgetSpent", ERASE_BUDGET)
            self.prepared.append(now)
            cancelled = self.manifest.image_hash if held and held["sealed"] else None
            gen = r["nextGen"]
            self.store.create_slot(gen, m.image_bytes, m.block_count)
            self.session = None
            self.commit(nextGen=gen + 1,
                        held={"gen": gen, "manifest": m.octets.hex(), "header": header.hex(), "gbcs": gbcs.hex(), "sealed": False})
            self.load_held()
            self.store.tidy(gen)
            self.failed_seal = None
            self.forget_counts()
            if cancelled:
                self.alert(0x8F67, cancelled)
        last = self.latest
        if last and last.received:
            self.taken = last.received, last.stored
        self.session = self.latest = Session(self.new_tag(m, nonce), nonce, self.taken, self.clock())
        self.accept(f)

    def forget_counts(self):
        """A slot prepared for a new image, or a seal that failed: no session before it counts any more."""
        self.latest, self.taken = None, (0, 0)

    def new_tag(self, m, nonce):
        digest = o.sha256(o.CTX_SESSION, struct.pack("<I", self.r["bootEpoch"]), m.digest, struct.pack("<I", nonce))
        tag = int.from_bytes(digest[:4], "little") or 1
        if tag == self.last_tag:
            tag = (tag + 1) & 0xFFFFFFFF or 1
        self.last_tag = tag
        return tag

    def accept_payload(self, status, m, durable, nonce, credit):
        return struct.pack("<BBHIIHH32s", status, m.block_shift, durable, nonce, credit, o.PAYLOAD_MAX, 0, m.digest)

    def accept(self, f):
        s = self.session
        self.send(o.M_ACCEPT, self.accept_payload(0, self.manifest, self.durable_count, s.nonce, self.credit()), seq=f.seq)

    def accept_nothing(self, f, m, nonce, status):
        """No session begins; one that runs goes on. The tag means nothing, but is never 0."""
        digest = o.sha256(o.CTX_SESSION, struct.pack("<I", self.r["bootEpoch"]), m.digest, struct.pack("<I", nonce))
        tag = self.session.tag if self.session else int.from_bytes(digest[:4], "little") or 1
        self.send(o.M_ACCEPT, self.accept_payload(status, m, m.block_count, nonce, 0), tag, f.seq)

    def end_session(self):
        try:
            if self.session:
                self.flush()
        finally:
            self.session = None

    # -- DATA (§10.4)

    def credit(self):
        return self.p.window + self.session.made_durable & 0xFFFFFFFF

    def is_durable(self, block):
        return self.map[block >> 3] >> (block & 7) & 1

    def on_data(self, f):
        s = self.session
        if f.seq == 0:
            return
        if not f.size and not f.spoilt:
            raise Refusal("malformed")
        if self.activating_at is not None:
            return
        if s is None or f.tag != s.tag:
            if not f.spoilt:
                raise Refusal("noSession")
            return
        if f.spoilt:
            if f.size:
                self.nack(1, f.block, f.offset, f.size, f.seq)
            return
        m = self.manifest
        block, payload = f.block, f.payload
        if block >= m.block_count or f.offset + f.size > m.block_bytes(block):
            gap = self.register(f, 0)
            self.nack(3, block, f.offset, f.size, f.seq)
            return self.sack_if_due(gap)
        if self.is_durable(block):
            return self.sack_if_due(self.register(f, f.size))
        part = s.open.get(block)
        if part is None:
            if len(s.open) >= self.p.window:
                self.flush()
                if len(s.open) >= self.p.window:
                    return                          # no room: as if lost
            part = s.open[block] = Assembly(m.block_bytes(block))
        gap = self.register(f, f.size)
        if part.payload is None:
            part.add(f.offset, payload)
            if part.whole():
                self.check_block(block, part)
        if s.pending and (len(s.pending) + s.blocks_since_sack >= self.sack_blocks()
                          or self.durable_count + len(s.pending) == m.block_count):
            self.flush()
        self.sack_if_due(gap)

    def check_block(self, block, part):
        m = self.manifest
        octets = bytes(part.octets)
        keys = [k for k in self.p.manufacturers if k.key_id == m.key_id]
        if o.verify_any(keys, octets[-64:], m.block_message(block, octets[:-64])):
            part.payload = octets[:-64]
            self.session.pending.append(block)
        else:
            self.log("block %d: signature does not hold" % block)
            part.forget()                           # it stays open
            self.nack(2, block, 0, len(octets), 0)

    def register(self, f, octets):
        """Counts a DATA frame as received, and its octets; True when numbers below it are newly missing."""
        s = self.session
        s.received += octets
        s.frames_since_sack += 1
        step = f.seq - s.highest
        if step > 0:
            if step > 64:
                s.seen = 0
            else:
                s.seen = (s.seen << step | (1 << step - 1 if s.highest else 0)) & 0xFFFFFFFFFFFFFFFF
            s.highest, s.highest_at = f.seq, self.clock()
            return step > 1
        if step < 0 and -step <= 64:
            s.seen |= 1 << (-step - 1)
        return False

    def sack_blocks(self):
        return 1 if self.p.window < 4 else max(2, self.p.window // 4)

    def sack_if_due(self, gap=False):
        """When DATA came or blocks were stored."""
        s = self.session
        aged = self.clock() - s.sack_at >= SACK_AGE_SECONDS
        if aged:
            self.flush()
        if aged or gap or s.whole or s.blocks_since_sack >= self.sack_blocks() or s.frames_since_sack >= SACK_FRAMES:
            self.sack()

    def flush(self):
        """Makes durable what waits: the octets of the blocks, then the map that says so; only then it counts."""
        s = self.session
        if not s.pending:
            return
        blocks = sorted(s.pending)
        if self.die_after is not None:
            blocks = blocks[:max(0, self.die_after - self.durable_total)]
        m, fd = self.manifest, self.store.slot_fd
        for i in blocks:
            os.pwrite(fd, s.open[i].payload, i << m.block_shift)
        os.fsync(fd)
        new = {}
        for i in blocks:
            new[i >> 3] = new.get(i >> 3, self.map[i >> 3]) | 1 << (i & 7)
        for at, octet in new.items():
            os.pwrite(self.store.map_fd, bytes((octet,)), at)
        os.fsync(self.store.map_fd)
        self.durable_total += len(blocks)
        if self.die_after is not None and self.durable_total >= self.die_after:
            os._exit(9)
        for at, octet in new.items():
            self.map[at] = octet
        for i in blocks:
            s.stored += len(s.open.pop(i).payload) + 64
        s.pending = []
        self.durable_count += len(blocks)
        s.made_durable += len(blocks)
        s.blocks_since_sack += len(blocks)
        s.whole = self.durable_count == m.block_count

    def sack(self, seq=0):
        s, m = self.session, self.manifest
        first = 0
        while first < len(self.map) and self.map[first] == 0xFF:
            first += 1
        bits = bytes(self.map[first:first + 32]).rstrip(b"\0")
        ranges = []
        for i, part in s.open.items():
            ranges += [struct.pack("<HII", i, a, b - a) for a, b in part.spans]
            if len(ranges) >= 32:
                break
        ranges = ranges[:32]
        held = min(65535, int((self.clock() - s.highest_at) * 1000)) if s.highest else 65535
        s.blocks_since_sack = s.frames_since_sack = 0
        s.whole = False
        s.sack_at = self.clock()
        self.send(o.M_SACK, struct.pack("<IQIHHHBB", s.highest, s.seen, self.credit(), held, self.durable_count, first * 8, len(bits),
                                        len(ranges)) + bits + b"".join(ranges) + struct.pack("<II", s.before[0] + s.received & 0xFFFFFFFF,
                                                                                             s.before[1] + s.stored & 0xFFFFFFFF), seq=seq)

    def on_map(self, f):
        s = self.session
        if s is None or f.tag != s.tag:
            raise Refusal("noSession")
        first = struct.unpack_from("<H", f.payload)[0] & ~7
        count = max(0, min(4096, self.manifest.block_count - first))
        self.send(o.M_MAP, struct.pack("<HH", first, count) + bytes(self.map[first // 8:first // 8 + (count + 7) // 8]), seq=f.seq)

    # -- SEAL (§10.7)

    def on_seal(self, f):
        state = self.state()
        if state == "activating":
            return self.busy(f, 3)
        if state == "trial":
            return self.busy(f, 4)
        digest, nonce = f.payload[:32], f.payload[32:40]
        m, held = self.manifest, self.r["held"]
        tag = self.session.tag if self.session else 0

        def sealed(code, image_hash):
            self.send(o.M_SEALED, self.outcome(1, code, image_hash, digest, 0, nonce), tag, f.seq)
        if m is None or m.digest != digest:
            if self.failed_seal and self.failed_seal[0] == digest:
                return sealed(*self.failed_seal[1:])     # the same code until the next image begins
            return sealed(1, bytes(32))
        if held["sealed"]:
            return sealed(0, m.image_hash)
        stored = self.session and self.session.pending
        if stored:
            self.flush()
        if self.durable_count < m.block_count:
            if stored:
                self.sack_if_due()
            raise Refusal("incomplete", m.block_count - self.durable_count)
        image = self.store.read_slot(held["gen"])
        found = hashlib.sha256(image).digest()
        if found != m.image_hash:
            code = 2
        elif not o.verify_any(self.p.suppliers, bytes.fromhex(held["gbcs"]), image, low_s=False):
            code = 4
        else:
            code = 0
        self.commit(held=None if code else dict(held, sealed=True))
        self.session = None
        if code:
            self.failed_seal = (digest, code, found)
            self.forget_counts()
            self.load_held()
            self.store.tidy(None)
        self.log("seal: code %d" % code)
        sealed(code, found)
        self.alert(0x8F1C if code else 0x8F72, found)

    # -- ACTIVATE (§10.8)

    def on_activate(self, f):
        r, p = self.r, self.p
        a = Authorisation(f.payload[:232])
        nonce = f.payload[232:240]
        if a.device_id != p.device_id:
            raise Refusal("authorisationWrongDevice")
        a.check_supplier(p.suppliers)
        a.check_counter_signature(p.dcos)
        known = r["authorisation"]
        if known and a.counter == r["originatorCounter"] and bytes.fromhex(known["octets"])[:104] == a.octets[:104]:
            if known["result"] is None:
                return self.busy(f, 4 if self.state() == "trial" else 3)
            return self.answer(f, a, known["result"], nonce)
        if a.counter <= r["originatorCounter"]:
            raise Refusal("originatorCounterUsed", r["originatorCounter"] & 0xFFFFFFFF)
        now = int(self.wall())
        if a.not_before and now < a.not_before:
            raise Refusal("authorisationNotYetValid")
        if a.not_after != 0xFFFFFFFF and now > a.not_after:
            raise Refusal("authorisationExpired")
        if self.state() in ("activating", "trial"):
            raise Refusal("trialRunning")
        if a.image_hash.hex() == r["runningHash"]:
            return self.answer(f, a, self.keep(a, 0), nonce)
        if not (r["held"] and r["held"]["sealed"]):
            return self.answer(f, a, self.keep(a, 1), nonce)
        if a.image_hash != self.manifest.image_hash or a.manifest_digest != self.manifest.digest:
            return self.answer(f, a, self.keep(a, 2), nonce)
        self.keep(a, None, trial={"starts": 0})
        self.activating_at = self.clock() + RESTART_SECONDS
        self.busy(f, 3)

    def keep(self, a, result, **more):
        """One record takes the counter, the authorisation, its result and the trial together, before any effect."""
        self.commit(originatorCounter=a.counter, authorisation={"octets": a.octets.hex(), "result": result}, **more)
        return result

    def answer(self, f, a, code, nonce):
        self.send(o.M_OUTCOME, self.outcome(2, code, a.image_hash, a.manifest_digest, a.counter, nonce), seq=f.seq)

    HANDLERS = {o.HELLO: on_hello, o.OFFER: on_offer, o.MAP: on_map, o.SEAL: on_seal, o.ACTIVATE: on_activate,
                o.READ_VERSION: on_read_version, o.STATE: on_state, o.ABORT: on_abort, o.PING: on_ping}
    LEAST = {o.HELLO: 18, o.OFFER: 8, o.DATA: 0, o.MAP: 2, o.SEAL: 40, o.ACTIVATE: 240, o.READ_VERSION: 8, o.STATE: 0, o.ABORT: 1,
             o.PING: 0}


# ---------------------------------------------------------------- the line

def serve(meter_for, path):
    """Until hang-up. Prints "ready" once it listens."""
    fd = o.open_raw(path)
    waiting = bytearray()

    def send(frame):
        waiting.extend(o.cobs_encode(frame) + b"\0")
    meter = meter_for(send)
    decoder = o.StreamDecoder()
    epoch = meter.r["bootEpoch"]
    poll = select.poll()
    print("ready", flush=True)
    while True:
        quiet = meter.next_deadline()
        poll.register(fd, select.POLLIN | (select.POLLOUT if waiting else 0))
        events = poll.poll(None if quiet is None else quiet * 1000 + 1)
        if not events:
            meter.idle()
        for _, what in events:
            if what & select.POLLIN:
                try:
                    data = os.read(fd, 65536)
                except BlockingIOError:
                    data = None
                except OSError:
                    return          # hang-up
                if data == b"":
                    return
                for frame in decoder.feed(data or b""):
                    meter.on_frame(frame)
            elif what & (select.POLLHUP | select.POLLERR | select.POLLNVAL):
                return
            if waiting:
                try:
                    del waiting[:os.write(fd, waiting)]
                except BlockingIOError:
                    pass
                except OSError:
                    return
        meter.tick()
        if meter.r["bootEpoch"] != epoch:
            epoch = meter.r["bootEpoch"]
            decoder = o.StreamDecoder()     # a restart forgets half a frame too


def main(argv=None):
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--tty", required=True)
    p.add_argument("--state", required=True)
    p.add_argument("--profile", required=True)
    p.add_argument("--verbose", action="store_true")
    p.add_argument("--die-after-blocks", type=int, metavar="N", help="end with 9 when N more blocks became durable")
    p.add_argument("--fail-trial", action="store_true", help="the new image never confirms; the meter reverts")
    a = p.parse_args(argv)
    start = time.monotonic()

    def log(text):
        if a.verbose:
            print("%9.3f %s" % (time.monotonic() - start, text), file=sys.stderr, flush=True)
    try:
        with open(a.profile) as f:
            profile = Profile(json.load(f), os.path.dirname(os.path.abspath(a.profile)))
    except (OSError, ValueError, KeyError) as e:
        print("meter: profile: %s" % (e,), file=sys.stderr)
        return 2
    try:
        serve(lambda send: Meter(profile, a.state, send, log=log, die_after=a.die_after_blocks, fail_trial=a.fail_trial), a.tty)
    except OSError as e:
        print("meter: %s" % e, file=sys.stderr)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
