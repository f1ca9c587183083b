/*
 * One image on its way to a meter, its activation and its trial (protocol/docs/SPEC.md §10), small enough to be searched whole.
 *
 * Two parties and between them a line of depth 2 each way that loses, doubles and lets frames overtake. The meter loses power at any of its
 * flash operations, the host is killed and begins again, perhaps with another image, a forger speaks, a block rots. HAS(NO_...) marks a
 * guard: searched with -DWITHOUT=NO_..., the model has a counterexample (README.md has the table).
 *
 * From the code: BLOCKS, WINDOW, TRIAL_STARTS. Of the search: SESSIONS, DOUBLES, CUTS, FORGERIES, ROTS, and FAIR: finitely many losses.
 */
#define ALL ((1 << BLOCKS) - 1)
#define BIT(b) (1 << (b))
/* Images: what stands in a block, and what runs; 0 is erased flash, or none. An image's number is its security counter too. */
#define OLD 1
#define ALT 2
#define NEW 3
#define SPOILT 4
#define COUNTER(image) (image == NEW -> 1 : 2) /* of its authorisation: the second job is authorised after the first */
#define GENUINE 0
#define FOREIGN 1
#define UNSIGNED 2
#define PROBE 99
#define HAS(guard) (WITHOUT != guard)
mtype = { OFFER, GETMAP, DATA, PING, SEAL, ACTIVATE, ACCEPT, MAP, SACK, NACK, SEALED, OUTCOME, REFUSE, BUSY };
mtype = { SEND, HELD, RUNNING, NOSESSION, INCOMPLETE, LOW, TRIALRUNNING, USED, FORGED };
mtype = { NONE, PENDING, SUCCESS, NOIMAGE, MISMATCH, FAILURE, UNKNOWN, WELL, SICK, ASKING, SENDING, DONE, REVERTED, FAILED };
mtype = { drop, erase, erasing, header, begin, store, record, staged, mark, counter, confirm, start, revert, idle };
mtype = { NOTHING, NO_BLOCK_SIGNATURE, NO_SESSION_TAG, NO_STORE_FIRST, NO_RECORD_FIRST, NO_ERASE, NO_DROP_FIRST, NO_HEADER_MATCH,
  NO_STAGED_MATCH, NO_SEAL_DIGEST, NO_SEAL_VERIFY, NO_BOOT_VERIFY, NO_TRIAL_LIMIT, NO_START_COUNT_FIRST, NO_TRIAL_REFUSAL, NO_FLOOR,
  NO_FLOOR_AT_CONFIRM, NO_DEVICE, NO_AUTHORISATION_SIGNATURE, NO_COUNTER, NO_REPEAT_MEMORY, NO_ONE_RECORD, NO_ANSWER_MATCH, NO_HOST_TAG,
  NO_CREDIT };
/* kind, session tag, request, and two words of it */
chan toMeter = [2] of { mtype, byte, byte, byte, byte };
chan toHost = [2] of { mtype, byte, byte, byte, byte };
/* Flash: boot's record; the staging log; the slot beside the running one. */
byte fConfirmed = OLD, fFloor = OLD, fCounter, fAuthorised, fStaged, fPending, fStarts;
mtype fResult = NONE;
byte fHeld, fMap, fHeader, slot[BLOCKS];
/* The meter's RAM; what the image on trial thinks of itself, decided when it first does. */
byte session, sessions, offered, held, failedSeal, inSession;
bool fSealed, sealed, trial, over, gaveUp, rotted;
mtype health = UNKNOWN, phase = ASKING, ask = OFFER;
/* The host. */
byte image = NEW, greets, request, tag, known, opened, openedCount, out, credit;
/* What may still go wrong, and what did. */
byte cuts = CUTS, restarts = 1, forgeries = FORGERIES, rots = ROTS, doubles = DOUBLES, runs, effects[5];
#ifdef FAIR
byte losses = 1;
#define LOSE losses > 0 -> losses--
ltl ends { <> over }
#else
#define LOSE true
#endif
#ifdef WALK /* at random, what goes wrong should do so now and then */
#define OFTEN :: true :: true :: true :: true :: true :: true
#else
#define OFTEN :: true
#endif
/* A frame comes out of a line: the first or the one behind it; once, once more later, or not at all. */
#define FROM(line) \
  if OFTEN :: len(line) == 2 -> line?k, t, r, x, y; line!k(t, r, x, y) fi; \
  line?k, t, r, x, y; \
  if OFTEN :: LOSE; k = 0 :: doubles > 0 && nfull(line) -> doubles--; line!k(t, r, x, y) fi
