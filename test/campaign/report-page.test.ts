/**
 * Goal: what a person sees on the report page is what the JSON says, at a desk and in a hand, and nothing but this page is ever loaded.
 * Method: headless Chromium, where the page is laid out for real; boxes, paths and cells are read back and held against the report.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type CampaignReport, reportPage } from '@smets1/campaign';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  chartsOf,
  contrastOf,
  elementsOf,
  figuresOf,
  isInside,
  overlaps,
  type SeenChart,
  tablesOf,
  widthsOf,
} from './page-reader.js';
import { expectedFigures, expectedMarks, expectedTables } from './page-expected.js';
import { sampleReport } from './sample-report.js';

const HOSTILE =
  '</title></style></svg><script>window.hit=1</script><img src=x onerror="window.hit=1">"\'`&lt;\u202Ekcab\u0000';
const REPORTS: Readonly<Record<string, CampaignReport>> = {
  'a campaign of two months': sampleReport({ days: 60, users: 6, requests: 5 }),
  'more Users and requests than there are colours and rows': sampleReport({ days: 118, users: 51, requests: 40 }),
  'a single day': sampleReport({ days: 1, users: 2, requests: 3 }),
  'eight years': sampleReport({ days: 2_922, users: 3, requests: 3 }),
  'long names': sampleReport({
    days: 20,
    users: 4,
    requests: 4,
    text: (what) => `${what} ${'Wm'.repeat(28)}`.slice(0, 64),
  }),
};
const WIDTHS = [1280, 390] as const;

let browser: Browser;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'report-page-'));
  browser = await chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--disable-quic',
    ],
  });
});
afterAll(async () => {
  await browser?.close();
  await rm(folder, { recursive: true, force: true });
});

interface Opened {
  readonly page: Page;
  /** What the browser complained about, and what it asked for besides the file. */
  readonly complaints: readonly string[];
}

/** As a person opens it: from a file, in a context that has never seen anything. */
async function open(report: CampaignReport, width: number, colorScheme: 'light' | 'dark' = 'light'): Promise<Opened> {
  const url = pathToFileURL(join(folder, 'report.html')).href;
  await writeFile(join(folder, 'report.html'), reportPage(report));
  const context = await browser.newContext({ viewport: { width, height: 900 }, colorScheme });
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('console', (message) => complaints.push(`console: ${message.text()}`));
  page.on('pageerror', (error) => complaints.push(`error: ${error.message}`));
  page.on('dialog', (dialog) => complaints.push(`dialog: ${dialog.message()}`));
  page.on('request', (request) => {
    if (request.url() !== url) complaints.push(`request: ${request.url()}`);
  });
  await page.goto(url);
  return { page, complaints };
}

