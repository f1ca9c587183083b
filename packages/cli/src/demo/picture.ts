/** The way of an image, drawn as it goes. */
import type { JsonFields, Reporter } from '../output/reporter.js';

export interface Picture {
  /** A place that the image reaches. */
  place(stage: string, name: string, text: string, fields?: JsonFields): void;
  /** What happens between two places. */
  step(stage: string, text: string, fields?: JsonFields): void;
  /** The reporter for whoever tells steps of its own. */
  readonly inset: Reporter;
}

export function pictureOn(report: Reporter): Picture {
  let isFirst = true;
  return {
    place: (stage, name, text, fields = {}) => {
      if (!isFirst) report.event('stage', { stage, ...fields }, `   ▼\n${name.padEnd(NAME_WIDTH)}${text}`);
      else report.event('stage', { stage, ...fields }, `${name.padEnd(NAME_WIDTH)}${text}`);
      isFirst = false;
    },
    step: (stage, text, fields = {}) => report.event('stage', { stage, ...fields }, `   │ ${text}`),
    inset: {
      ...report,
      event: (name, fields, text) =>
        report.event(name, fields, text === undefined || DRAWN_OTHERWISE.has(name) ? undefined : `   │ ${text}`),
    },
  };
}

const NAME_WIDTH = 10;

/** Stages of the DCO that the picture shows in its own words. */
const DRAWN_OTHERWISE: ReadonlySet<string> = new Set([
  'dco-link-up',
  'dco-meter-found',
  'dco-answered',
  'dco-requested',
]);
