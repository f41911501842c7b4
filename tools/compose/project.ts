import { appendFile, cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { root } from '../paths.js';
import { choosePort } from '../ports.js';
import type { System } from '../system.js';
import { type Engine, run, show } from './engine.js';

/** What `docker compose` needs of this repository. */
const FILES = ['package.json', 'package-lock.json', '.swcrc', '.dockerignore', 'Dockerfile', 'docker-compose.yml'];
const FOLDERS = ['apps', 'libs', 'tools', 'deploy'];
const READY_MS = 120_000;
/** Of `stop`, in seconds: longer than the services take to answer what they were asked. */
const STOP_S = '30';

export const composeServices = ['postgres', 'nats', 'migrate', 'identity', 'tokens', 'example-api'] as const;
export type ComposeService = (typeof composeServices)[number];

const built = composeServices.filter((service) => service !== 'postgres');

type Ports = Record<'IDENTITY_PORT' | 'TOKENS_PORT' | 'EXAMPLE_PORT' | 'NATS_PORT', number>;

/** A copy of docker-compose.yml's world: a folder, secrets, ports, volumes and a project name of its own. */
export class ComposeProject {
  private constructor(
    readonly engine: Engine,
    readonly folder: string,
    readonly name: string,
    private readonly ports: Ports,
  ) {}

  /** @param settings what `.env` says beside the ports */
  static async make(engine: Engine, settings: Record<string, string>): Promise<ComposeProject> {
    const folder = await mkdtemp(join(tmpdir(), 'tokenlog-compose-'));
    for (const path of [...FILES, ...FOLDERS]) {
      await cp(join(root, path), join(folder, path), {
        recursive: true,
        filter: (source) => basename(source) !== 'node_modules',
      });
    }
    const ports = {
      IDENTITY_PORT: await choosePort(),
      TOKENS_PORT: await choosePort(),
      EXAMPLE_PORT: await choosePort(),
      NATS_PORT: await choosePort(),
    };
    await run([process.execPath, join(folder, 'tools', 'compose-env.mjs')]);
    const lines = Object.entries({ ...ports, ...settings }).map(([name, value]) => `${name}=${value}\n`);
    await appendFile(join(folder, '.env'), lines.join(''));
    return new ComposeProject(engine, folder, basename(folder).toLowerCase(), ports);
  }

  /** A command of compose, its output shown. */
  async compose(...args: string[]): Promise<void> {
    await show([...this.engine.compose, '-p', this.name, ...args], { cwd: this.folder });
  }

  /** A command of the engine. */
  ask(...args: string[]): Promise<string> {
    return run([this.engine.name, ...args]);
  }

  /** A command in a service's container. */
  async exec(service: ComposeService, ...command: string[]): Promise<string> {
    return (await this.ask('exec', await this.idOf(service), ...command)).trim();
  }

  async idOf(service: ComposeService): Promise<string> {
    const label = 'label=com.docker.compose';
    const filters = ['--filter', `${label}.project=${this.name}`, '--filter', `${label}.service=${service}`];
    const ids = (await this.ask('ps', '--all', '--quiet', ...filters)).trim().split('\n');
    if (ids.length !== 1 || !ids[0]) throw new Error(`${service}: ${ids.length} containers`);
    return ids[0];
  }

  async secret(path: string): Promise<string> {
    return (await readFile(join(this.folder, 'secrets', path), 'utf8')).trim();
  }

  url(service: 'identity' | 'tokens' | 'example'): string {
    return `http://127.0.0.1:${this.ports[`${service.toUpperCase()}_PORT` as keyof Ports]}`;
  }

  /** Waits until the three services say that they are ready. */
  async ready(): Promise<void> {
    const deadline = Date.now() + READY_MS;
    for (const service of ['identity', 'tokens', 'example'] as const) {
      for (;;) {
        const answer = await fetch(`${this.url(service)}/health/ready`).catch(() => undefined);
        if (answer?.ok) break;
        if (Date.now() > deadline) throw new Error(`${service} is not ready: ${await this.lastLines()}`);
        await delay(200);
      }
    }
  }

  /** What the story is played on. */
  async system(): Promise<Pick<System, 'identity' | 'tokens' | 'example' | 'natsUrls' | 'kill' | 'restart'>> {
    const passwords = await this.secret('nats/passwords.env');
    const urlOf = (user: string) => {
      const password = new RegExp(`^NATS_${user.toUpperCase()}_PASSWORD=(.+)$`, 'm').exec(passwords)?.[1];
      return `nats://${user}:${password}@127.0.0.1:${this.ports.NATS_PORT}`;
    };
    const users = ['identity', 'tokens', 'guard', 'observer'] as const;
    return {
      identity: { url: this.url('identity') },
      tokens: { url: this.url('tokens') },
      example: { url: this.url('example') },
      natsUrls: Object.fromEntries(users.map((user) => [user, urlOf(user)])) as System['natsUrls'],
      kill: async (part, signal) => {
        await this.ask('kill', '--signal', signal, await this.idOf(part as ComposeService));
      },
      restart: async (part) => {
        await this.ask('restart', '--time', STOP_S, await this.idOf(part as ComposeService));
        await this.ready();
      },
    };
  }

  /** Stops and removes the containers, and the volumes where it is told so. */
  async down(volumes: boolean): Promise<void> {
    await this.compose('stop', '-t', STOP_S);
    await this.compose('down', ...(volumes ? ['-v'] : []));
  }

  /** Leaves nothing behind but the engine's cache of what was built: no container, volume, network, image or folder. */
  async remove(): Promise<void> {
    const containers = await Promise.all(built.map((service) => this.idOf(service).catch(() => '')));
    const images = await Promise.all(
      containers.filter(Boolean).map((id) => this.ask('inspect', '--format', '{{.Config.Image}}', id)),
    );
    await this.down(true);
    // podman-compose leaves it.
    if (this.engine.name === 'podman') await this.ask('network', 'rm', '--force', `${this.name}_default`);
    if (images.length > 0) await this.ask('rmi', ...images.map((id) => id.trim()));
    await rm(this.folder, { recursive: true, force: true });
  }

  private async lastLines(): Promise<string> {
    const logs = composeServices.map(async (service) => {
      const lines = await run(['sh', '-c', `${this.engine.name} logs --tail 5 ${await this.idOf(service)} 2>&1`]);
      return `\n${service}:\n${lines}`;
    });
    return (await Promise.all(logs)).join('');
  }
}