#define DONE_WITH k = 0; t = 0; r = 0; x = 0; y = 0
#define TO_METER(k, t, r, x, y) if :: nfull(toMeter) -> toMeter!k(t, r, x, y) :: full(toMeter) fi
#define SAY(k, t, r, x, y) printf("says %e %e\n", k, x); if :: nfull(toHost) -> toHost!k(t, r, x, y) :: full(toHost) fi
#define CUT(where) if :: cuts > 0 -> cuts--; printf("cut %e\n", where); goto off OFTEN fi
/* The host. QUIET stands for every timer: nothing is under way that could still answer. */
#define QUIET (empty(toMeter) && empty(toHost) && !trial && !gaveUp)
#define ANSWERS (r == request || !HAS(NO_ANSWER_MATCH))
#define OURS (t == tag || !HAS(NO_HOST_TAG))
#define FREE(b) (!((known | out) & BIT(b)) && ((opened & BIT(b)) || openedCount < credit || !HAS(NO_CREDIT)))
#define ANY_FREE (FREE(0) || FREE(1) || FREE(2) || FREE(BLOCKS - 1))
#define MAY_PUMP (phase == SENDING && len(toMeter) < 2 && ANY_FREE)
inline ask_again() {
  if
  :: ask == OFFER -> TO_METER(OFFER, 0, request, image, 0) :: ask == GETMAP -> TO_METER(GETMAP, tag, request, 0, 0)
  :: ask == SEAL -> TO_METER(SEAL, tag, request, image, 0)
  :: ask == ACTIVATE -> TO_METER(ACTIVATE, 0, request, image, GENUINE)
  fi
}
inline question(what) {
  phase = ASKING; ask = what; request = 4 * greets + (what == OFFER -> 0 : (what == GETMAP -> 1 : (what == SEAL -> 2 : 3)));
  ask_again()
}
/* What no longer counts is set to 0: fewer states that differ in nothing. */
inline clear() { known = 0; opened = 0; openedCount = 0; out = 0; credit = 0 }
inline greet() { greets++; clear(); tag = 0; question(OFFER) }
inline sending() { if :: known == ALL -> clear(); question(SEAL) :: else -> phase = SENDING fi }
inline learn(bits) {
  known = known | bits; out = out & ~known;
  assert(session != tag || (known & ~fMap) == 0) /* believed durable is durable */
}
inline pump() {
  do
  :: MAY_PUMP ->
    b = 0;
    do :: FREE(b) -> break :: else -> b++ od;
    if :: opened & BIT(b) :: else -> opened = opened | BIT(b); openedCount++ fi;
    assert(session != tag || openedCount <= WINDOW + inSession); /* no more is opened than the meter has room for */
    out = out | BIT(b); toMeter!DATA(tag, 0, b, image); b = 0
  :: !MAY_PUMP -> break
  od
}

