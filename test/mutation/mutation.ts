/**
 * `npm run mutation [-- FILE...]`: every mutant of the code that decides what runs must be killed by a test, or stand in survivors.json with the
 * reason why none can; in a room with a least score, that share of each file. Exit code 1 for a survivor that does not stand there, for one that
 * stands there and is killed or gone, and for a file below its room's score.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { judge, placesOfSurvivors, withKilled, type Report, type Survivor } from './judge.js';
import { ROOMS, type Room } from './rooms.js';

const HERE = fileURLToPath(new URL('.', import.meta.url)).replace(/dist[\\/]/, '');
const ROOT = join(HERE, '../..');
const REPORT = join(ROOT, '.cache/mutation/report.json');
const STRYKER = join(ROOT, 'node_modules/@stryker-mutator/core/bin/stryker.js');

function main(files: readonly string[]): number {
  const survivors = JSON.parse(readFileSync(join(HERE, 'survivors.json'), 'utf8')) as readonly Survivor[];
  const complaints: string[] = [];
  const strange = files.filter((file) => !ROOMS.some(({ mutate }) => mutate.includes(file)));
  for (const file of strange) complaints.push(`${file} is not among the files that are mutated`);
  for (const room of ROOMS) {
    const mutate = files.length === 0 ? room.mutate : room.mutate.filter((file) => files.includes(file));
    if (mutate.length > 0) complaints.push(...complaintsOf(room, mutate, survivors));
  }
  for (const complaint of complaints) console.error(complaint);
  return complaints.length === 0 ? 0 : 1;
}

function complaintsOf(room: Room, mutate: readonly string[], survivors: readonly Survivor[]): readonly string[] {
  const first = stryker('stryker.config.json', room.name, mutate);
  if (first === undefined) return [`Stryker did not come to the end of ${mutate.join(', ')}`];
  // Its runner for vitest takes a file of tests that does not even load for one without a failing test: whatever survived is tried
  // again by a command that fails then.
  const places = placesOfSurvivors(first);
  const second = places.length === 0 ? undefined : stryker('stryker.again.json', room.name, places);
  if (places.length > 0 && second === undefined) return [`Stryker did not come to the end of ${places.join(', ')}`];
  const merged = second === undefined ? first : withKilled(first, second);
  const { scores, complaints } = judge(merged, survivors, room.least);
  for (const { file, killed, all, excused, words, open } of scores) {
    const rest = [
      ...(excused === 0 ? [] : [`${excused} listed with a reason`]),
      ...(open === 0 ? [] : [`${open} open`]),
    ].map((part) => `, ${part}`);
    console.log(`${file}: ${killed} of ${all} mutants killed, ${words} in words for people not${rest.join('')}`);
  }
  // A name that has moved would otherwise pass: nothing of it is mutated, so nothing survives.
  const missing = mutate.filter((file) => !scores.some((score) => score.file === file && score.all > 0));
  return [...complaints, ...missing.map((file) => `nothing in ${file} was mutated`)];
}

function stryker(config: string, room: string, mutate: readonly string[]): Report | undefined {
  rmSync(REPORT, { force: true });
  const ended = spawnSync(process.execPath, [STRYKER, 'run', join(HERE, config), '--mutate', mutate.join(',')], {
    cwd: ROOT,
    stdio: 'inherit',
    env: { ...process.env, MUTATION_ROOM: room },
  });
  return ended.status === 0 ? (JSON.parse(readFileSync(REPORT, 'utf8')) as Report) : undefined;
}

process.exitCode = main(process.argv.slice(2));
