#!/usr/bin/python3
"""A minimal host written from SPEC.md alone: sends a package over a serial device file or a PTY, seals it, may activate it."""
import argparse
import json
import os
import select
import struct
import sys
import time

import ota1 as o
from ota1 import Outcome, Package, PublicKey, Refusal

OUT_MAX = 65536
BUSY_MAX = 600.0
LEAST = {o.M_HELLO: 66, o.M_ACCEPT: 48, o.M_REFUSE: 8, o.M_SACK: 32, o.M_NACK: 12, o.M_MAP: 4, o.M_BUSY: 8, o.M_SEALED: 208,
         o.M_OUTCOME: 208, o.M_STATE: 48, o.M_ALERT: 8}


class Refused(Exception):
    def __init__(self, code, request, detail):
        super().__init__("%s refused: %s (detail %d)" % (o.TYPE_NAMES.get(request, request), o.NAMES.get(code, code), detail))
        self.code, self.request, self.detail = code, request, detail


class LostSession(Exception):
    pass


class Host:
    def __init__(self, path, log=lambda t: None, device_key=None):
        self.fd = o.open_raw(path)
        self.decoder, self.inbox, self.waiting = o.StreamDecoder(), [], bytearray()
        self.number, self.tag, self.log, self.device_key = 0, 0, log, device_key
        self.sent_bytes = 0

    def put(self, mtype, payload=b"", seq=None, tag=None, **kw):
        if seq is None:
            self.number += 1
            seq = self.number
        self.waiting += o.cobs_encode(o.encode_frame(mtype, self.tag if tag is None else tag, seq, payload, **kw)) + b"\0"
        return seq

    def pump(self, seconds):
        """Writes and reads until a frame is there or the time is up; the frame or None."""
        end = time.monotonic() + seconds
        while not self.inbox:
            left = max(0.0, end - time.monotonic())
            r, w, _ = select.select([self.fd], [self.fd] if self.waiting else [], [], left)
            if r:
                try:
                    data = os.read(self.fd, 65536)
                except BlockingIOError:
                    data = b""
                except OSError:
                    time.sleep(min(0.05, left))     # nobody at the other end of the PTY
                    data = b""
                for octets in self.decoder.feed(data):
                    f = o.decode_frame(octets)
                    if f is not None and f.version >> 4 == 1 and f.type >= 0x40:
                        self.inbox.append(f)
            if w:
                try:
                    n = os.write(self.fd, self.waiting)
                    self.sent_bytes += n
                    del self.waiting[:n]
                except BlockingIOError:
                    pass
            if not r and not w and left == 0.0:
                return None
        return self.inbox.pop(0)

    def request(self, mtype, payload, answers, patience=10.0, match=lambda f: True):
        seq, wait, heard = self.put(mtype, payload), 0.5, time.monotonic()
        due, other = heard + wait, heard        # other: the last frame that was not BUSY
        while True:
            f = self.pump(max(0.0, due - time.monotonic()))
            now = time.monotonic()
            if f is None:
                if now - heard > patience:
                    raise TimeoutError("%s unanswered" % o.TYPE_NAMES[mtype])
                if now >= due:
                    self.put(mtype, payload, seq)
                    wait = min(4.0, wait * 2)
                    due = now + wait
                continue
            heard = now
            if len(f.payload) < LEAST.get(f.type, 0):
                continue
            if f.type == o.M_ALERT:
                self.log("alert %04X" % struct.unpack_from("<H", f.payload))
            elif f.type in answers and f.seq in (seq, 0) and match(f):
                return f
            elif f.type == o.M_REFUSE and f.seq == seq and f.payload[2] == mtype:
                raise Refused(*struct.unpack_from("<HBxI", f.payload))
            elif f.type == o.M_BUSY and f.seq == seq:
                if now - other > BUSY_MAX:
                    raise TimeoutError("%s: busy for too long" % o.TYPE_NAMES[mtype])
                eta = struct.unpack_from("<BxHI", f.payload)[2]
                due = now + max(0.05, min(eta / 1000.0, 4.0))
                continue
            other = now

    def hello(self):
        nonce = os.urandom(8)
        f = self.request(o.HELLO, struct.pack("<BBH8sIH", 0, 0, o.PAYLOAD_MAX, nonce, 0, 0), (o.M_HELLO,), 30.0,
                         lambda f: f.payload[4:12] == nonce)
        names = ("role minor frameBytesMax nonce features deviceId bootEpoch deviceClass manufacturerCode imageType hardwareVersion "
                 "runningVersion securityCounter phase blockShiftMax slotBytes blockCountMax windowBlocks originatorCounter").split()
        return dict(zip(names, struct.unpack_from("<BBH8sI8sIHHHHIIBBIIHQ", f.payload)))

    def outcome_request(self, mtype, payload, answer, nonce, patience=30.0):
        f = self.request(mtype, payload, (answer,), patience, lambda f: f.payload[132:140] == nonce)
        return Outcome(f.payload, self.device_key)

    def read_version(self):
        nonce = os.urandom(8)
        return self.outcome_request(o.READ_VERSION, nonce, o.M_OUTCOME, nonce)

    def seal(self, digest):
        nonce = os.urandom(8)
        return self.outcome_request(o.SEAL, digest + nonce, o.M_SEALED, nonce)

    def activate(self, authorisation):
        """The signed outcome of this authorisation, from the meter that it names."""
        nonce = os.urandom(8)
        out = self.outcome_request(o.ACTIVATE, authorisation + nonce, o.M_OUTCOME, nonce)
        if out.kind != 2 or out.device_id != authorisation[8:16] or out.counter != int.from_bytes(authorisation[88:96], "little"):
            raise Refusal("malformed", why="OUTCOME of something else")
        return out

    def transfer(self, package, replace=False):
        """Until every block is durable. The status of the ACCEPT, and how many blocks had been there."""
        at_first = None
        while True:
            self.tag = 0
            self.hello()
            m = package.manifest
            nonce = int.from_bytes(os.urandom(4), "little")
            offer = struct.pack("<BBHI", 1 if replace else 0, 0, len(m.octets), nonce) + m.octets + package.header + package.gbcs
            f = self.request(o.OFFER, offer, (o.M_ACCEPT,), match=lambda f: f.payload[4:8] == nonce.to_bytes(4, "little"))
            status, _, durable, _, credit, size = struct.unpack_from("<BBHIIH", f.payload)
            if f.payload[16:48] != m.digest:
                raise Refusal("malformed", why="ACCEPT names another manifest")
            at_first = durable if at_first is None else at_first
            self.log("accepted: status %d, durable %d, credit %d" % (status, durable, credit))
            if status:
                return status, at_first
            self.tag = f.tag
            try:
                done = self.read_map(m) if durable else set()
                self.send_blocks(package, done, credit, min(size, o.PAYLOAD_MAX))
                return 0, at_first
            except LostSession:
                self.log("the session is gone: once more from HELLO")
                self.inbox.clear()

    def read_map(self, m):
        done, first = set(), 0
        while first < m.block_count:
            try:
                f = self.request(o.MAP, struct.pack("<H", first), (o.M_MAP,),
                                 match=lambda f: struct.unpack_from("<H", f.payload)[0] == first)
            except Refused as r:
                if r.code == o.CODES["noSession"]:
                    raise LostSession()
                raise
            _, count = struct.unpack_from("<HH", f.payload)
            if not count:
                break
            done |= {first + i for i in range(count) if f.payload[4 + (i >> 3)] >> (i & 7) & 1}
            first += count
            if first % 8:
                break
        return done

    def send_blocks(self, package, done, credit, size):
        m = package.manifest
        done = set(done)
        want = m.block_count

        largest, good, bad = size, 0, 0

        def split(i, a, n):
            return [(i, x, min(size, a + n - x)) for x in range(a, a + n, size)]

        def pieces(i):
            return split(i, 0, m.block_bytes(i))

        def arrived(lost):
            """Smaller fragments when one in four is lost, larger ones again after 64 in a row that were not."""
            nonlocal size, good, bad
            good, bad = good + (not lost), bad + lost
            if bad >= 4 and bad * 3 > good:
                size, good, bad = max(64, size // 2), 0, 0
            elif good >= 64:
                size, good, bad = min(largest, size * 2) if not bad else size, 0, 0
        again, fresh = [], [i for i in range(want) if i not in done]
        fresh.reverse()
        opened, out, seq, last_heard, last_ping, rto = 0, {}, 0, time.monotonic(), 0.0, 0.5
        out_bytes, cause2, asked = 0, 0, {}     # asked: number of a PING -> last DATA before it
        while len(done) < want:
            while out_bytes < OUT_MAX and len(self.waiting) < OUT_MAX and (again or (fresh and opened < credit)):
                if not again:
                    again = pieces(fresh.pop())
                    opened += 1
                i, a, n = again.pop(0)
                if i in done:
                    continue
                seq += 1
                out[seq] = (i, a, n)
                out_bytes += n
                self.put(o.DATA, package.blocks[i - package.first][a:a + n], seq, block=i, offset=a)
            f = self.pump(min(rto, 1.0))
            now = time.monotonic()
            if f is None:
                if now - last_heard > 10:
                    raise LostSession()
                if not self.waiting and now - max(last_heard, last_ping) >= rto * 0.9:
                    asked[self.put(o.PING)] = seq
                    last_ping, rto = now, min(4.0, rto * 2)
                continue
            last_heard, b = now, f.payload
            if len(b) < LEAST.get(f.type, 0):
                continue
            if f.type == o.M_REFUSE:
                code, request, detail = struct.unpack_from("<HBxI", b)
                if code == o.CODES["noSession"] and f.tag == self.tag:
                    raise LostSession()
                raise Refused(code, request, detail)
            if f.type == o.M_NACK and f.tag == self.tag:
                cause, _, i, a, n = struct.unpack_from("<BBHII", b)
                self.log("NACK cause %d block %d" % (cause, i))
                if cause == 1 and f.seq in out:
                    piece = out.pop(f.seq)
                    out_bytes -= piece[2]
                    arrived(True)
                    again += split(*piece)
                elif cause == 2:
                    cause2 += 1
                    if cause2 > 64:
                        raise Refusal("blockSignature", block=i)
                    again += pieces(i)
                elif cause == 3:
                    raise Refusal("malformed", why="NACK cause 3 for block %d" % i)
            elif f.type == o.M_STATE:
                raise LostSession()
            elif f.type == o.M_SACK and f.tag == self.tag:
                rto = 0.5
                highest, bits, cred, _, count, first, d, r = struct.unpack_from("<IQIHHHBB", b)
                credit = max(credit, cred)
                done |= set(range(min(first, want)))
                done |= {first + i for i in range(8 * d) if b[24 + (i >> 3)] >> (i & 7) & 1 and first + i < want}
                ranges = [struct.unpack_from("<HII", b, 24 + d + 10 * k) for k in range(r)]
                for q in sorted(out):
                    i, a, n = out[q]
                    back = highest - q
                    if back < 0:
                        if q <= asked.get(f.seq, 0):        # sent before the PING, and not there when it was
                            del out[q]
                            out_bytes -= n
                            arrived(True)
                            again += split(i, a, n)
                        continue
                    if i in done or back == 0 or (back <= 64 and bits >> (back - 1) & 1) or any(
                            x == i and y <= a and a + n <= y + z for x, y, z in ranges):
                        out_bytes -= out.pop(q)[2]
                        arrived(False)
                    elif back > 64 or bin(bits & ((1 << (back - 1)) - 1)).count("1") + 1 >= 3 or f.seq:
                        del out[q]
                        out_bytes -= n
                        arrived(True)
                        again += split(i, a, n)
                if f.seq and not out and not again and (not fresh or opened >= credit):
                    held = {x for x, _, _ in ranges}
                    for i in set(range(want)) - done - set(fresh):      # sent, not durable: what no range accounts for
                        if i not in held:
                            again += pieces(i)
                        else:
                            again += [p for p in pieces(i) if not any(
                                x == i and y <= p[1] and p[1] + p[2] <= y + z for x, y, z in ranges)]


def main(argv=None):
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("package")
    p.add_argument("--tty", required=True)
    p.add_argument("--activate", metavar="AUTHORISATION", help="file of 232 octets")
    p.add_argument("--device", metavar="PUB.pem", help="check the meter's signatures with this key")
    p.add_argument("--replace", action="store_true")
    p.add_argument("--verbose", action="store_true")
    a = p.parse_args(argv)

    def log(text):
        if a.verbose:
            print("host: " + text, file=sys.stderr, flush=True)
    result = {"ok": False}
    try:
        with open(a.package, "rb") as f:
            package = Package(f.read())
        host = Host(a.tty, log, PublicKey.load(a.device) if a.device else None)
        start = time.monotonic()
        result["status"], result["durableBefore"] = host.transfer(package, a.replace)
        result["seconds"] = round(time.monotonic() - start, 2)
        m = package.manifest
        if result["status"] != 1:
            sealed = host.seal(m.digest)
            result["sealCode"] = sealed.code
            result["ok"] = sealed.code == 0 and sealed.image_hash == m.image_hash
        else:
            result["ok"] = True
        if result["ok"] and a.activate:
            with open(a.activate, "rb") as f:
                outcome = host.activate(f.read())
            result.update(activationCode=outcome.code, runningHash=outcome.running_hash.hex(), bootEpoch=outcome.boot_epoch)
            result["ok"] = outcome.code == 0 and outcome.running_hash == m.image_hash
    except (Refused, Refusal, TimeoutError) as e:
        result["error"] = str(e)
    except OSError as e:
        print("host: %s" % e, file=sys.stderr)
        return 2
    print(json.dumps(result))
    return 0 if result["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
