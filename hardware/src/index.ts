export { LinkError } from './link.js';
export type { Link, LinkCapabilities, LinkCloseReason, LinkErrorCode } from './link.js';
export { openLink, parseAddress } from './address.js';
export type { LinkAddress } from './address.js';

export { memoryPair } from './memory/memory-pair.js';
export type { MemoryPair, MemoryPairOptions } from './memory/memory-pair.js';

export { dialWebSocket } from './websocket/dial.js';
export type { DialOptions } from './websocket/dial.js';
export { acceptWebSockets } from './websocket/accept.js';
export type { AcceptOptions, Authorisation, ListenAddress, WebSocketDoor } from './websocket/accept.js';
export type { WebSocketLimits } from './websocket/web-socket-link.js';

export { openSerial } from './serial/serial-link.js';
export type { SerialOptions } from './serial/serial-link.js';
export { listSerialPorts } from './serial/list-serial-ports.js';
export type { ListOptions, SerialPortDescription } from './serial/list-serial-ports.js';
export { ptyPair } from './serial/pty-pair.js';
export type { PtyPair, PtyPairOptions } from './serial/pty-pair.js';

export { createLinePair } from './line-model/line-pair.js';
export type {
  LineModelBinding,
  LineModelPort,
  LinePair,
  LinePairOptions,
  LineSchedule,
} from './line-model/line-pair.js';

export * as limits from './limits.js';
