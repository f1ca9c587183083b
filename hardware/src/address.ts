import { ADDRESS_CHARS_MAX, BAUD_RATE_DEFAULT, BAUD_RATE_MAX, BAUD_RATE_MIN } from './limits.js';
import { LinkError, type Link } from './link.js';
import { openSerial } from './serial/serial-link.js';
import { dialWebSocket } from './websocket/dial.js';

/** Where a meter is reached. */
export type LinkAddress =
  | { readonly kind: 'websocket'; readonly url: string }
  | { readonly kind: 'serial'; readonly path: string; readonly baudRate: number };

/**
 * Reads a link address: `ws://host:port/path`, `wss://…`, or `serial:PATH` with an optional `?baud=RATE`.
 *
 * @throws LinkError `bad-address`, with an address that would do in its message.
 */
export function parseAddress(text: string): LinkAddress {
  if (text.length > ADDRESS_CHARS_MAX) {
    throw new LinkError('bad-address', `the address has more than ${ADDRESS_CHARS_MAX} characters; ${EXAMPLES}`);
  }
  const scheme = /^([a-z]+):/i.exec(text)?.[1]?.toLowerCase();
  switch (scheme) {
    case 'ws':
    case 'wss':
      return parseWebSocket(text);
    case 'serial':
      return parseSerial(text.slice('serial:'.length), text);
    default:
      throw bad(text, 'begins with none of ws:, wss: and serial:', EXAMPLES);
  }
}

/**
 * Opens a link to what the address names.
 *
 * @param options.token - For WebSockets; a serial line has nobody to show it to.
 * @throws LinkError as `parseAddress`, `dialWebSocket` and `openSerial` do.
 */
export async function openLink(
  address: string | LinkAddress,
  options: { readonly token?: string } = {},
): Promise<Link> {
  const target = typeof address === 'string' ? parseAddress(address) : address;
  switch (target.kind) {
    case 'websocket':
      return await dialWebSocket(target.url, options);
    case 'serial':
      return await openSerial({ path: target.path, baudRate: target.baudRate });
  }
}

const WEB_SOCKET_EXAMPLE = 'an example: ws://127.0.0.1:8080/meter';
const SERIAL_EXAMPLE = 'an example: serial:/dev/ttyUSB0?baud=115200';
const EXAMPLES = 'examples: ws://127.0.0.1:8080/meter, serial:/dev/ttyUSB0?baud=115200';

function parseWebSocket(text: string): LinkAddress {
  // The URL parser forgives a missing `//`; a reader of a script would not guess what was meant.
  if (!/^wss?:\/\/[^/]/i.test(text) || !URL.canParse(text))
    throw bad(text, 'is no WebSocket address', WEB_SOCKET_EXAMPLE);
  const url = new URL(text);
  if (url.username !== '' || url.password !== '') {
    throw new LinkError(
      'bad-address',
      `a name or password does not belong in an address, pass a token beside it; ${WEB_SOCKET_EXAMPLE}`,
    );
  }
  if (url.hash !== '') throw bad(text, 'has a part after #, which no server would see', WEB_SOCKET_EXAMPLE);
  return { kind: 'websocket', url: url.href };
}

function parseSerial(rest: string, text: string): LinkAddress {
  const [path = '', query, ...more] = rest.split('?');
  if (path === '') throw bad(text, 'names no port', SERIAL_EXAMPLE);
  if (path.startsWith('//')) throw bad(text, 'has // where the path begins', SERIAL_EXAMPLE);
  if (path.includes('\0')) throw bad(text.replaceAll('\0', '?'), 'holds a zero character', SERIAL_EXAMPLE);
  if (query === undefined) return { kind: 'serial', path, baudRate: BAUD_RATE_DEFAULT };
  const digits = /^baud=([0-9]{1,7})$/.exec(query)?.[1];
  if (digits === undefined || more.length > 0)
    throw bad(text, 'may have only ?baud=RATE after the path', SERIAL_EXAMPLE);
  const baudRate = Number(digits);
  if (baudRate < BAUD_RATE_MIN || baudRate > BAUD_RATE_MAX) {
    throw bad(text, `asks for a rate outside ${BAUD_RATE_MIN} to ${BAUD_RATE_MAX} baud`, SERIAL_EXAMPLE);
  }
  return { kind: 'serial', path, baudRate };
}

function bad(text: string, what: string, example: string): LinkError {
  return new LinkError('bad-address', `“${text}” ${what}; ${example}`);
}
