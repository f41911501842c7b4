import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type Answer, httpClient } from '../tour/client.js';
import { playOtherWays } from '../tour/other-ways.js';
import { playStory } from '../tour/story.js';
import { backUpAndRestore } from './back-up.js';
import { checkConfinement, checkHealth, checkImages, checkLogins, checkSecrets } from './checks.js';
import { paste } from './documented.js';
import type { Engine } from './engine.js';
import { ComposeProject } from './project.js';

const CLIENTS = 8;
/** How long the service is under load before it is told to stop. */
const LOAD_MS = 2_000;
const silent = { step: () => undefined, call: () => undefined };
const narrator = {
  step: (title: string) => console.log(`\n${title}`),
  call: (line: string) => console.log(`   ${line}`),
};

/**
 * Runs docker-compose.yml in a world of its own, tries what its containers may do, plays the story and the other ways on it, stops
 * and starts it, and goes back to a back-up.
 * @param images variables that name images to build on
 * @param stopped rejects when it is to stop before its end
 * @throws AssertionError at the first thing that differs from what is promised
 */
export async function testCompose(
  engine: Engine,
  images: Record<string, string>,
  stopped: Promise<never>,
): Promise<void> {
  const given = ['NODE_IMAGE', 'POSTGRES_IMAGE', 'NATS_IMAGE'].filter((name) => process.env[name]);
  const project = await ComposeProject.make(engine, {
    ...Object.fromEntries(given.map((name) => [name, process.env[name] ?? ''])),
    ...images,
    ACCESS_KEYS_FILE: '/run/secrets/access-keys.properties',
    POLICY_MAX_TOKENS_PER_USER: '321',
    SERVER_NAME: 'compose-test',
  });
  const failures: unknown[] = [];
  await Promise.race([stopped, playAll(project)]).catch((error) => failures.push(error));
  await project.remove().catch((error) => failures.push(error));
  if (failures.length > 0) throw failures[0];
}

async function playAll(project: ComposeProject): Promise<void> {
  const accessKeysFile = join(project.folder, 'secrets', 'tokens', 'access-keys.properties');
  await mkdir(join(project.folder, 'secrets', 'tokens'), { recursive: true });
  await writeFile(accessKeysFile, `legacy-${randomBytes(16).toString('hex')}=admin\n`);
  await project.compose('build');
  await timed('up, from nothing to three services that are ready', async () => {
    await project.compose('up', '-d');
    await project.ready();
  });
  const adminPassword = await project.secret('migrate/ADMIN_PASSWORD');
  const system = await project.system();

  await timed('each container reads only, is nobody special, has limits, and holds what runs', async () => {
    await checkConfinement(project);
    await checkHealth(project);
    await checkImages(project);
    await checkLogins(project);
    await checkSecrets(project);
  });
  await timed('the story', () => playStory(system, { adminPassword, narrator, kill: true }));
  await timed('other ways', () => playOtherWays(system, { adminPassword, narrator, accessKeysFile }));
  await timed('settings of .env', () => checkSettings(project, adminPassword));
  const secrets = await timed('a stop under load, and a start', () => stopUnderLoad(project, adminPassword));
  await timed('down and up again, with a NATS user for the guarded service', async () => {
    await paste(project, 'A NATS user for a guarded service');
    await project.ready();
    await works(project, secrets);
    await guardHasItsOwnUser(project, secrets[0] ?? '');
  });
  await timed('back-up and restore', () => backUpAndRestore(project, adminPassword, secrets[0] ?? ''));
  await checkSecrets(project);
}

async function timed<Result>(title: string, act: () => Promise<Result>): Promise<Result> {
  const begun = performance.now();
  const result = await act();
  console.log(`\n✓ ${title} (${((performance.now() - begun) / 1000).toFixed(1)} s)`);
  return result;
}

