/** Where things are: the tree's root, and a built module in it. */
import { realpathSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const HERE = fileURLToPath(new URL('.', import.meta.url));
/** From `test/bug-bench` as from `test/dist/bug-bench`. */
export const ROOT: string = join(HERE, HERE.includes(join('dist', 'bug-bench')) ? '../../..' : '../..');

/** The file that Node loads for a module: workspaces are links. */
export function fileOf(module: string): URL {
  return pathToFileURL(realpathSync(join(ROOT, 'node_modules', module)));
}
