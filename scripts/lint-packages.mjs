// Looks at every package that is published as its users would receive it. Build first: what they receive is dist/.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));
const readManifest = (folder) => JSON.parse(readFileSync(`${folder}/package.json`, 'utf8'));
const folders = readManifest('.')
  .workspaces.flatMap((pattern) =>
    pattern.endsWith('/*') ? readdirSync(pattern.slice(0, -2)).map((child) => pattern.slice(0, -1) + child) : [pattern],
  )
  .filter((folder) => existsSync(`${folder}/package.json`) && !readManifest(folder).private);

for (const pkgDir of folders) {
  const { messages, pkg } = await publint({ pkgDir, strict: true });
  console.log(`${pkg.name}: ${messages.length === 0 ? 'nothing to say' : `${messages.length} complaints`}`);
  for (const message of messages) console.log(`  ${message.type}: ${formatMessage(message, pkg)}`);
  if (messages.length > 0) process.exitCode = 1;
}
