/// <reference lib="dom" />
/// <reference lib="dom.iterable" />
/** Reads back what the browser made of the page. What stands in `evaluate` runs there. */
import type { Page } from 'playwright-core';

export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface SeenText {
  readonly text: string;
  readonly box: Box;
}

export interface SeenChart {
  readonly id: string;
  readonly frame: Box;
  readonly shapes: readonly {
    readonly mark: string;
    /** Figures in it: rectangles of a path, points of a line, or 1. */
    readonly count: number;
    readonly box: Box;
    /** The rectangles of a path, in units of the drawing. */
    readonly rectangles: readonly Box[];
  }[];
  readonly texts: readonly SeenText[];
}

/** The drawings that are shown: of each chart, the one that fits the window. */
export async function chartsOf(page: Page): Promise<readonly SeenChart[]> {
  return await page.evaluate(() => {
    const boxOf = (element: Element): Box => {
      const { x, y, width, height } = element.getBoundingClientRect();
      return { x, y, width, height };
    };
    return [...document.querySelectorAll('[data-chart]')].flatMap((chart) =>
      [...chart.querySelectorAll('svg')]
        .filter((svg) => svg.getClientRects().length > 0)
        .map((svg) => ({
          id: chart.getAttribute('data-chart') ?? '',
          frame: boxOf(svg),
          shapes: [...svg.querySelectorAll('[data-mark]')].map((shape) => {
            const path = shape.getAttribute('d') ?? '';
            const isLine = getComputedStyle(shape).fill === 'none';
            const points = path.match(isLine ? /[MLH]/g : /M/g)?.length ?? 1;
            // A line of steps begins with a point that is none of its figures.
            const count = path.includes('H') ? points - 1 : points;
            const rectangles = [...path.matchAll(/M([\d.]+) ([\d.]+)h([\d.]+)v([\d.]+)/g)].map((match) => {
              const [, x = 0, y = 0, width = 0, height = 0] = match.map(Number);
              return { x, y, width, height };
            });
            return { mark: shape.getAttribute('data-mark') ?? '', count, box: boxOf(shape), rectangles };
          }),
          texts: [...svg.querySelectorAll('text')].map((text) => ({ text: text.textContent, box: boxOf(text) })),
        })),
    );
  });
}

/** Half a pixel for rounding, and the width of a stroke. */
export function isInside(inner: Box, outer: Box): boolean {
  const slack = 2;
  return (
    inner.x >= outer.x - slack &&
    inner.y >= outer.y - slack &&
    inner.x + inner.width <= outer.x + outer.width + slack &&
    inner.y + inner.height <= outer.y + outer.height + slack
  );
}

/** Pairs of texts that lie on each other. A text's box is taller than its letters, so that only the middle of it counts. */
export function overlaps(texts: readonly SeenText[]): readonly string[] {
  return texts.flatMap((one, index) =>
    texts
      .slice(index + 1)
      .filter((other) => {
        const apartX = one.box.x + one.box.width <= other.box.x || other.box.x + other.box.width <= one.box.x;
        const middle = (box: Box): number => box.y + box.height / 2;
        const apartY = Math.abs(middle(one.box) - middle(other.box)) >= (one.box.height + other.box.height) * 0.35;
        return !apartX && !apartY;
      })
      .map((other) => `${one.text} / ${other.text}`),
  );
}

export async function figuresOf(page: Page): Promise<Readonly<Record<string, string>>> {
  return await page.evaluate(() =>
    Object.fromEntries(
      [...document.querySelectorAll('[data-figure]')].map((one) => [
        one.getAttribute('data-figure') ?? '',
        one.getAttribute('data-v') ?? '',
      ]),
    ),
  );
}

export interface SeenTable {
  readonly id: string;
  /** As the page says; it may show fewer. */
  readonly rowCount: number;
  readonly keys: readonly string[];
  /** Numbers from `data-v`, everything else as it reads. */
  readonly rows: readonly (readonly (number | string)[])[];
}

export async function tablesOf(page: Page): Promise<readonly SeenTable[]> {
  return await page.evaluate(() =>
    [...document.querySelectorAll('table')].map((table) => ({
      id: table.getAttribute('data-table') ?? '',
      rowCount: Number(table.getAttribute('data-rows')),
      keys: [...table.querySelectorAll('thead th')].map((head) => head.getAttribute('data-c') ?? ''),
      rows: [...table.querySelectorAll('tbody tr')].map((row) =>
        [...row.children].map((cell) => {
          const value = cell.getAttribute('data-v');
          return value === null ? cell.textContent : Number(value);
        }),
      ),
    })),
  );
}

export async function widthsOf(page: Page): Promise<{ readonly page: number; readonly window: number }> {
  return await page.evaluate(() => ({ page: document.documentElement.scrollWidth, window: window.innerWidth }));
}

export interface SeenElements {
  /** A script of a name has run. */
  readonly hit: boolean;
  readonly names: readonly string[];
  /** Elements with an attribute that runs, styles, links or loads. */
  readonly handlers: number;
  readonly heading: string;
  readonly styles: number;
}

export async function elementsOf(page: Page): Promise<SeenElements> {
  return await page.evaluate(() => {
    const all = [...document.querySelectorAll('*')];
    return {
      hit: 'hit' in window,
      names: [...new Set(all.map(({ localName }) => localName))],
      handlers: all.filter((one) => [...one.attributes].some(({ name }) => /^on|^style$|href$|^src/.test(name))).length,
      heading: document.querySelector('h1')?.textContent ?? '',
      styles: document.querySelectorAll('style').length,
    };
  });
}

/** WCAG's ratio, for what is shown, against the nearest ground that is painted. */
export async function contrastOf(
  page: Page,
): Promise<{ readonly least: number; readonly count: number; readonly ground: string }> {
  return await page.evaluate(() => {
    const channels = (colour: string): readonly number[] => (colour.match(/[\d.]+/g) ?? []).map(Number);
    const luminance = (colour: string): number => {
      const [r = 0, g = 0, b = 0] = channels(colour).map((value) => {
        const share = value / 255;
        return share <= 0.03928 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
      });
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const groundOf = (element: Element | null): string => {
      for (let one = element; one !== null; one = one.parentElement) {
        const colour = getComputedStyle(one).backgroundColor;
        if (colour !== 'rgba(0, 0, 0, 0)') return colour;
      }
      return 'rgb(255, 255, 255)';
    };
    let least = Number.POSITIVE_INFINITY;
    let count = 0;
    for (const element of document.querySelectorAll('h1,h2,p,dt,dd,li,th,td,summary,code,svg text')) {
      if (element.getClientRects().length === 0 || element.textContent === '') continue;
      const style = getComputedStyle(element);
      const [one, other] = [
        luminance(element.closest('svg') === null ? style.color : style.fill),
        luminance(groundOf(element)),
      ];
      least = Math.min(least, (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05));
      count += 1;
    }
    return { least, count, ground: groundOf(document.body) };
  });
}
