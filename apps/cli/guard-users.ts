import { existsSync } from 'node:fs';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { connect } from '@nats-io/transport-node';
import { guardName, guardUser } from '@tokenlog/contracts/guard/guard-name.js';
import { generateSecret } from '../../tools/generate-secret.js';
import {
  BASE_CONFIGURATION,
  GUARDS_CONFIGURATION,
  type NamedGuard,
  readGuards,
  writeGuards,
} from '../../tools/nats-guards.js';
import { reloadNats } from '../../tools/nats-reload.js';
import { writePrivately } from '../../tools/private-file.js';
import { EXIT, localFailure } from './failure.js';

/** Which nats-server. */
export interface GuardUsersOptions {
  readonly config?: string | undefined;
  readonly natsUrl?: string | undefined;
  readonly out?: string | undefined;
}

const RELOADED_MS = 5000;
const CONNECT_MS = 1000;
const AGAIN_MS = 50;

/**
 * The guards that have a NATS user of their own: in the configuration that `--config` names, or in that of the embedded
 * nats-server in `DATA_DIR`.
 * @throws Failure (usage) where neither is there
 */
export async function guardUsersOf(options: GuardUsersOptions, env: NodeJS.ProcessEnv): Promise<GuardUsers> {
  if (options.config !== undefined) return new GuardUsers(options.config, null, options);
  const dataDir = env.DATA_DIR || '.data';
  if (env.NATS_URL || !existsSync(join(dataDir, 'nats'))) {
    throw localFailure(
      EXIT.usage,
      'no-embedded-nats',
      env.NATS_URL
        ? "NATS_URL is set, so that no nats-server is embedded: name its configuration's file with --config."
        : `DATA_DIR: in ${dataDir} no nats-server was started yet. Run npm start, or name a configuration with --config.`,
    );
  }
  return new GuardUsers(join(dataDir, GUARDS_CONFIGURATION), dataDir, options);
}

/** Users of nats-server for single guards, in its configuration's file. */
export class GuardUsers {
  private password = '';

  /** @param dataDir of the embedded nats-server; `null`: another one runs by the file, and is told by whoever runs it */
  constructor(
    private readonly file: string,
    private readonly dataDir: string | null,
    private readonly options: GuardUsersOptions,
  ) {}

  /** What to do when `reload` could not. */
  get reloadHint(): string {
    if (this.dataDir !== null) return 'nats-server does not run; it takes it up when it starts.';
    return `nats-server must run with -c ${this.file}; tell it to read it again: nats-server --signal reload (SIGHUP).`;
  }

  async names(): Promise<string[]> {
    return (await this.guards()).map(({ name }) => name);
  }

  /** The NATS user of a guard. */
  userOf(name: string): string {
    return guardUser(name);
  }

  /**
   * @returns the file that holds the guard's `NATS_URL`, for its owner's eyes only
   * @throws Failure `guard-exists`, or `invalid-name`
   */
  async add(name: string): Promise<string> {
    refuseName(name);
    const guards = await this.guards();
    if (guards.some((guard) => guard.name === name)) {
      throw localFailure(
        EXIT.conflict,
        'guard-exists',
        `${name} has a user already. Remove it first to replace its password.`,
      );
    }
    const url = await this.serverUrl();
    this.password = generateSecret();
    url.username = guardUser(name);
    url.password = this.password;
    const credentialFile = this.credentialFile(name);
    await mkdir(dirname(credentialFile), { recursive: true, mode: 0o700 });
    await writePrivately(credentialFile, `NATS_URL=${url.href}\n`);
    await this.write([...guards, { name, password: this.password }]);
    return relative(process.cwd(), credentialFile).startsWith('..')
      ? credentialFile
      : relative(process.cwd(), credentialFile);
  }

  /** @throws Failure `guard-not-found`, or `invalid-name` */
  async remove(name: string): Promise<void> {
    refuseName(name);
    const guards = await this.guards();
    const removed = guards.find((guard) => guard.name === name);
    if (!removed) throw localFailure(EXIT.notFound, 'guard-not-found', `There is no guard ${name}.`);
    this.password = removed.password;
    await this.write(guards.filter((guard) => guard !== removed));
    await rm(this.credentialFile(name), { force: true });
  }

  /**
   * Has the embedded nats-server take up the file, and waits until the user may log in, or no longer may.
   * @returns whether it runs and has
   * @throws Failure `not-reloaded` when it runs, and goes by the former one
   */
  async reload(name: string, isUser: boolean): Promise<boolean> {
    if (this.dataDir === null || !(await reloadNats(join(this.dataDir, 'nats')))) return false;
    const { host } = await this.serverUrl();
    for (const deadline = performance.now() + RELOADED_MS; performance.now() < deadline; await delay(AGAIN_MS)) {
      if ((await this.logsIn(host, name)) === isUser) return true;
    }
    throw localFailure(
      EXIT.failed,
      'not-reloaded',
      `nats-server has not taken up ${this.file}: see ${join(this.dataDir, 'logs', 'nats-server.log')}.`,
    );
  }

  private async guards(): Promise<NamedGuard[]> {
    return readGuards(this.file).catch((error: Error) => {
      throw localFailure(EXIT.usage, 'not-a-guards-file', `--config: ${error.message}`);
    });
  }

  private write(guards: readonly NamedGuard[]): Promise<void> {
    // Away from the checkout that started nats-server, its configuration is what the file includes already.
    const isHere = this.dataDir !== null && existsSync(BASE_CONFIGURATION);
    return writeGuards(this.file, guards, isHere ? BASE_CONFIGURATION : undefined);
  }

  private credentialFile(name: string): string {
    if (this.dataDir !== null) return join(this.dataDir, 'guards', `${name}.env`);
    return this.options.out ?? join(dirname(this.file), 'guards', `${name}.env`);
  }

  /** Where nats-server listens, without credentials. */
  private async serverUrl(): Promise<URL> {
    const { natsUrl } = this.options;
    if (this.dataDir === null) {
      const url = urlOf(natsUrl ?? 'nats://127.0.0.1:4222');
      if (url?.host && ['nats:', 'tls:'].includes(url.protocol)) return withoutCredentials(url);
      throw localFailure(
        EXIT.usage,
        'invalid-address',
        '--nats-url: it begins with nats:// or tls:// and names a host.',
      );
    }
    const shared = await readFile(join(this.dataDir, 'guard.env'), 'utf8').catch(() => '');
    const url = urlOf(/^NATS_URL=(.+)$/m.exec(shared)?.[1] ?? '');
    if (url) return withoutCredentials(url);
    throw localFailure(
      EXIT.failed,
      'no-address',
      `${basename(this.dataDir)}/guard.env does not say where nats-server is: run npm start.`,
    );
  }

  private async logsIn(host: string, name: string): Promise<boolean> {
    try {
      const options = {
        servers: host,
        user: guardUser(name),
        pass: this.password,
        reconnect: false,
        timeout: CONNECT_MS,
      };
      await (await connect(options)).close();
      return true;
    } catch {
      // Refused, or the server is busy with reading its configuration.
      return false;
    }
  }
}

function refuseName(name: string): void {
  const { error } = guardName.safeParse(name);
  if (!error) return;
  throw localFailure(EXIT.usage, 'invalid-name', `${name || 'An empty text'}: ${error.issues[0]?.message ?? 'wrong'}.`);
}

/** As `URL.parse`, which Node 20 does not have. */
function urlOf(text: string): URL | null {
  return URL.canParse(text) ? new URL(text) : null;
}

function withoutCredentials(url: URL): URL {
  url.username = '';
  url.password = '';
  return url;
}
