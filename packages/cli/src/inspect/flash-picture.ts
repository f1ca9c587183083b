/** The report on a flash for people: tables, and two small pictures. */
import type { MeterView } from '@smets1/emulator';
import { PICTURE_CELLS_MAX } from '../limits.js';
import { counted, rows } from '../output/style.js';
import type { FlashReport, Part, SlotReport } from './flash-report.js';

const SHADES = ' ▁▂▃▄▅▆▇█';

/** `▁▁▃█`: each cell the highest of the sectors it stands for, against the highest of all. */
export function wearPicture(counts: readonly number[]): string {
  const max = Math.max(1, ...counts);
  return cells(counts.length)
    .map(([from, to]) => Math.max(...counts.slice(from, to)))
    .map((count) => SHADES[Math.ceil((count / max) * (SHADES.length - 1))])
    .join('');
}

/** `██▒··`: all blocks of a cell, some, or none. */
export function mapPicture(map: string, blockCount: number): string {
  const octets = Buffer.from(map, 'hex');
  const has = (block: number): boolean => ((octets[block >> 3] ?? 0) & (1 << (block & 7))) !== 0;
  return cells(blockCount)
    .map(([from, to]) => {
      let there = 0;
      for (let block = from; block < to; block++) there += has(block) ? 1 : 0;
      if (there === 0) return '·';
      return there === to - from ? '█' : '▒';
    })
    .join('');
}

/** At most so many runs of items, each as long as the other. */
function cells(count: number): readonly (readonly [from: number, to: number])[] {
  const width = Math.min(count, PICTURE_CELLS_MAX);
  return Array.from({ length: width }, (_, i) => [
    Math.floor((i * count) / width),
    Math.floor(((i + 1) * count) / width),
  ]);
}

/** Every section has a title; what could not be read says why. */
export function flashText(report: FlashReport): string {
  const { boot, staging, wear } = report;
  const geometry = `${counted(report.sizeBytes)} octets in ${counted(report.sectorCount)} sectors, granule ${report.granuleBytes}`;
  return [
    rows([
      ['flash', `${geometry}${report.granuleRewritable ? '' : ' programmed once'}, erased to ${report.erasedValue}`],
      ['meter', textOf(report.identity, ({ deviceId, hardware }) => `${deviceId}, hardware ${hardware}`)],
      ['boots', textOf(boot, (state) => `${state.bootEpoch}, ${bootText(state)}`)],
      ...report.bootCopies.map(({ partition, sector, state }): [string, string] => [
        `${partition} ${sector}`,
        textOf(state, (copy) => (copy === undefined ? 'no record' : `boot ${copy.bootEpoch}, ${bootText(copy)}`)),
      ]),
      ['slot 0', slotText(report.slots[0])],
      ['slot 1', slotText(report.slots[1])],
      ['staging', textOf(staging, (held) => (held === undefined ? 'no image held' : stagingText(held)))],
      [
        '',
        staging.ok && staging.value !== undefined ? mapPicture(staging.value.map, staging.value.blockCount) : undefined,
      ],
      ['wear', `${counted(wear.min)} to ${counted(wear.max)} erases a sector, ${wear.mean.toFixed(1)} on average`],
      ['', wearPicture(wear.counts)],
      [
        'registers',
        textOf(report.meter, (meter) => (meter === undefined ? 'nothing counted yet' : registersText(meter.view))),
      ],
      ...meterRows(report.meter),
      ['security', textOf(report.securityLog, (entries) => `${entries.length} entries`)],
    ]),
    '',
    partitionTable(report),
  ].join('\n');
}

function textOf<T>(part: Part<T>, say: (value: T) => string): string {
  return part.ok ? say(part.value) : `unreadable: ${part.why}`;
}

function slotText(slot: SlotReport | undefined): string | undefined {
  if (slot === undefined) return undefined;
  const { image, verified, fault, role } = slot;
  const what =
    image === undefined ? 'no image' : `${image.version}, ${counted(image.bytes)} octets, SHA-256 ${image.hash}`;
  if (image === undefined && fault === 'no-header') return role === undefined ? 'empty' : `no image (${role})`;
  return [what, verified ? 'verified' : `NOT VERIFIED (${fault ?? 'unreadable'})`, ...(role ? [role] : [])].join(', ');
}

function bootText({ confirmed, pending, trial, staged, highestOriginatorCounter }: BootFields): string {
  const now =
    trial !== undefined
      ? `trial ${trial.bootCount} of slot ${pending?.slot}`
      : pending !== undefined
        ? `activation of slot ${pending.slot} pending`
        : staged !== undefined
          ? `slot ${staged.slot} staged`
          : 'nothing pending';
  const floor =
    confirmed === undefined
      ? 'no image confirmed'
      : `slot ${confirmed.slot} confirmed, counter floor ${confirmed.securityCounter}`;
  return `${floor}, ${now}, originator counter ${highestOriginatorCounter}`;
}

type BootFields = Extract<FlashReport['boot'], { ok: true }>['value'];

function stagingText(held: NonNullable<Extract<FlashReport['staging'], { ok: true }>['value']>): string {
  const { version, durableBlocks, blockCount, sealed, slot } = held;
  return `${version} in slot ${slot}: ${counted(durableBlocks)} of ${counted(blockCount)} blocks${sealed ? ', sealed' : ''}`;
}

function meterRows(meter: FlashReport['meter']): readonly (readonly [string, string])[] {
  if (!meter.ok || meter.value === undefined) return [];
  const { view, logs } = meter.value;
  return [
    ['clock', new Date(view.clockUtcS * 1000).toISOString().replace('.000Z', 'Z')],
    ['supply', `${view.supplyState}, ${view.paymentMode}`],
    [
      'logs',
      Object.entries(logs)
        .map(([name, count]) => `${name} ${count}`)
        .join(', '),
    ],
  ];
}

export function registersText(view: MeterView): string {
  const { activeImportRegisterWh, activeExportRegisterWh } = view;
  return `import ${counted(activeImportRegisterWh)} Wh, export ${counted(activeExportRegisterWh)} Wh`;
}

function partitionTable({ partitions }: FlashReport): string {
  const lines = partitions.map(({ name, offsetBytes, lengthBytes, sectors, wear }) => [
    name,
    offsetBytes.toString(16).padStart(8, '0'),
    `${counted(lengthBytes)} octets`,
    `${sectors} sectors`,
    `wear ${wear.min} to ${wear.max}`,
  ]);
  const width = (column: number): number => Math.max(...lines.map((line) => line[column]!.length));
  const widths = [0, 1, 2, 3, 4].map(width);
  return lines
    .map((line) =>
      line
        .map((cell, i) => cell.padEnd(widths[i]!))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
