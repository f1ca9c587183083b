import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { GuardError, refuse } from './error.js';
import type { Refusal } from './error.js';
import { TOKEN_LENGTH_MIN } from './limits.js';

export interface AccessPolicy {
  /** At least 16 characters out of letters, digits and `-._~+/=`. */
  readonly token: string;
  /** Exact values of the Host header, port included: `127.0.0.1:8080`. */
  readonly allowedHosts: readonly string[];
  /** Exact values of the Origin header: `http://127.0.0.1:8080`. A request without Origin comes from no browser and passes. */
  readonly allowedOrigins: readonly string[];
}

export type Access = { readonly ok: true } | Refusal;

/** Host, then Origin, then token. Nothing of what the client sent is repeated in the refusal. */
export function checkAccess(request: IncomingMessage, policy: AccessPolicy): Access {
  const host = onlyValue(request, 'host');
  if (host === undefined || !policy.allowedHosts.includes(host)) {
    return refuse('wrong-host', 'this server does not answer to that Host; use the address it was started with');
  }
  const origins = request.headersDistinct['origin'];
  if (origins !== undefined && !(origins.length === 1 && policy.allowedOrigins.includes(origins[0] ?? ''))) {
    return refuse('wrong-origin', 'pages of that Origin may not use this server; allow it where the server is started');
  }
  const authorization = onlyValue(request, 'authorization');
  const given = authorization === undefined ? null : /^Bearer +([^ ]+)$/i.exec(authorization);
  if (given?.[1] === undefined) return refuse('no-token', 'send the header "Authorization: Bearer" with the token');
  if (!sameToken(given[1], policy.token)) return refuse('wrong-token', 'that token is not valid here');
  return { ok: true };
}

/** {@link checkAccess} for a request that asks to become a WebSocket. */
export function checkUpgrade(request: IncomingMessage, policy: AccessPolicy): Access {
  const access = checkAccess(request, policy);
  if (!access.ok) return access;
  const asksFor = onlyValue(request, 'upgrade');
  if (request.method !== 'GET' || asksFor?.toLowerCase() !== 'websocket') {
    return refuse('not-an-upgrade', 'only a GET request with "Upgrade: websocket" can be upgraded');
  }
  return access;
}

/** The check as a function to hand to whoever accepts the sockets. @throws {@link GuardError} `misuse`. */
export function webSocketGuard(policy: AccessPolicy): (request: IncomingMessage) => Access {
  requireUsableToken(policy.token);
  return (request) => checkUpgrade(request, policy);
}

export function requireUsableToken(token: string): void {
  if (token.length < TOKEN_LENGTH_MIN || !/^[A-Za-z0-9._~+/=-]+$/.test(token)) {
    throw new GuardError('misuse', `the token needs at least ${TOKEN_LENGTH_MIN} of letters, digits and -._~+/=`);
  }
}

/** Undefined also when the header comes twice: two parties could each believe another one. */
function onlyValue(request: IncomingMessage, name: string): string | undefined {
  const values = request.headersDistinct[name];
  return values?.length === 1 ? values[0] : undefined;
}

/** Digests have one length, so the comparison tells nothing of the token's, and takes the same time for each. */
function sameToken(given: string, expected: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(expected));
}
