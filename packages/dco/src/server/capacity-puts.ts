/** What was agreed outside and is put here: schedules, changes of the capacity, incidents. Durable before it is answered. */
import { accept } from '../error.js';
import type { Answer } from '../error.js';
import {
  agreeSchedule,
  changeCapacity,
  closeIncident,
  openIncident,
  overbookedDays,
  setDayBack,
} from '../ledger/agreements.js';
import { dayOfMs, dayText } from '../ledger/day.js';
import { ledgerDay } from '../ledger/ledger.js';
import type { CapacityChange, Incident, Ledger, Schedule } from '../ledger/ledger.js';
import type { LedgerChange } from '../ledger/ledger-change.js';
import type { Decision } from '../store/store.js';
import type { Rooms } from './routes.js';

export interface Agreed {
  readonly reference: string;
  /** It was so already. */
  readonly repeated: boolean;
}

export interface CapacityChanged extends Agreed {
  /** Days on which the agreed schedules come to more than there is now, the first few: their Users have to be told. */
  readonly overbooked: readonly string[];
}

export type IncidentPut =
  | ({ readonly state: 'open' } & Omit<Incident, 'isOpen' | 'atMs'>)
  | { readonly state: 'closed'; readonly reference: string };

/** Rejects as `transact` does; so do the others. */
export async function putSchedule(rooms: Rooms, asked: Omit<Schedule, 'atMs'>): Promise<Answer<Agreed>> {
  return agreed(
    asked.reference,
    await put(rooms, (ledger, nowMs) =>
      agreeSchedule(ledger, rooms.intake.settings, { ...asked, atMs: nowMs }, ledgerDay(ledger, nowMs)),
    ),
  );
}

export async function putChange(rooms: Rooms, asked: Omit<CapacityChange, 'atMs'>): Promise<Answer<CapacityChanged>> {
  const { settings, store, nowMs } = rooms.intake;
  const done = await put(rooms, (ledger, atMs) =>
    changeCapacity(ledger, settings, { ...asked, atMs }, ledgerDay(ledger, atMs)),
  );
  if (!done.ok) return done;
  const { ledger } = store.state;
  const overbooked = overbookedDays(ledger, settings, ledgerDay(ledger, nowMs())).map(dayText);
  return accept({ reference: asked.reference, repeated: !done.value, overbooked });
}

export async function putIncident(rooms: Rooms, asked: IncidentPut): Promise<Answer<Agreed>> {
  return agreed(
    asked.reference,
    await put(rooms, (ledger, atMs) => {
      if (asked.state === 'closed') return closeIncident(ledger, asked.reference, atMs);
      const { state: _, ...incident } = asked;
      return openIncident(ledger, { ...incident, isOpen: true, atMs });
    }),
  );
}

export async function putDay(rooms: Rooms, day: number): Promise<Answer<{ readonly day: string }>> {
  const done = await put(rooms, (ledger, nowMs) => setDayBack(ledger, day, dayOfMs(nowMs)));
  return done.ok ? accept({ day: dayText(day) }) : done;
}

/** Writes what `decide` agrees to, and lets those go who may start by it. Whether there was anything to write. */
async function put(
  rooms: Rooms,
  decide: (ledger: Ledger, nowMs: number) => Answer<readonly LedgerChange[]>,
): Promise<Answer<boolean>> {
  const { store, nowMs } = rooms.intake;
  const done = await store.transact((state): Decision<Answer<boolean>> => {
    const answer = decide(state.ledger, nowMs());
    return answer.ok
      ? { changes: answer.value, value: accept(answer.value.length > 0) }
      : { changes: [], value: answer };
  });
  if (done.ok && done.value) rooms.releases.capacity.giveAnew();
  return done;
}

function agreed(reference: string, done: Answer<boolean>): Answer<Agreed> {
  return done.ok ? accept({ reference, repeated: !done.value }) : done;
}
