import { readFileSync } from 'node:fs';

/** Names one process for good: a pid comes again, a pid with its start time in one boot does not. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks between boot and the start of the process; empty where the system does not tell. */
  readonly startTicks: string;
  /** Changes with every boot; empty where the system does not tell. */
  readonly bootId: string;
}

export interface ProcessPort {
  self(): ProcessIdentity;
  /** False only when that very process is certainly gone. */
  isAlive(identity: ProcessIdentity): boolean;
}

/** This machine's processes. On Linux told apart by /proc; elsewhere by pid alone. */
export function nodeProcesses(): ProcessPort {
  return {
    self: () => ({ pid: process.pid, startTicks: statOf(process.pid)?.startTicks ?? '', bootId: bootId() }),
    isAlive(identity) {
      if (identity.bootId !== bootId()) return false;
      if (identity.startTicks === '') return answersSignals(identity.pid);
      const stat = statOf(identity.pid);
      // A zombie has ended; it only waits for its parent to notice.
      return stat !== undefined && stat.startTicks === identity.startTicks && stat.state !== 'Z' && stat.state !== 'X';
    },
  };
}

function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim().replaceAll('-', '');
  } catch {
    return ''; // not Linux
  }
}

function statOf(pid: number): { readonly state: string; readonly startTicks: string } | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    return undefined; // no such process, or no /proc
  }
  // proc(5): the second field is the command in parentheses and may hold spaces and parentheses; state follows, start time is field 22.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const state = fields[0];
  const startTicks = fields[19];
  return state === undefined || startTicks === undefined ? undefined : { state, startTicks };
}

function answersSignals(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