active proctype Host() {
  mtype k; byte t, r, x, y, b;
  atomic { greet() }
  do
  :: atomic { phase == ASKING && QUIET -> ask_again() }
  :: atomic { MAY_PUMP -> pump() }
  :: atomic { phase == SENDING && QUIET && !ANY_FREE -> TO_METER(PING, tag, PROBE, 0, 0) }
  :: atomic { nempty(toHost) ->
      FROM(toHost);
      if :: k == 0
      :: phase == ASKING && ANSWERS && ask == OFFER && k == ACCEPT ->
        if :: x == SEND -> tag = t; credit = WINDOW; if :: y > 0 -> question(GETMAP) :: else -> sending() fi
        :: x == HELD -> question(SEAL)
        :: x == RUNNING -> question(ACTIVATE)
        fi
      :: phase == ASKING && ANSWERS && ask == OFFER && k == REFUSE && x == TRIALRUNNING -> question(ACTIVATE)
      :: phase == ASKING && ANSWERS && ask == OFFER && k == REFUSE && x == LOW -> assert(image < fFloor); phase = FAILED
      :: phase == ASKING && ANSWERS && ask == GETMAP && k == MAP -> learn(x); sending()
      :: phase == ASKING && ANSWERS && k == REFUSE && (x == NOSESSION || x == INCOMPLETE) -> greet()
      :: phase == ASKING && ANSWERS && ask == SEAL && k == SEALED ->
        if :: x == SUCCESS && y == image -> tag = 0; question(ACTIVATE)
        :: else -> assert(x != MISMATCH || rotted); phase = FAILED /* an honest image is not thrown away */
        fi
      :: phase == ASKING && ANSWERS && ask == ACTIVATE && k == OUTCOME ->
        if :: x == SUCCESS && y == image -> assert(fConfirmed == image); phase = DONE /* reported as done: confirmed */
        :: x == FAILURE && y == image -> assert(fConfirmed != image); phase = REVERTED /* reported as reverted: the image before */
        :: else -> phase = FAILED
        fi
      :: phase == ASKING && ANSWERS && ask == ACTIVATE && k == REFUSE && (x == USED || x == TRIALRUNNING) ->
        assert(x != USED || fCounter > COUNTER(image)); phase = FAILED /* refused as used: used by a later one */
      :: phase == SENDING && OURS && k == SACK ->
        learn(x);
        if :: r == PROBE -> out = 0 :: else fi;
        if :: WINDOW + y > credit -> credit = WINDOW + y :: else fi;
        if :: known == ALL -> clear(); question(SEAL) :: else fi
      :: phase == SENDING && OURS && k == NACK -> out = out & ~BIT(x)
      :: phase == SENDING && OURS && k == REFUSE && x == NOSESSION -> greet()
      :: else
      fi;
      pump(); DONE_WITH }
  :: atomic { restarts > 0 && !(phase == ASKING && ask == OFFER) -> restarts--; if :: image = NEW :: image = ALT fi; greet() }
  :: atomic { forgeries > 0 && nfull(toMeter) ->
      forgeries--;
      if
      :: session > 0 && held > 0 -> toMeter!DATA(session, 0, 0, (held == NEW -> ALT : NEW)) /* well signed, of another image */
      :: toMeter!ACTIVATE(0, 0, NEW, FOREIGN)
      :: toMeter!ACTIVATE(0, 0, NEW, UNSIGNED)
      :: fCounter > 0 -> toMeter!ACTIVATE(0, 0, NEW, GENUINE) /* overheard, said again */
      fi }
  :: atomic { phase != ASKING && phase != SENDING ->
      /* with nothing but line and power against it, a job ends well */
      assert(restarts == 0 || rotted || forgeries < FORGERIES || phase == (health == SICK -> REVERTED : DONE));
      over = true; break }
  :: atomic { gaveUp -> over = true; break }
  od
}
/* The meter. */
#define WHOLE(i) (slot[0] == i && slot[1] == i && slot[2] == i && slot[BLOCKS - 1] == i)
#define SAFE(b) (!(fMap & BIT(b)) || slot[b] == fHeld || rotted)
#define STATE printf("state %d %d %d %d %d %d %d %e\n", trial, (trial -> fPending : fConfirmed), held, (held > 0 -> fMap : 0), sealed, \
    fFloor, fCounter, fResult)
#define NO_SESSION session = 0; offered = 0; inSession = 0
#define IN_SESSION (session > 0 && (t == session || !HAS(NO_SESSION_TAG)))
#define HIGH_ENOUGH (x >= fFloor || !HAS(NO_FLOOR))
/* What the staging log says counts only for the offer that stands beside it; sealed is what boot knows as well. */
inline recover() {
  held = (fHeader == fHeld || !HAS(NO_HEADER_MATCH) -> fHeld : 0);
  sealed = held > 0 && fSealed && (fStaged == held || !HAS(NO_STAGED_MATCH));
  assert(held == 0 || (SAFE(0) && SAFE(1) && SAFE(2) && SAFE(BLOCKS - 1))) /* recorded as durable: there, and of that image */
}
inline wipe(content) { b = 0; do :: b < BLOCKS -> slot[b] = content; b++ :: b == BLOCKS -> break od; b = 0 }
inline unstage() { if :: fStaged > 0 -> CUT(staged); fStaged = 0 :: else fi }
inline forget() { if :: held > 0 -> CUT(drop); fMap = 0; fHeld = 0; fSealed = false :: else fi }
inline openSession() { sessions++; session = sessions; offered = r; inSession = 0; SAY(ACCEPT, session, r, SEND, (fMap > 0)) }
inline prepare() {
  NO_SESSION; sealed = false; failedSeal = 0;
  assert(!trial); /* the slot of the way back is not touched in a trial */
  assert(x >= fFloor); /* what is older than what runs gets no slot */
  unstage();
  if :: HAS(NO_DROP_FIRST) -> forget() :: else fi;
  held = 0; CUT(erase);
  if
  :: HAS(NO_ERASE) ->
    if :: cuts > 0 && fHeader > 0 -> cuts--; wipe(0); printf("cut erasing\n"); goto off OFTEN fi; /* torn: the header is still there */
    fHeader = 0; wipe(0); CUT(header)
  :: else
  fi;
  fHeader = x; CUT(begin); fHeld = x; fMap = 0; fSealed = false; held = x;
  openSession()
}
inline recordBlock() { CUT(record); fMap = fMap | BIT(x); inSession++ }
inline countStart() { CUT(start); fStarts++ }
inline answer(code) { CUT(counter); fCounter = COUNTER(x); fAuthorised = x; fResult = code; SAY(OUTCOME, session, r, code, x) }

