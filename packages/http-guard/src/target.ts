import { refuse } from './error.js';
import type { Refusal } from './error.js';

export interface Target {
  readonly ok: true;
  /** As sent, without the query: `/images/a%20b`. */
  readonly path: string;
  /** The path's parts, decoded: `['images', 'a b']`; none is empty, `.` or `..`, none holds a slash. */
  readonly segments: readonly string[];
  readonly query: ReadonlyMap<string, string>;
}

/** Takes a request target apart; whatever two readers could understand differently is refused. */
export function parseTarget(target: string): Target | Refusal {
  const mark = target.indexOf('?');
  const path = mark < 0 ? target : target.slice(0, mark);
  if (!/^\/[A-Za-z0-9._~!$&'()*+,;=:@%/-]*$/.test(path)) return bad('the path has characters that a path has not');
  const segments: string[] = [];
  for (const part of path === '/' ? [] : path.slice(1).split('/')) {
    const segment = decoded(part);
    // eslint-disable-next-line no-control-regex -- control characters are what is looked for
    if (segment === undefined || segment === '' || /^\.\.?$|[/\\\u0000-\u001f]/.test(segment)) {
      return bad('a part of the path is empty, relative or wrongly encoded');
    }
    segments.push(segment);
  }
  const query = new Map<string, string>();
  for (const [key, value] of new URLSearchParams(mark < 0 ? '' : target.slice(mark + 1))) {
    if (query.has(key)) return bad('a query parameter comes twice');
    query.set(key, value);
  }
  return { ok: true, path, segments, query };
}

function decoded(part: string): string | undefined {
  try {
    return decodeURIComponent(part);
  } catch {
    return undefined;
  }
}

function bad(message: string): Refusal {
  return refuse('bad-target', message);
}
