import { WebSocket } from 'ws';
import { LinkError, type Link } from '../link.js';
import { CLOSE_MS_MAX } from '../limits.js';
import { DEFAULT_WEB_SOCKET_LIMITS, WebSocketLink, readerOptions, type WebSocketLimits } from './web-socket-link.js';

export interface DialOptions {
  /** Sent as `Authorization: Bearer`, never in the address. */
  readonly token?: string;
  /** For the whole opening; `HANDSHAKE_MS_MAX` when absent. */
  readonly timeoutMs?: number;
  readonly limits?: Partial<WebSocketLimits>;
}

/**
 * Opens a WebSocket and resolves when the peer has accepted it.
 *
 * @param url - `ws://host:port/path` or `wss://…`.
 * @throws LinkError `bad-address`, `not-found`, `refused`, `unauthorised`, `permission`, `timeout` or `io`.
 */
export async function dialWebSocket(url: string, options: DialOptions = {}): Promise<Link> {
  const limits = { ...DEFAULT_WEB_SOCKET_LIMITS, ...options.limits };
  const timeoutMs = options.timeoutMs ?? limits.handshakeMsMax;
  const target = checkedUrl(url);
  const headers = options.token === undefined ? {} : { Authorization: bearer(options.token) };
  // `fragments` and `chunks` bounds are newer than the types of ws, hence a variable: excess properties pass there.
  const socketOptions = { ...readerOptions(limits), headers, closeTimeout: CLOSE_MS_MAX };
  const socket = new WebSocket(target, socketOptions);
  const label = `${target.protocol}//${target.host}${target.pathname}`; // a query may hold secrets
  const link = new WebSocketLink(socket, label, limits);

  return await new Promise<Link>((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(new LinkError('timeout', `${label} did not answer within ${timeoutMs} ms; is something listening there?`));
      socket.terminate();
    }, timeoutMs);
    socket.once('open', () => {
      clearTimeout(timer);
      resolve(link);
    });
    socket.once('unexpected-response', (_request, response) => {
      clearTimeout(timer);
      reject(refusal(label, response.statusCode ?? 0, options.token !== undefined));
      socket.terminate();
    });
    socket.once('error', (error) => {
      clearTimeout(timer);
      reject(dialError(label, error));
    });
  });
}

function checkedUrl(text: string): URL {
  const example = 'an example: ws://127.0.0.1:8080/meter';
  if (!URL.canParse(text)) throw new LinkError('bad-address', `“${text}” is no WebSocket address; ${example}`);
  const url = new URL(text);
  if (url.protocol !== 'ws:' && url.protocol !== 'wss:') {
    throw new LinkError('bad-address', `“${text}” does not begin with ws:// or wss://; ${example}`);
  }
  if (url.username !== '' || url.password !== '') {
    throw new LinkError(
      'bad-address',
      `a name or password does not belong in an address; pass a token beside it; ${example}`,
    );
  }
  url.hash = '';
  return url;
}

function bearer(token: string): string {
  if (!/^[\x21-\x7e]+$/.test(token)) {
    throw new LinkError('unauthorised', 'the token is empty or holds characters that cannot travel in a header');
  }
  return `Bearer ${token}`;
}

function refusal(label: string, status: number, hadToken: boolean): LinkError {
  switch (status) {
    case 401:
    case 403: {
      const way = hadToken ? 'the token is not accepted there' : 'it asks for a token';
      return new LinkError('unauthorised', `${label} refused with HTTP ${status}: ${way}`);
    }
    case 404:
      return new LinkError('not-found', `${label} has nothing at this path (HTTP 404); check the path`);
    case 429:
    case 503:
      return new LinkError('busy', `${label} takes no more connections now (HTTP ${status}); try again later`);
    default:
      return new LinkError('refused', `${label} refused with HTTP ${status}; is it a WebSocket server?`);
  }
}

function dialError(label: string, error: Error): LinkError {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  const options = { cause: error };
  switch (code) {
    case 'ECONNREFUSED':
      return new LinkError('refused', `nothing listens at ${label}; start it, or check host and port`, options);
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return new LinkError('not-found', `the host of ${label} is not known; check its name`, options);
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return new LinkError('not-found', `there is no way to ${label} from here; check the network`, options);
    case 'ETIMEDOUT':
      return new LinkError('timeout', `${label} did not answer; check the network`, options);
    case 'EACCES':
    case 'EPERM':
      return new LinkError('permission', `the system does not let us connect to ${label}`, options);
    default:
      return new LinkError('io', `${label} could not be opened: ${error.message}`, options);
  }
}
