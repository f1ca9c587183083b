/** One plot as SVG: what fleets of several sizes cost, beside the straight line through the largest. */

export interface Point {
  readonly meters: number;
  readonly seconds: number;
  /** Peak of resident memory. */
  readonly gib: number;
}

const WIDTH = 720;
const HEIGHT = 420;
const EDGE = { left: 64, right: 64, top: 48, bottom: 56 } as const;
const TICKS = 4;

/** @param points - By meters, the largest last. @param title - Plain text. */
export function plotOf(points: readonly Point[], title: string): string {
  const last = points.at(-1)!;
  const secondsMax = Math.max(...points.map(({ seconds }) => seconds));
  const gibMax = Math.max(...points.map(({ gib }) => gib));
  const x = (meters: number): number => EDGE.left + ((WIDTH - EDGE.left - EDGE.right) * meters) / last.meters;
  const y = (share: number): number => HEIGHT - EDGE.bottom - (HEIGHT - EDGE.top - EDGE.bottom) * share;
  const time = points.map(({ meters, seconds }) => [x(meters), y(seconds / secondsMax)] as const);
  const memory = points.map(({ meters, gib }) => [x(meters), y(gib / gibMax)] as const);
  const ticks = Array.from({ length: TICKS + 1 }, (_, i) => i / TICKS);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="white"/>`,
    text(WIDTH / 2, 24, 'middle', title, 'font-size="15"'),
    ...ticks.map((share) => line([EDGE.left, y(share)], [WIDTH - EDGE.right, y(share)], 'stroke="#ddd"')),
    ...ticks.map((share) => text(EDGE.left - 8, y(share) + 4, 'end', (share * secondsMax).toFixed(0), BLUE)),
    ...ticks.map((share) => text(WIDTH - EDGE.right + 8, y(share) + 4, 'start', (share * gibMax).toFixed(2), BROWN)),
    ...points.map(({ meters }) =>
      text(x(meters), HEIGHT - EDGE.bottom + 18, 'middle', meters.toLocaleString('en-GB'), ''),
    ),
    line([x(0), y(0)], [x(last.meters), y(last.seconds / secondsMax)], 'stroke="#888" stroke-dasharray="5 4"'),
    curve(time, 'stroke="#1f5fa8"'),
    curve(memory, 'stroke="#a85f1f"'),
    ...time.map(([cx, cy]) => `<circle cx="${round(cx)}" cy="${round(cy)}" r="4" fill="#1f5fa8"/>`),
    ...memory.map(([cx, cy]) => `<circle cx="${round(cx)}" cy="${round(cy)}" r="4" fill="#a85f1f"/>`),
    text(EDGE.left, 42, 'start', 'seconds', BLUE),
    text(WIDTH - EDGE.right, 42, 'end', 'GiB resident at most', BROWN),
    text(WIDTH / 2, HEIGHT - 14, 'middle', 'meters; dashed: time that is strictly linear', ''),
    '</svg>',
    '',
  ].join('\n');
}

const BLUE = 'fill="#1f5fa8"';
const BROWN = 'fill="#a85f1f"';

type Place = readonly [x: number, y: number];

function line(from: Place, to: Place, style: string): string {
  return `<line x1="${round(from[0])}" y1="${round(from[1])}" x2="${round(to[0])}" y2="${round(to[1])}" ${style}/>`;
}

function curve(places: readonly Place[], style: string): string {
  return `<polyline points="${places.map((place) => place.map(round).join(',')).join(' ')}" fill="none" stroke-width="2" ${style}/>`;
}

function text(x: number, y: number, anchor: 'start' | 'middle' | 'end', words: string, style: string): string {
  const safe = words.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  return `<text x="${round(x)}" y="${round(y)}" text-anchor="${anchor}" ${style}>${safe}</text>`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
