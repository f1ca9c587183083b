/** Every bound of this package, with its unit. */

/** Octets that came before a receive handler was set; beyond it the link fails with `too-large`. */
export const HELD_BYTES_MAX: number = 1024 * 1024;
/** What one held piece counts beside its octets, so that empty messages cannot pile up for nothing. */
export const HELD_PIECE_BYTES: number = 64;
/** Octets a link keeps for a system that does not take them; beyond it the link fails with `too-large`. */
export const SEND_BUFFER_BYTES_MAX: number = 4 * 1024 * 1024;
/** How long `close` waits for what was sent to leave, and for the peer to agree. */
export const CLOSE_MS_MAX = 2_000;

/** One WebSocket message. */
export const MESSAGE_BYTES_MAX: number = 64 * 1024;
/** Fragments of one WebSocket message. */
export const MESSAGE_FRAGMENTS_MAX = 64;
/** Pieces of an unfinished WebSocket message that wait in the reader. */
export const MESSAGE_CHUNKS_MAX = 256;
/** From the first octet of a connection to an authorised WebSocket, and for a dial as a whole. */
export const HANDSHAKE_MS_MAX = 5_000;
/** The head of an upgrade request. */
export const HEADER_BYTES_MAX: number = 8 * 1024;
/** A WebSocket that gave no sign of life for so long is given up; it is asked (ping) at half of it. */
export const IDLE_MS_MAX = 60_000;
/** WebSockets open or being opened at one door. */
export const WEBSOCKETS_MAX = 1_024;
/** Of a close reason sent by a peer, kept for people. */
export const CLOSE_DETAIL_CHARS_MAX = 123;

/** Rates a serial port may be asked for, in bits per second. */
export const BAUD_RATE_MIN = 50;
export const BAUD_RATE_MAX = 4_000_000;
export const BAUD_RATE_DEFAULT = 115_200;
/** Bits on the wire for one octet at 8N1: start, eight, stop. */
export const BITS_PER_OCTET = 10;
/** A link address as text. */
export const ADDRESS_CHARS_MAX = 1_024;
/** Entries read from `/dev/serial/by-id`. */
export const SERIAL_PORTS_MAX = 256;
/** From starting socat to two usable pseudo terminals. */
export const PTY_READY_MS_MAX = 5_000;
/** Of what socat says, kept for the error message. */
export const PTY_COMPLAINT_CHARS_MAX = 2_000;

/** Octets that wait in a modelled port for its reader; the writer waits beyond it, as on a terminal. */
export const LINE_INPUT_BYTES_MAX: number = 64 * 1024;
/** Octets a modelled line carries as one event. */
export const LINE_CHUNK_BYTES_MAX = 4_096;
