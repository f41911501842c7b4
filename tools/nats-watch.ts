import { statfs } from 'node:fs/promises';
import { connect, errors, type NatsConnection } from '@nats-io/transport-node';
import { natsOptions } from '@tokenlog/platform/nats.js';
import { Hopeless } from './watch.js';

const ANSWER_MS = 1_500;
const MEBIBYTE = 1024 ** 2;
/** Below the first there is no space for JetStream, from the second on there is again; of a small disk, these parts. */
const LOW = { bytes: 8 * MEBIBYTE, part: 0.03 };
const AMPLE = { bytes: 32 * MEBIBYTE, part: 0.1 };

/** What is asked of a nats-server. */
export type NatsProbe = {
  /** With the credentials of the user `tokens`. */
  url: string;
  /** JetStream's folder. */
  dataDir: string;
  /** Whether it was started with JetStream. */
  jetstream: boolean;
};

/**
 * Asks a nats-server for a PONG and for JetStream's state over a new connection. Releases differ in what they do once
 * JetStream's disk is full: some answer nothing at all any more, and none takes JetStream up again when there is space.
 * @throws Hopeless where a new start would mend it
 */
export async function probeNats({ url, dataDir, jetstream }: NatsProbe): Promise<void> {
  const failure = await ask(url, jetstream).then(
    () => undefined,
    (error: Error) => error,
  );
  if (jetstream && !failure) return;
  if (!jetstream && failure) throw failure;
  if (!jetstream && (await hasSpace(dataDir, AMPLE))) {
    throw new Hopeless('has space for JetStream again');
  }
  if (failure && !(await hasSpace(dataDir, LOW))) {
    throw new Hopeless('does not answer, and has no space for JetStream');
  }
  if (failure) throw failure;
}

/** Whether JetStream can write: with a disk that is full, a nats-server of some releases stops to answer anything. */
export function hasSpaceForJetStream(dataDir: string): Promise<boolean> {
  return hasSpace(dataDir, LOW);
}

async function hasSpace(folder: string, { bytes, part }: typeof LOW): Promise<boolean> {
  const { bavail, blocks, bsize } = await statfs(folder);
  return bavail * bsize >= Math.min(bytes, blocks * bsize * part);
}

async function ask(url: string, jetstream: boolean): Promise<void> {
  let connection: NatsConnection | undefined;
  try {
    connection = await connect({ ...natsOptions(url, 'tokens', 'watch'), reconnect: false, timeout: ANSWER_MS });
    if (jetstream) await connection.request('$JS.API.INFO', '', { timeout: ANSWER_MS });
  } catch (error) {
    // Refused, it has answered.
    if (error instanceof errors.AuthorizationError || error instanceof errors.PermissionViolationError) return;
    throw error;
  } finally {
    await connection?.close();
  }
}
