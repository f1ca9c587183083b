/** What a server or its library reports, in the words of this package: the cause and the way out. */
import { JetStreamApiCodes, JetStreamApiError } from '@nats-io/jetstream';
import { errors } from '@nats-io/transport-node';
import { SERVER_MS_MAX } from '../limits.js';
import { messageOf, WorkError } from './error.js';

/** Codes of JetStream that the library has no name for. */
export const API_CODE = {
  streamNameInUse: 10058,
  subjectIsFull: 10077,
  insufficientResources: 10023,
  storageExceeded: 10047,
  noSpace: 10008,
} as const;

/** Runs one call to the server, bounded in time. @throws {@link WorkError} whatever goes wrong */
export async function asked<T>(server: string, call: () => Promise<T>, msMax: number = SERVER_MS_MAX): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(unreachable(server, `no answer within ${msMax} ms`)), msMax);
  });
  try {
    return await Promise.race([call(), late]);
  } catch (error) {
    throw workErrorOf(server, error);
  } finally {
    clearTimeout(timer);
  }
}

export function apiCodeOf(error: unknown): number | undefined {
  return error instanceof JetStreamApiError ? error.code : undefined;
}

export function workErrorOf(server: string, error: unknown): WorkError {
  if (error instanceof WorkError) return error;
  const said = messageOf(error);
  if (error instanceof errors.AuthorizationError || error instanceof errors.UserAuthenticationExpiredError) {
    return new WorkError('server-refused', `${server} refuses (${said}); give its token with --token-file`, {
      cause: error,
    });
  }
  // A stream or consumer that is gone does not answer, and the server says that nobody listens there.
  if (error instanceof errors.NoRespondersError || (error instanceof errors.RequestError && error.isNoResponders()))
    return streamMissing(server, error);
  switch (apiCodeOf(error)) {
    case JetStreamApiCodes.JetStreamNotEnabledForAccount:
      return jetstreamOff(server, error);
    case JetStreamApiCodes.StreamNotFound:
    case JetStreamApiCodes.ConsumerNotFound:
      return streamMissing(server, error);
    case API_CODE.streamNameInUse:
      return streamDiffers(server, said, error);
    case API_CODE.insufficientResources:
    case API_CODE.storageExceeded:
    case API_CODE.noSpace:
      return new WorkError('storage-full', `${server} has no room left (${said}); give its store more`, {
        cause: error,
      });
    default:
      return unreachable(server, said, error);
  }
}

export function unreachable(server: string, why: string, cause?: unknown): WorkError {
  return new WorkError(
    'server-unreachable',
    `no answer from ${server} (${why}); see that it runs (scripts/nats.sh start DIR PORT) and can be reached`,
    { cause },
  );
}

export function jetstreamOff(server: string, cause?: unknown): WorkError {
  return new WorkError(
    'jetstream-off',
    `${server} keeps no streams; start it with -js and a store directory, as scripts/nats.sh does`,
    { cause },
  );
}

export function streamMissing(server: string, cause?: unknown): WorkError {
  return new WorkError(
    'stream-missing',
    `${server} has no update queue: nothing was entered there yet, or it lost its disk; enter the jobs (again) with smets1 fleet enqueue`,
    { cause },
  );
}

export function streamDiffers(server: string, why: string, cause?: unknown): WorkError {
  return new WorkError(
    'stream-differs',
    `${server} has something else under the name of our queue (${why}); use another server or account, or remove it`,
    { cause },
  );
}
