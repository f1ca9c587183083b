/** The load hook of Node: what is read of an edited module is not what was built. */
import { appendFileSync } from 'node:fs';
import type { InitializeHook, LoadHook } from 'node:module';
import { edited, type Edit } from './bug.js';

export interface HookData {
  readonly edits: readonly (Edit & { readonly url: string })[];
  /** File that gets a line for each module that was edited: proof that the bug was there. */
  readonly mark: string | undefined;
}

let given: HookData = { edits: [], mark: undefined };

export const initialize: InitializeHook<HookData> = (data) => {
  given = data;
};

export const load: LoadHook = async (url, context, nextLoad) => {
  const loaded = await nextLoad(url, context);
  const edits = given.edits.filter((edit) => edit.url === url);
  if (edits.length === 0) return loaded;
  const { source } = loaded;
  if (source === undefined || source === null) throw new Error(`${url} has no source to edit`);
  const text = typeof source === 'string' ? source : new TextDecoder().decode(source);
  const changed = edited(text, edits);
  if (given.mark !== undefined) appendFileSync(given.mark, `${url}\n`);
  return { ...loaded, source: changed };
};