active proctype Meter() {
  mtype k; byte t, r, x, y, b;
  goto on;
off:
  atomic {
    DONE_WITH; NO_SESSION; held = 0; sealed = false; failedSeal = 0; trial = false;
on:
    if :: fPending == 0
    :: fPending > 0 && ((WHOLE(fPending) || !HAS(NO_BOOT_VERIFY)) && (fStarts < TRIAL_STARTS || !HAS(NO_TRIAL_LIMIT))) ->
      if :: HAS(NO_START_COUNT_FIRST) -> countStart() :: else fi;
      runs++; trial = true;
      assert(runs <= TRIAL_STARTS); /* a trial is started so often and no more */
      assert(WHOLE(fPending)); /* nothing runs that does not verify at that boot */
      if :: HAS(NO_START_COUNT_FIRST) :: else -> countStart() fi;
      if :: HAS(NO_FLOOR_AT_CONFIRM) :: else -> fFloor = fPending fi;
      assert(fFloor <= fConfirmed) /* the way back stays open */
    :: else -> CUT(revert); fResult = FAILURE; fPending = 0; fStaged = 0; fStarts = 0; runs = 0
    fi;
    if :: !trial -> recover() :: trial fi;
    STATE
  }
end:
  do /* Between operations power matters only where it takes something from RAM, and only as the next frame finds out. */
  :: atomic { cuts > 0 && (trial || ((session > 0 || failedSeal > 0) && nempty(toMeter))) -> cuts--; printf("cut idle\n"); goto off }
  :: atomic { rots > 0 && !trial && held > 0 && fMap > 0 ->
      do :: b < BLOCKS - 1 -> b++ :: break od; /* whichever */
      if :: (fMap & BIT(b)) && slot[b] == held -> slot[b] = SPOILT; rots--; rotted = true; printf("rot %d\n", b); STATE :: else fi; b = 0 }
  :: atomic { trial && health == UNKNOWN -> if :: health = WELL :: health = SICK fi }
  :: atomic { trial && health == SICK -> printf("crash\n"); goto off }
  :: atomic { trial && health == WELL ->
      printf("well\n"); CUT(confirm);
      assert(fPending >= fFloor); /* the floor never falls */
      fHeader = fConfirmed; wipe(fConfirmed); /* the spare slot is now that of the image before */
      fConfirmed = fPending; fFloor = fPending; fResult = SUCCESS; fPending = 0; fStaged = 0; fStarts = 0; trial = false; runs = 0;
      NO_SESSION; recover(); STATE }
  :: atomic { nempty(toMeter) ->
      FROM(toMeter);
      if :: k > 0 -> printf("hears %e %d %d %d %d\n", k, t, r, x, y) :: else fi;
      if :: k == 0
      :: k == OFFER && trial && HAS(NO_TRIAL_REFUSAL) -> SAY(REFUSE, 0, r, TRIALRUNNING, 0)
      :: k == OFFER && !(trial && HAS(NO_TRIAL_REFUSAL)) ->
        if :: session > 0 && offered == r && held == x -> SAY(ACCEPT, session, r, SEND, (fMap > 0))
        :: else ->
          if :: !HIGH_ENOUGH -> SAY(REFUSE, 0, r, LOW, 0)
          :: HIGH_ENOUGH && x == fConfirmed -> SAY(ACCEPT, 0, r, RUNNING, 0)
          :: HIGH_ENOUGH && x != fConfirmed && x == held && sealed -> SAY(ACCEPT, 0, r, HELD, 0)
          :: HIGH_ENOUGH && x != fConfirmed && x == held && !sealed && sessions < SESSIONS -> openSession()
          :: HIGH_ENOUGH && x != fConfirmed && x != held && sessions < SESSIONS -> prepare()
          :: else -> gaveUp = true; printf("enough\n") /* more sessions than this search looks at */
          fi fi
      :: k == DATA && IN_SESSION ->
        assert(t == session); /* a frame counts in its own session only */
        if :: (fMap & BIT(x)) /* a repeat */
        :: !(fMap & BIT(x)) && y != held && HAS(NO_BLOCK_SIGNATURE) -> SAY(NACK, session, 0, x, 0)
        :: !(fMap & BIT(x)) && !(y != held && HAS(NO_BLOCK_SIGNATURE)) ->
          assert(y == held); /* nothing that is not signed for this image reaches its slot */
          if :: HAS(NO_STORE_FIRST) :: else -> recordBlock() fi;
          if :: HAS(NO_RECORD_FIRST) :: else -> SAY(SACK, session, 0, (fMap | BIT(x)), inSession); assert(fMap & BIT(x)) fi; /* said is recorded */
          CUT(store); slot[x] = (slot[x] == 0 || slot[x] == y -> y : SPOILT);
          if :: HAS(NO_STORE_FIRST) -> recordBlock() :: else fi;
          SAY(SACK, session, 0, fMap, inSession)
        fi
      :: k == GETMAP && session > 0 && t == session -> SAY(MAP, session, r, fMap, 0)
      :: k == PING && session > 0 && t == session -> SAY(SACK, session, r, fMap, inSession)
      :: (k == DATA && !IN_SESSION) || ((k == GETMAP || k == PING) && !(session > 0 && t == session)) -> SAY(REFUSE, t, r, NOSESSION, 0)
      :: k == SEAL && trial -> SAY(BUSY, session, r, 0, 0)
      :: k == SEAL && !trial ->
        if :: held == 0 || (held != x && HAS(NO_SEAL_DIGEST)) -> SAY(SEALED, session, r, (failedSeal == x -> MISMATCH : NOIMAGE), x)
        :: else ->
          assert(held == x); /* sealed is what the host named */
          if :: sealed -> SAY(SEALED, session, r, SUCCESS, x)
          :: !sealed && fMap != ALL -> SAY(REFUSE, session, r, INCOMPLETE, 0)
          :: !sealed && fMap == ALL && !WHOLE(held) && HAS(NO_SEAL_VERIFY) ->
            unstage(); forget(); held = 0; failedSeal = x; NO_SESSION; SAY(SEALED, t, r, MISMATCH, x)
          :: !sealed && fMap == ALL && (WHOLE(held) || !HAS(NO_SEAL_VERIFY)) ->
            assert(WHOLE(held)); /* sealed is whole; what boot knows is not written again */
            if :: fStaged != held -> CUT(staged); fStaged = held :: else fi; CUT(mark); fSealed = true; sealed = true; NO_SESSION; failedSeal = 0; SAY(SEALED, t, r, SUCCESS, x)
          fi fi
      :: k == ACTIVATE ->
        if :: (y == FOREIGN && HAS(NO_DEVICE)) || (y == UNSIGNED && HAS(NO_AUTHORISATION_SIGNATURE)) -> SAY(REFUSE, session, r, FORGED, 0)
        :: else ->
          if :: fAuthorised == x && fResult != PENDING && HAS(NO_REPEAT_MEMORY) -> SAY(OUTCOME, session, r, fResult, x)
          :: fAuthorised == x && fResult == PENDING && HAS(NO_REPEAT_MEMORY) -> SAY(BUSY, session, r, 0, 0)
          :: (fAuthorised != x || !HAS(NO_REPEAT_MEMORY)) && COUNTER(x) <= fCounter && HAS(NO_COUNTER) -> SAY(REFUSE, session, r, USED, 0)
          :: (fAuthorised != x || !HAS(NO_REPEAT_MEMORY)) && !(COUNTER(x) <= fCounter && HAS(NO_COUNTER)) ->
            if :: trial -> SAY(REFUSE, session, r, TRIALRUNNING, 0)
            :: !trial && x == fConfirmed -> answer(SUCCESS)
            :: !trial && x != fConfirmed && !sealed -> answer(NOIMAGE)
            :: !trial && x != fConfirmed && sealed && held != x -> answer(MISMATCH)
            :: !trial && x != fConfirmed && sealed && held == x ->
              assert(y == GENUINE); /* nothing runs that nobody permitted this meter */
              assert(fStaged == x); /* what boot does not know as staged it would not try */
              CUT(counter);
              effects[x]++; runs = 0; health = UNKNOWN;
              assert(effects[x] <= 1); /* one authorisation, one effect */
              if :: HAS(NO_ONE_RECORD) :: else -> fPending = x; CUT(counter) fi;
              fPending = x; fCounter = COUNTER(x); fAuthorised = x; fResult = PENDING; fStarts = 0; SAY(BUSY, session, r, 0, 0); goto off
            fi fi fi fi;
      if :: k > 0 -> STATE :: else fi; DONE_WITH }
  od
}
