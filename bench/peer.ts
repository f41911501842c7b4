import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { root } from '../tools/paths.js';
import type { Bench } from './bench.js';
import { type Child, startChild } from './child.js';
import type { HttpServer } from './http-contender.js';
import { makeDatabase } from './own-database.js';
import type { Stage } from './stage.js';

/** What a peer is started with. */
export interface PeerOptions {
  /** Of a database of its own, on the server that the token service uses. */
  readonly databaseUrl: string;
  /** The most that it may open. */
  readonly connections: number;
  readonly users: number;
  /** Given to the users in turn. */
  readonly keys: number;
}

/** Another program that verifies tokens, in a process of its own. */
export interface Peer {
  readonly name: PeerName;
  readonly server: HttpServer;
  readonly pid: number;
  /** Ends it, and drops its database. */
  stop(): Promise<void>;
}

/** A module of `bench/peers`. */
export type PeerName = 'better-auth' | 'oidc-provider' | 'unleash';

const CONNECTIONS = 20;
let installed: Promise<void> | undefined;

/**
 * Starts peers, each with as many users and keys as the token service has, and installs them first if they are not there
 * yet. One that cannot be had is `missing`, with the reason.
 */
export async function startPeers(names: readonly PeerName[], bench: Bench, stage: Stage) {
  const peers: Peer[] = [];
  const missing: Record<string, string> = {};
  for (const name of names) {
    try {
      installed ??= installPeers();
      await installed;
      bench.progress(`Starting ${name}`);
      peers.push(await startPeer(name, bench, stage));
    } catch (error) {
      missing[name] = reasonOf(error as Error);
    }
  }
  return { peers, missing };
}

async function startPeer(name: PeerName, { pace }: Bench, stage: Stage): Promise<Peer> {
  const { url: databaseUrl, drop } = await makeDatabase(stage);
  let child: Child | undefined;
  const stop = async () => {
    await child?.stop();
    await drop();
  };
  try {
    const options = { databaseUrl, connections: CONNECTIONS, users: pace.users, keys: pace.tokens };
    child = await startChild('peer.js', { name, ...options } satisfies PeerOptions & { name: PeerName });
    return { name, server: await child.ask<HttpServer>({}), pid: child.pid, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function installPeers(): Promise<void> {
  const bootstrap = join(root, 'tools', 'bootstrap.mjs');
  const installing = spawn(process.execPath, [bootstrap, 'install', join('bench', 'peers')], {
    stdio: ['ignore', 2, 2],
  });
  const [code] = await once(installing, 'close');
  if (code !== 0) throw new Error('npm ci fails');
}

/** For the report, which names neither a host nor a path. */
function reasonOf({ message }: Error): string {
  const [first = ''] = message.split('\n');
  return first.replaceAll(/\S*\/\S*/g, '…');
}