describe.each(Object.entries(REPORTS))('the page of %s', (_, report) => {
  it.each(WIDTHS)('opens %i pixels wide without a complaint, a request or a horizontal scroll', async (width) => {
    const { page, complaints } = await open(report, width);
    const widths = await widthsOf(page);
    expect(widths.page).toBeLessThanOrEqual(widths.window);
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  it.each(WIDTHS)(
    'draws each chart %i pixels wide: as many shapes as figures, within the frame, no text on another',
    async (width) => {
      const { page } = await open(report, width);
      const charts = await chartsOf(page);
      await page.context().close();
      expect(marksOf(charts)).toEqual(expectedMarks(report));
      for (const { id, frame, shapes, texts } of charts) {
        if (id !== 'stages') expect(texts.length, id).toBeGreaterThan(0);
        for (const shape of shapes) {
          expect(shape.box.width + shape.box.height, `${id} ${shape.mark}`).toBeGreaterThan(0);
          expect(isInside(shape.box, frame), `${id} ${shape.mark}: ${JSON.stringify([shape.box, frame])}`).toBe(true);
        }
        for (const text of texts) expect(isInside(text.box, frame), `${id}: ${text.text}`).toBe(true);
        expect(overlaps(texts), id).toEqual([]);
      }
    },
  );

  it('shows the head figures and the rows of all tables as the JSON has them', async () => {
    const { page } = await open(report, 1280);
    const [figures, tables] = [await figuresOf(page), await tablesOf(page)];
    await page.context().close();
    expect(figures).toEqual(expectedFigures(report));
    expect(tables).toEqual(expectedTables(report));
  });
});

describe('the bars of a day', () => {
  it('are as tall as their figures, and stand on each other', async () => {
    const report = REPORTS['a campaign of two months']!;
    const { page } = await open(report, 1280);
    const charts = await chartsOf(page);
    await page.context().close();
    const busy = report.users
      .filter(({ largeStarts }) => largeStarts > 0)
      .toSorted((one, other) => other.largeStarts - one.largeStarts);
    const bars = ['other-traffic', ...busy.map((_, index) => `user-${index + 1}`)].map((mark) => [
      ...shapeOf(charts, 'capacity', mark).rectangles,
    ]);
    let compared = 0;
    for (const day of report.days) {
      const figures = [
        day.otherTraffic,
        ...busy.map(({ userId }) => day.byUser.find((one) => one.userId === userId)?.largeStarts ?? 0),
      ];
      let floor: number | undefined;
      for (const [index, figure] of figures.entries()) {
        if (figure === 0) continue;
        const bar = bars[index]!.shift()!;
        // The axis goes to 15,000 over 268 units, and paths are written with one decimal.
        expect(Math.abs(bar.height - (figure * 268) / 15_000)).toBeLessThan(0.11);
        if (floor !== undefined) expect(Math.abs(bar.y + bar.height - floor)).toBeLessThan(0.21);
        floor = bar.y;
        compared += 1;
      }
    }
    expect(compared).toBeGreaterThan(200);
    expect(bars.flat()).toEqual([]);
  });
});

describe('a page with names that want to be markup', () => {
  it('shows them as text and obeys none', async () => {
    const report = sampleReport({ days: 30, users: 4, requests: 4, text: (what) => `${what}${HOSTILE}` });
    const { page, complaints } = await open(report, 1280);
    const seen = await elementsOf(page);
    const [figures, tables] = [await figuresOf(page), await tablesOf(page)];
    await page.context().close();
    expect(complaints).toEqual([]);
    expect(seen.hit).toBe(false);
    expect(seen.handlers).toBe(0);
    expect(seen.styles).toBe(1);
    expect(
      seen.names.filter((name) => ['script', 'img', 'iframe', 'a', 'link', 'object', 'foreignObject'].includes(name)),
    ).toEqual([]);
    const shown = HOSTILE.replace('\u202E', '\uFFFD').replace('\u0000', '\uFFFD');
    expect(seen.heading).toBe(`estate-sample${shown}`);
    expect(figures).toEqual(expectedFigures(report));
    expect(tables.map(({ id }) => id)).toEqual(expectedTables(report).map(({ id }) => id));
  });
});

describe('the two colour schemes', () => {
  it('differ, and in both each text has a contrast of 4.5 or more to its ground', async () => {
    const report = REPORTS['a campaign of two months']!;
    const grounds = new Set<string>();
    for (const scheme of ['light', 'dark'] as const) {
      const { page } = await open(report, 1280, scheme);
      const { least, count, ground } = await contrastOf(page);
      await page.context().close();
      grounds.add(ground);
      expect(count).toBeGreaterThan(500);
      expect(least, scheme).toBeGreaterThanOrEqual(4.5);
    }
    expect(grounds.size).toBe(2);
  });
});

describe('the page of a whole estate', () => {
  it('stays below a megabyte, and the same report gives the same octets', () => {
    const report = sampleReport({ days: 180, users: 56, requests: 60 });
    const page = reportPage(report);
    expect(Buffer.byteLength(page)).toBeLessThan(1_000_000);
    expect(reportPage(structuredClone(report))).toBe(page);
  });

  it('is a page before anything has happened', async () => {
    const report: CampaignReport = {
      ...sampleReport({ days: 0, users: 1, requests: 0 }),
      records: 0,
      response: { targetDays: 5, within: 0, late: 0, overdue: 0, gaveUp: 0, shareWithin: 1, histogram: [] },
      failures: [],
      fairness: { index: 1, speeds: [] },
    };
    const { page, complaints } = await open(report, 390);
    const text = await page.innerText('body');
    await page.context().close();
    expect(complaints).toEqual([]);
    expect(text).toContain('The journal is empty.');
    expect(text).toContain('No day has passed yet.');
  });
});

function marksOf(charts: readonly SeenChart[]): Readonly<Record<string, Readonly<Record<string, number>>>> {
  return Object.fromEntries(
    charts.map(({ id, shapes }) => {
      const counts: Record<string, number> = {};
      for (const { mark, count } of shapes) counts[mark] = (counts[mark] ?? 0) + count;
      return [id, counts];
    }),
  );
}

function shapeOf(charts: readonly SeenChart[], id: string, mark: string): SeenChart['shapes'][number] {
  const found = charts.find((chart) => chart.id === id)?.shapes.find((shape) => shape.mark === mark);
  if (found === undefined) throw new Error(`no ${mark} in ${id}`);
  return found;
}
