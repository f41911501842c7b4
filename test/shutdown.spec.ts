import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import { constants } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { RequestError } from '@nats-io/transport-node';
import { connectNats } from '@tokenlog/platform/nats.js';
import { root } from '../tools/paths.js';
import { eventually } from './support/eventually.js';
import { type Issued, PASSWORD, WholeSystem } from './support/whole-system.js';

const CLIENTS = 8;

/** What came of a request: a status; `refused`, where no connection was accepted; or how it was cut off. */
type Outcome = number | string;

/** Sends a request on a connection that is kept for the next one, as browsers, proxies and pools do. */
async function send(agent: Agent, url: string, body: object, headers: Record<string, string> = {}) {
  return new Promise<{ outcome: Outcome; close: boolean; text: string }>((resolve) => {
    const sent = request(url, { agent, method: 'POST', headers: { 'content-type': 'application/json', ...headers } });
    sent.on('error', (error: NodeJS.ErrnoException) =>
      resolve({ outcome: error.code === 'ECONNREFUSED' ? 'refused' : String(error.code), close: true, text: '' }),
    );
    sent.on('response', (response) => {
      let text = '';
      response.on('data', (chunk) => (text += chunk));
      const close = response.headers.connection === 'close';
      response.on('end', () => resolve({ outcome: response.statusCode ?? 0, close, text }));
      response.on('error', (error: NodeJS.ErrnoException) => resolve({ outcome: String(error.code), close, text }));
    });
    sent.end(JSON.stringify(body));
  });
}

/** Sends from many clients, each its next request as soon as it has the answer, until no connection is accepted any more. */
async function untilRefused(ask: (agent: Agent, client: number) => Promise<{ outcome: Outcome; close: boolean }>) {
  const outcomes = new Map<Outcome, number>();
  let told = 0;
  const clients = Array.from({ length: CLIENTS }, async (_, client) => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    for (;;) {
      const { outcome, close } = await ask(agent, client);
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
      if (outcome === 'refused') break;
      if (close) told++;
    }
    agent.destroy();
  });
  await Promise.all(clients);
  return { outcomes: Object.fromEntries(outcomes), told };
}

describe('a service that is told to stop under load', () => {
  let whole: WholeSystem;
  let issued: Issued[];
  beforeAll(async () => {
    whole = await WholeSystem.start('shutdown', { POLICY_REQUIRE_PASSWORD: 'none' });
    const { id } = await whole.register('ada');
    issued = await Promise.all(Array.from({ length: CLIENTS }, () => whole.issue(id)));
  });
  afterAll(() => whole.stop());

  it('answers each login that it has accepted, says Connection: close, and ends quietly', async () => {
    const body = { username: 'ada', password: PASSWORD };
    const load = untilRefused((agent) => send(agent, `${whole.system.identity.url}/login`, body));
    await delay(1500);
    await whole.system.kill('identity', 'SIGTERM');
    const { outcomes, told } = await load;
    expect(outcomes).toEqual({ 200: expect.any(Number), refused: CLIENTS });
    expect(told).toBeGreaterThan(0);
    await whole.system.restart('identity');
  });

  it('answers each refresh, so that the secret which each client was told last is the one that works', async () => {
    const secrets = issued.map(({ secret }) => secret);
    const load = untilRefused(async (agent, client) => {
      const url = `${whole.system.tokens.url}/tokens/self/refresh`;
      const answer = await send(agent, url, {}, { authorization: `Bearer ${secrets[client]}` });
      if (answer.outcome === 200) secrets[client] = JSON.parse(answer.text).secret;
      return answer;
    });
    await delay(1500);
    await whole.system.kill('tokens', 'SIGTERM');
    expect((await load).outcomes).toEqual({ 200: expect.any(Number), refused: CLIENTS });

    await whole.system.restart('tokens');
    for (const secret of secrets) {
      expect((await whole.tokens('GET', '/tokens/self', { as: secret })).status).toBe(200);
    }
  });

  it('answers each verification over NATS that it was asked', async () => {
    const guard = await connectNats(whole.system.natsUrls.guard, 'guard', 'test');
    const { secret } = await whole.issue(issued[0]!.token.userId);
    const payload = JSON.stringify({ credential: secret });
    const outcomes = new Map<string, number>();
    const clients = Array.from({ length: CLIENTS }, async () => {
      for (;;) {
        const outcome = await guard.request('tokens.verify', payload, { timeout: 5000 }).then(
          (message) => `active: ${message.json<{ active: boolean }>().active}`,
          (error) => (error instanceof RequestError && error.isNoResponders() ? 'nobody there' : String(error)),
        );
        outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
        if (outcome !== 'active: true') return;
      }
    });
    await delay(500);
    await whole.system.kill('tokens', 'SIGTERM');
    await Promise.all(clients);
    expect(Object.fromEntries(outcomes)).toEqual({ 'active: true': expect.any(Number), 'nobody there': CLIENTS });
    await guard.close();
    await whole.system.restart('tokens');
  });
});

describe('a service that is told to stop while it starts', () => {
  const services = ['identity', 'tokens', 'example-api'];
  let whole: WholeSystem;
  beforeAll(async () => {
    whole = await WholeSystem.start('stopped-at-start');
  });
  afterAll(() => whole.stop());

  const launch = (service: string): ChildProcess => {
    const { databaseUrl, natsUrls } = whole.system;
    const user = { identity: 'identity', tokens: 'tokens', 'example-api': 'guard' } as const;
    const env = {
      PATH: process.env.PATH,
      DATABASE_URL: databaseUrl,
      NATS_URL: natsUrls[user[service as keyof typeof user]],
      TOKEN_PEPPER: 'another pepper, of nobody',
      TOKEN_PEPPERS_MISSING: 'accept',
      IDENTITY_PORT: '0',
      TOKENS_PORT: '0',
      EXAMPLE_PORT: '0',
    };
    return spawn(process.execPath, [join(root, 'dist', 'apps', service, 'main.js')], { env, stdio: 'pipe' });
  };

  it.each(services)('%s: it ends at once, with 0 and without an error', async (service) => {
    for (const after of [0, 250, 750, 1250]) {
      const child = launch(service);
      let errors = '';
      child.stderr?.on('data', (chunk) => (errors += chunk));
      child.stdout?.resume();
      const closed = once(child, 'close');
      // Before that, Node itself starts.
      await eventually(async () => expect(await heedsSignals(child.pid as number)).toBe(true));
      await delay(after);
      child.kill('SIGTERM');
      const [code, signal] = await closed;
      expect({ after, code, signal, errors }).toEqual({ after, code: 0, signal: null, errors: '' });
    }
  });
});

/** Whether a program listens to signals, as Linux says: to SIGHUP last, and Node itself does not to that. */
async function heedsSignals(pid: number): Promise<boolean> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const caught = BigInt(`0x${/^SigCgt:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'}`);
  return ((caught >> BigInt(constants.signals.SIGHUP - 1)) & 1n) === 1n;
}
