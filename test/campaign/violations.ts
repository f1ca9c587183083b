/**
 * Mistakes that a planner could make, each made once in a true journal of the proving ground. The checker must find each by the rule that it
 * breaks; that it breaks others, too, is the nature of such mistakes.
 */
import type { JournalRecord } from './checker/records.js';
import { dayIn, metersIn, setOf, type DraftOf, type DraftPart, type JournalDraft } from './journal-draft.js';
import { placesOf, type Starts } from './violation-places.js';

export interface Violation {
  readonly rule: string;
  readonly what: string;
  /** @throws Error when the journal is no place for it. */
  readonly spoil: (draft: JournalDraft) => void;
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const PERSON = { kind: 'commanded' } as const;

const isOf =
  (requestId: string) =>
  (record: { readonly requestId: string }): boolean =>
    record.requestId === requestId;

/** One meter that starts later is started with the last of these, on a day whose limit is used up. */
function startOneMore(draft: JournalDraft, fits: (starts: Starts) => boolean): void {
  for (const { record, part, day } of placesOf(draft).filter(fits).toReversed()) {
    const later = placesOf(draft).find(
      (one) => one.day > day && one.part.route === part.route && one.part.hop === 0 && one.isFresh,
    );
    if (later === undefined || part.hop !== 0 || later.record.requestId !== record.requestId) continue;
    const [meter, ...rest] = metersIn(later.part.meters);
    if (rest.length === 0) continue;
    later.part.meters = setOf(rest);
    part.meters = setOf([...metersIn(part.meters), meter!]);
    return;
  }
  throw new Error('nothing is started later that could be started now');
}

function movesImages(
  draft: JournalDraft,
  from: (granted: DraftOf<'granted'>) => [number, number, number] | undefined,
): void {
  for (const { record } of draft.all('granted')) {
    const move = from(record);
    if (move === undefined) continue;
    const [giver, taker, images] = move;
    record.grants[giver]!.images -= images;
    record.grants[taker]!.images += images;
    return;
  }
  throw new Error('no grant has images to move');
}

/** Two grants of which the first has images, and the second could use one more. */
function pair(
  record: DraftOf<'granted'>,
  giver: string,
  taker: (requestId: string) => boolean,
): [number, number] | undefined {
  const from = record.grants.findIndex(({ requestId, images }) => requestId === giver && images > 0);
  const to = record.grants.findIndex(
    ({ requestId, images, ready, limit }) => taker(requestId) && images < Math.min(ready, limit),
  );
  return from === -1 || to === -1 ? undefined : [from, to];
}

function insertBefore(
  draft: JournalDraft,
  kind: JournalRecord['kind'],
  fits: (record: never, at: number) => boolean,
  command: object,
): void {
  draft.insert(draft.one(kind, fits as () => boolean).at, { ...PERSON, command });
}

const startsNew = (record: DraftOf<'released'>): boolean => record.requestId === 'elms' && record.parts[0]!.hop === 0;

export const VIOLATIONS: readonly Violation[] = [
  {
    rule: 'R01',
    what: 'more large images on a day than its spare capacity',
    spoil: (draft) => startOneMore(draft, ({ startedOnDay, capacityOfDay }) => startedOnDay === capacityOfDay),
  },
  {
    rule: 'R01',
    what: 'a capacity that fell is not looked at again',
    spoil: (draft) => {
      const { at, record } = draft.one('released', startsNew);
      const fromDay = new Date(record.atMs).toISOString().slice(0, 10);
      draft.insert(at, { ...PERSON, command: { kind: 'capacity', fromDay, imagesPerDay: 1 } });
    },
  },
  {
    rule: 'R02',
    what: 'one large image more of a User without a schedule',
    spoil: (draft) =>
      startOneMore(draft, ({ record, ofUserOnDay }) => record.requestId === 'small' && ofUserOnDay === 25),
  },
  {
    rule: 'R03',
    what: 'one large image more than the agreed schedule has',
    spoil: (draft) =>
      startOneMore(draft, ({ record, ofUserOnDay }) => record.requestId === 'elms' && ofUserOnDay === 70),
  },
  {
    rule: 'R04',
    what: 'a large image taken for a small one',
    spoil: (draft) => {
      draft.one('requested', isOf('small')).record.routes[0]!.hops[0]!.large = false;
    },
  },
  {
    rule: 'R05',
    what: 'a later request is served before an earlier one',
    spoil: (draft) =>
      movesImages(draft, (record) => {
        const found = pair(record, 'elms', (id) => id === 'small' || id === 'dormant');
        return found && [...found, 1];
      }),
  },
  {
    rule: 'R06',
    what: 'capacity lies idle, and somebody could use it',
    spoil: (draft) => {
      draft
        .one('granted', ({ grants }) => grants.some(({ images }) => images > 1))
        .record.grants.find(({ images }) => images > 1)!.images -= 1;
    },
  },
  {
    rule: 'R07',
    what: 'one of two near-simultaneous requests gets one image of the other',
    spoil: (draft) =>
      movesImages(draft, (record) => {
        const found = pair(record, 'oaks', (id) => id === 'elms') ?? pair(record, 'elms', (id) => id === 'oaks');
        return found && [...found, 1];
      }),
  },
  {
    rule: 'R08',
    what: 'images start without a grant of their day',
    spoil: (draft) => {
      const days = draft.all('granted').map(({ record }) => dayIn(record));
      draft.remove(
        draft.one(
          'granted',
          (record, at) =>
            draft.records[at + 1]?.kind === 'released' && days.filter((day) => day === dayIn(record)).length === 1,
        ).at,
      );
    },
  },
  {
    rule: 'R09',
    what: 'a grant counts one meter too many as ready',
    spoil: (draft) => {
      draft.one('granted', ({ grants }) => grants.length > 0).record.grants[0]!.ready += 1;
    },
  },
  {
    rule: 'R10',
    what: 'a start an hour after the window has closed',
    spoil: (draft) => {
      const { record } = draft.one('released', ({ atMs }, at) => closesBefore(atMs, draft.records[at + 1]?.atMs));
      record.atMs = draft.records[draft.records.indexOf(record) + 1]!.atMs;
    },
  },
  {
    rule: 'R11',
    what: 'the first images start a day before the first day',
    spoil: (draft) => {
      const { at } = draft.one('released');
      for (const record of draft.records.slice(0, at + 1)) {
        record.atMs -= DAY_MS;
        if (record.kind === 'granted') record.day = new Date(record.atMs).toISOString().slice(0, 10);
      }
    },
  },
  {
    rule: 'R12',
    what: 'an interim version is jumped over',
    spoil: (draft) => {
      draft.one('requested', isOf('oaks')).record.routes[0]!.hops.shift();
    },
  },
  {
    rule: 'R13',
    what: 'a meter is given the image of a hop that is not its next',
    spoil: (draft) => {
      draft.one('released', isOf('oaks')).record.parts[0]!.hop = 1;
    },
  },
  {
    rule: 'R14',
    what: 'a meter is given an image that it runs already',
    spoil: (draft) => {
      const [first] = draft.all('released', startsNew);
      const [meter] = metersIn(
        draft.one('outcomes', ({ succeeded }) =>
          metersIn(succeeded).some((one) => metersIn(first!.record.parts[0]!.meters).includes(one)),
        ).record.succeeded,
      );
      const { record } = draft.all('released', startsNew).at(-1)!;
      record.parts[0]!.meters = setOf([...metersIn(record.parts[0]!.meters), meter!]);
    },
  },
  {
    rule: 'R14',
    what: 'a batch is started twice',
    spoil: (draft) => {
      const { at, record } = draft.one('released', startsNew);
      draft.insert(at + 1, { ...structuredClone(record), atMs: record.atMs, batch: -1 });
    },
  },
  {
    rule: 'R15',
    what: 'a meter that is in no request is named',
    spoil: (draft) => {
      const { record } = draft.one('outcomes', ({ broken }) => broken.length > 0);
      record.broken[0]!.meters = setOf([...metersIn(record.broken[0]!.meters), 2879]);
    },
  },
  {
    rule: 'R15',
    what: 'a meter is lost: the campaign ends without its end',
    spoil: (draft) => {
      const { record, at } = draft.all('expired').at(-1)!;
      const left = metersIn(record.meters).slice(1);
      if (left.length === 0) draft.remove(at);
      else record.meters = setOf(left);
    },
  },
  {
    rule: 'R16',
    what: 'new starts of a paused request',
    spoil: (draft) => insertBefore(draft, 'released', startsNew, { kind: 'pause', requestId: 'elms', reason: 'no' }),
  },
  {
    rule: 'R17',
    what: 'the stop rule has crossed its limit, and nothing stops',
    spoil: (draft) => draft.remove(draft.one('stopped').at),
  },
  {
    rule: 'R18',
    what: 'a failure is not shown to the stop rule',
    spoil: (draft) => {
      const { record } = draft.one('outcomes', ({ judged }) => judged.some(({ failures }) => failures > 0));
      record.judged.find(({ failures }) => failures > 0)!.failures -= 1;
    },
  },
  {
    rule: 'R18',
    what: 'the stop rule forgets a failure',
    spoil: (draft) => {
      const { record } = draft.one('outcomes', ({ judged }) => judged.some(({ failures }) => failures > 0));
      record.judged.find(({ failures }) => failures > 0)!.rule.failures -= 1;
    },
  },
  {
    rule: 'R18',
    what: 'the stop rule accepts while starts are under way that could be failures',
    spoil: (draft) => {
      const { record } = draft.one('outcomes', ({ judged }) => judged.some(isWaiting));
      const judged = record.judged.find(isWaiting)!;
      judged.verdict = 'accept';
      Object.assign(judged.rule, { verdict: 'accept' });
    },
  },
  {
    rule: 'R19',
    what: 'a phase grows before the one before has answered',
    spoil: (draft) => draft.remove(draft.one('phase-begun', isOf('oaks')).at),
  },
  {
    rule: 'R20',
    what: 'security firmware goes out without a safety test',
    spoil: (draft) => draft.remove(draft.one('safety-tested').at),
  },
  {
    rule: 'R21',
    what: 'other firmware goes on during a halt',
    spoil: (draft) =>
      insertBefore(draft, 'released', startsNew, {
        kind: 'open-incident',
        incidentId: 'INC-9',
        requestId: 'ashes',
        priority: 1,
        haltsOthers: true,
      }),
  },
  {
    rule: 'R22',
    what: 'security firmware waits behind other firmware',
    spoil: (draft) =>
      movesImages(draft, (record) => {
        const found = pair(record, 'ashes', (id) => id !== 'ashes');
        return found && [...found, 1];
      }),
  },
  {
    rule: 'R23',
    what: 'an agreed slot is moved without notice',
    spoil: (draft) => {
      draft.one('granted', ({ rescheduled }) => rescheduled.length > 0).record.rescheduled.pop();
    },
  },
  {
    rule: 'R24',
    what: 'a parked meter is tried again at once',
    spoil: (draft) => retryAtOnce(draft),
  },
  {
    rule: 'R25',
    what: 'a meter whose tries are spent does not expire',
    spoil: (draft) => draft.remove(draft.one('expired').at),
  },
  {
    rule: 'R26',
    what: 'an 11.1 is not given up after seven days',
    spoil: (draft) => draft.remove(draft.one('gave-up').at),
  },
  {
    rule: 'R28',
    what: 'a dormant meter starts before its combination was tested',
    spoil: (draft) => {
      const first = draft.one('released', isOf('dormant')).record;
      const [meter, ...rest] = metersIn(first.parts[0]!.meters);
      const { at } = draft.one('released');
      const part = { ...structuredClone(first.parts[0]!), meters: setOf([meter!]) };
      first.parts[0]!.meters = setOf(rest);
      draft.insert(at, { kind: 'released', batch: -1, requestId: 'dormant', userId: first.userId, parts: [part] });
    },
  },
  {
    rule: 'R29',
    what: 'a meter that has changed its Supplier is completed on behalf of the old one',
    spoil: (draft) => {
      const { record } = draft.one(
        'released',
        ({ requestId, userId }) => requestId === 'oaks' && !userId.endsWith('1'),
      );
      record.userId = draft.one('released', isOf('oaks')).record.userId;
    },
  },
  {
    rule: 'R30',
    what: 'communications hubs are activated after six days of notice',
    spoil: (draft) => {
      draft.one('noticed').record.activateFromMs -= DAY_MS;
    },
  },
  {
    rule: 'R31',
    what: 'new starts of an aborted request',
    spoil: (draft) =>
      insertBefore(draft, 'released', startsNew, {
        kind: 'abort',
        requestId: 'elms',
        reason: 'no',
        halfDone: 'complete',
      }),
  },
  {
    rule: 'R32',
    what: 'a retarget forgets the meters that are on their way',
    spoil: (draft) => {
      delete draft.one('commanded', ({ command }) => command.kind === 'retarget').record.routes![0]!.after;
    },
  },
  {
    rule: 'R33',
    what: 'a record is cut out',
    spoil: (draft) => {
      draft.keepsNumbers = true;
      draft.remove(draft.one('outcomes').at);
    },
  },
  {
    rule: 'R33',
    what: 'the journal is of another input',
    spoil: (draft) => {
      draft.one('opened').record.inputDigest = '0'.repeat(64);
    },
  },
  {
    rule: 'R34',
    what: 'an event comes too late',
    spoil: (draft) => {
      const { at, record } = draft.one('commanded', ({ event }) => event === 4);
      const { at: next } = draft.one('released', (_, place) => place > at);
      draft.remove(at);
      record.atMs = draft.records[next - 1]!.atMs;
      draft.records.splice(next, 0, record);
    },
  },
];

/** It has the 240 successes that would do if nothing were under way. */
function isWaiting({ verdict, rule }: DraftOf<'outcomes'>['judged'][number]): boolean {
  return verdict === 'go-on' && rule.failures === 0 && rule.successes >= 240;
}

/** After six o'clock in London, summer or winter, and on no Wednesday. */
function closesBefore(atMs: number, nextAtMs: number | undefined): boolean {
  if (nextAtMs === undefined || dayIn({ atMs }) !== dayIn({ atMs: nextAtMs })) return false;
  const next = new Date(nextAtMs);
  return next.getUTCDay() !== 3 && next.getUTCHours() >= 6 && next.getUTCHours() < 20;
}

/** A meter that was parked yesterday joins the next batch of its kind, and is missing where it was tried again. */
function retryAtOnce(draft: JournalDraft): void {
  for (const { at, record } of draft.all('outcomes', ({ broken }) => broken.length > 0))
    for (const meter of record.broken.flatMap(({ meters }) => metersIn(meters))) {
      const again = draft
        .all('released', (_, place) => place > at)
        .flatMap(({ record: { parts } }) => parts)
        .find(({ meters }) => metersIn(meters).includes(meter));
      const next = draft
        .all('released', (released, place) => place > at && dayIn(released) - dayIn(record) < 3)
        .flatMap(({ record: { parts } }) => parts)
        .find((part) => isSameHop(part, again));
      if (again === undefined || next === undefined || again === next || metersIn(again.meters).length === 1) continue;
      again.meters = setOf(metersIn(again.meters).filter((one) => one !== meter));
      next.meters = setOf([...metersIn(next.meters), meter]);
      return;
    }
  throw new Error('no parked meter could be tried again at once');
}

function isSameHop(part: DraftPart, other: DraftPart | undefined): boolean {
  return part.route === other?.route && part.hop === other.hop;
}
