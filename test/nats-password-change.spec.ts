import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { NatsConnection } from '@nats-io/transport-node';
import { connectNats, type NatsUser } from '@tokenlog/platform/nats.js';
import { startTokenService, type TestTokenService } from '../apps/tokens/testing/token-service.js';
import { CreateToken } from '../apps/tokens/verbs/create-token.js';
import { root } from '../tools/paths.js';
import { generateSecret } from '../tools/secrets.js';
import { eventually } from './support/eventually.js';
import { testFolder } from './support/folder.js';

/** Of docs/operations.md, "Changing NATS passwords": what stands between a user's braces, its own name among it. */
function blockOf(configuration: string, user: NatsUser): string {
  const begin = configuration.lastIndexOf('{', configuration.indexOf(`user: ${user}\n`));
  let depth = 0;
  for (let at = begin; at < configuration.length; at++) {
    if (configuration[at] === '{') depth++;
    if (configuration[at] === '}' && --depth === 0) return configuration.slice(begin, at + 1);
  }
  throw new Error(`There is no user ${user}.`);
}

/** Step 1: a copy of the user's block in the list, under another name and with the new password. */
function withNext(configuration: string, user: NatsUser, password: string): string {
  const next = blockOf(configuration, user)
    .replace(`user: ${user}\n`, `user: ${user}-next\n`)
    .replace(/password: .*/, `password: "${password}"`);
  return configuration.replace('users: [', `users: [\n${next}\n`);
}

/** Step 3: the old password is worth nothing any more. */
function without(configuration: string, user: NatsUser): string {
  return configuration.replace(`$NATS_${user.toUpperCase()}_PASSWORD`, `"${generateSecret()}"`);
}

describe('changing NATS passwords by the recipe', () => {
  let service: TestTokenService;
  let configuration: string;
  let secret: string;

  beforeAll(async () => {
    configuration = join(await testFolder('passwords'), 'nats-server.conf');
    await writeFile(configuration, await readFile(join(root, 'deploy', 'nats-server.conf')));
    service = await startTokenService({}, configuration);
    const ada = await service.register('ada');
    const options = { userId: ada.id, description: 'export', scopes: ['rest'] };
    ({ secret } = await service.commands.execute(new CreateToken(service.caller(ada), options, 'right')));
  });
  afterAll(() => service?.stop());

  const reload = async (change: (text: string) => string) => {
    await writeFile(configuration, change(await readFile(configuration, 'utf8')));
    process.kill(service.nats.pid, 'SIGHUP');
  };
  const next = (user: NatsUser, password: string) => {
    const url = new URL(service.nats.urls[user]);
    url.username = `${user}-next`;
    url.password = password;
    return url.href;
  };

  it('refuses no verification while the services and a guard go over to the new ones', async () => {
    const passwords = { tokens: generateSecret(), guard: generateSecret() };
    let guard: NatsConnection = service.guard;
    let asking = true;
    let asked = 0;
    const outcomes = new Set<string>();
    const verifications = (async () => {
      while (asking) {
        const ask = () => guard.request('tokens.verify', JSON.stringify({ credential: secret }), { timeout: 2_000 });
        // A server that reads its users anew forgets whose reply is on its way: such a question is asked again.
        const answer = await ask()
          .catch(ask)
          .then((message) => JSON.stringify(message.json<{ active: boolean }>().active))
          .catch((error: Error) => error.message);
        outcomes.add(answer);
        asked++;
      }
    })();

    await eventually(() => asked > 20);
    await reload((text) => withNext(withNext(text, 'tokens', passwords.tokens), 'guard', passwords.guard));
    // Step 2, one service after the other: a second process with the new password before the first one stops.
    const second = await eventually(() => service.start({ NATS_URL: next('tokens', passwords.tokens) }));
    await service.app.close();
    const another = await connectNats(next('guard', passwords.guard), 'guard', 'test-guard');
    guard = another;
    // What was asked on the old connection is answered there.
    const over = asked;
    await eventually(() => asked > over + 1);
    await reload((text) => without(without(text, 'tokens'), 'guard'));
    const before = asked;
    await eventually(() => asked > before + 20);

    for (const user of ['tokens', 'guard'] as const) {
      await eventually(() =>
        expect(connectNats(service.nats.urls[user], user, 'old')).rejects.toThrow('Authorization'),
      );
    }
    asking = false;
    await verifications;
    await another.close();
    await second.close();
    expect([...outcomes]).toEqual(['true']);
  });
});
