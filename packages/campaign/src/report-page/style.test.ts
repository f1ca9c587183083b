import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { STYLE, STYLE_HASH } from './style.js';

describe('the style sheet', () => {
  it('is the one that the policy of the page lets through', () => {
    expect(STYLE_HASH).toBe(`sha256-${createHash('sha256').update(STYLE).digest('base64')}`);
  });

  it('fetches nothing and ends no element', () => {
    expect(STYLE).not.toMatch(/url\(|@import|<|\/\//);
  });

  it('has a value in both schemes for each colour that it uses', () => {
    const used = new Set(STYLE.match(/var\(--[a-z0-9]+\)/g)?.map((one) => one.slice(6, -1)));
    const [light = '', dark = ''] = STYLE.split('@media (prefers-color-scheme:dark)').map((part) => part.slice(0, 900));
    expect(used.size).toBeGreaterThan(15);
    for (const name of used) {
      expect(light, name).toContain(`--${name}:`);
      expect(dark, name).toContain(`--${name}:`);
    }
  });
});

/**
 * Machado, Oliveira and Fernandes 2009, whole loss of one kind of cone, on linear RGB; distances in OKLab, where two colours at 0.02 can just
 * be told apart side by side.
 */
describe('the colours of Users', () => {
  const sights: Readonly<Record<string, readonly number[]>> = {
    'three kinds of cones': [1, 0, 0, 0, 1, 0, 0, 0, 1],
    'no long cones': [0.152286, 1.052583, -0.204868, 0.114503, 0.786281, 0.099216, -0.003882, -0.048116, 1.051998],
    'no middle cones': [0.367322, 0.860646, -0.227968, 0.280085, 0.672501, 0.047413, -0.01182, 0.04294, 0.968881],
    'no short cones': [1.255528, -0.076749, -0.178779, -0.078411, 0.930809, 0.147602, 0.004733, 0.691367, 0.3039],
  };

  it.each(Object.entries(sights))('stay apart in both schemes with %s', (_, matrix) => {
    const [light = '', dark = ''] = STYLE.split('@media (prefers-color-scheme:dark)').map((part) => part.slice(0, 900));
    for (const scheme of [light, dark]) {
      const colours = [...scheme.matchAll(/--u[1-8]:(#[0-9a-f]{6})/g)].map(([, colour = '']) => seen(colour, matrix));
      expect(colours).toHaveLength(8);
      colours.forEach((one, index) => {
        for (const other of colours.slice(index + 1)) expect(distance(one, other)).toBeGreaterThan(0.1);
      });
    }
  });
});

type Triple = readonly [number, number, number];

function seen(colour: string, matrix: readonly number[]): Triple {
  const linear = [1, 3, 5].map((at) => {
    const share = Number.parseInt(colour.slice(at, at + 2), 16) / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return oklab(times(matrix, linear).map((value) => Math.min(1, Math.max(0, value))));
}

function oklab(linear: readonly number[]): Triple {
  const cones = times(TO_CONES, linear).map(Math.cbrt);
  const [l = 0, a = 0, b = 0] = times(TO_LAB, cones);
  return [l, a, b];
}

const TO_CONES = [
  0.4122214708, 0.5363325363, 0.0514459929, 0.2119034982, 0.6806995451, 0.1073969566, 0.0883024619, 0.2817188376,
  0.6299787005,
];
const TO_LAB = [
  0.2104542553, 0.793617785, -0.0040720468, 1.9779984951, -2.428592205, 0.4505937099, 0.0259040371, 0.7827717662,
  -0.808675766,
];

function times(matrix: readonly number[], vector: readonly number[]): readonly number[] {
  return [0, 3, 6].map((row) => vector.reduce((sum, value, column) => sum + (matrix[row + column] ?? 0) * value, 0));
}

function distance(one: Triple, other: Triple): number {
  return Math.hypot(one[0] - other[0], one[1] - other[1], one[2] - other[2]);
}