/** What a setting in `.env` says is what the service goes by. */
async function checkSettings(project: ComposeProject, adminPassword: string): Promise<void> {
  const { tokens, admin } = await logIn(project, adminPassword);
  const policy = JSON.stringify((await tokens('GET', '/admin/policy', { as: admin })).body);
  ok(policy.includes('321'), policy);
}

/** @returns secrets of tokens that work, each the last one that its client was told */
async function stopUnderLoad(project: ComposeProject, adminPassword: string): Promise<string[]> {
  const { identity, tokens, admin } = await logIn(project, adminPassword);
  const { id } = (await identity('POST', '/users', { as: admin, json: { username: 'under-load' } })).body;
  const json = { userId: id, description: 'under load', scopes: ['rest'], password: adminPassword };
  const made = Array.from({ length: CLIENTS }, () => tokens('POST', '/admin/tokens', { as: admin, json }));
  const secrets = (await Promise.all(made)).map(({ body }) => body.secret as string);
  let answered = 0;
  let stopping = false;
  const clients = secrets.map(async (_, client) => {
    for (;;) {
      const answer: Answer | undefined = await tokens('POST', '/tokens/self/refresh', {
        as: secrets[client] ?? '',
        json: {},
        // A host that lets the packets of a container that is gone fall keeps a client waiting.
        timeoutMs: 10_000,
      }).catch((error) => {
        if (!stopping) throw error;
        return undefined;
      });
      if (!answer) return;
      strictEqual(answer.status, 200, JSON.stringify(answer.body));
      secrets[client] = answer.body.secret;
      answered++;
    }
  });
  const failed = Promise.race(clients.map((client) => client.then(() => undefined)));
  await Promise.race([delay(LOAD_MS), failed]);
  stopping = true;
  await project.ask('stop', '--time', '30', await project.idOf('tokens'));
  await Promise.all(clients);
  const [{ State }] = JSON.parse(await project.ask('inspect', await project.idOf('tokens')));
  strictEqual(State.ExitCode, 0, 'it was killed');
  console.log(`   ${answered} refreshes were answered, and then no connection was to be had`);
  await project.ask('start', await project.idOf('tokens'));
  await project.ready();
  await works(project, secrets);
  return secrets;
}

/** The example API, given the file that the commands made, comes as that user. */
async function guardHasItsOwnUser(project: ComposeProject, secret: string): Promise<void> {
  const url = (await project.secret('reports.env')).replace(/^NATS_URL=/, '');
  const file = join(project.folder, 'secrets', 'example-api', 'NATS_URL');
  await rm(file);
  await writeFile(file, url, { mode: 0o444 });
  await project.ask('restart', '--time', '30', await project.idOf('example-api'));
  await project.ready();
  const example = httpClient('example-api', project.url('example'), silent);
  strictEqual((await example('GET', '/', { as: secret })).status, 200);
  const tokens = httpClient('tokens', project.url('tokens'), silent);
  const { body } = await tokens('GET', '/tokens/self', { as: secret });
  const { admin } = await logIn(project, await project.secret('migrate/ADMIN_PASSWORD'));
  const history = await tokens('GET', `/admin/tokens/${body.token.id}/history`, { as: admin });
  ok(JSON.stringify(history.body).includes('"reports"'), JSON.stringify(history.body));
}

async function works(project: ComposeProject, secrets: readonly string[]): Promise<void> {
  const tokens = httpClient('tokens', project.url('tokens'), silent);
  const statuses = await Promise.all(secrets.map(async (as) => (await tokens('GET', '/tokens/self', { as })).status));
  deepStrictEqual(
    statuses,
    secrets.map(() => 200),
  );
}

async function logIn(project: ComposeProject, password: string) {
  const identity = httpClient('identity', project.url('identity'), silent);
  const tokens = httpClient('tokens', project.url('tokens'), silent);
  const { body } = await identity('POST', '/login', { json: { username: 'admin', password } });
  return { identity, tokens, admin: body.session.credential as string };
}
