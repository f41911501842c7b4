import { execFile } from 'node:child_process';
import { readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { startTokenService, type TestTokenService, type TestUser } from '../apps/tokens/testing/token-service.js';
import { CreateToken } from '../apps/tokens/verbs/create-token.js';
import { RevokeToken } from '../apps/tokens/verbs/revoke-token.js';
import { root } from '../tools/paths.js';
import { testFolder } from './support/folder.js';
import { testNats } from './support/nats.js';

const run = promisify(execFile);

/** The languages of docs/nats.md: the block that begins with a comment of the file's name, and what runs it. Both are wherever Node's tests are. */
const LANGUAGES = {
  JavaScript: { fence: 'js', file: 'verify.mjs', program: process.execPath },
  Bash: { fence: 'bash', file: 'verify.sh', program: 'bash' },
} as const;
type Language = keyof typeof LANGUAGES;
const languages = Object.keys(LANGUAGES) as Language[];

describe('docs/nats.md', () => {
  let service: TestTokenService;
  let ada: TestUser;
  let page: string;
  let folder: string;
  /** A nats-server on which no token service runs. */
  let alone: Awaited<ReturnType<typeof testNats>>;

  beforeAll(async () => {
    folder = await testFolder('nats-in-any-language');
    // As `npm install` makes it.
    await symlink(join(root, 'node_modules'), join(folder, 'node_modules'));
    page = await readFile(join(root, 'docs', 'nats.md'), 'utf8');
    for (const { fence, file } of Object.values(LANGUAGES)) await writeFile(join(folder, file), programOf(fence, file));
    [service, alone] = await Promise.all([startTokenService(), testNats()]);
    ada = await service.register('ada');
  });
  afterAll(() => Promise.all([service?.stop(), alone?.stop()]));

  /** As it stands in the page. */
  function programOf(fence: string, file: string): string {
    const blocks = [...page.matchAll(new RegExp(`^\`\`\`${fence}\n(.*?)^\`\`\``, 'gms'))].map(([, text = '']) => text);
    const program = blocks.find((text) => text.split('\n', 2).some((line) => line.endsWith(` ${file}`)));
    if (program === undefined) throw new Error(`docs/nats.md has no ${fence} block of ${file}`);
    return program;
  }

  const issue = async (scopes = ['rest']) => {
    const wishes = { userId: ada.id, description: 'say "active":true', scopes, expiresAt: null };
    return service.commands.execute(new CreateToken(service.caller(ada), wishes, 'right'));
  };
  const verify = async (
    language: Language,
    token: string,
    natsUrl = service.nats.guardUrls.one,
    file: string = LANGUAGES[language].file,
  ) => {
    const { program } = LANGUAGES[language];
    const env = { PATH: process.env.PATH, NATS_URL: natsUrl, TOKEN: token };
    const { stdout } = await run(program, [join(folder, file)], { env, timeout: 20_000 });
    return stdout.trim();
  };
  /** By the default options of NATS' client. */
  const as = async (natsUrl: string): Promise<NatsConnection> => {
    const { host, username: user, password: pass } = new URL(natsUrl);
    return connect({ servers: host, user, pass });
  };

  it('has as many languages as it says: every block of a program is run here', () => {
    const fences = [...page.matchAll(/^```(\w+)$/gm)].map(([, fence]) => fence).filter((fence) => fence !== 'sh');
    expect(fences).toEqual(Object.values(LANGUAGES).map(({ fence }) => fence));
  });

  describe.each(languages)('its program in %s, with a guard’s user', (language) => {
    it('S33 lets a good token in, as a use by the service of that name', async () => {
      const { tokenId, secret } = await issue();
      expect(await verify(language, secret)).toBe('200 ada');
      const { rows } = await service.store.pool.query(
        `SELECT data FROM events WHERE entity = $1 AND type = 'token-used'`,
        [tokenId],
      );
      expect(rows.flatMap(({ data }) => data.breakdown)).toEqual([{ service: 'one', ip: null, count: 1 }]);
    });

    it('S33 does so with the user that guards share', async () => {
      expect(await verify(language, (await issue()).secret, service.nats.urls.guard)).toBe('200 ada');
    });

    it('S33 refuses what is not good, with the reason', async () => {
      const revoked = await issue();
      await service.commands.execute(
        new RevokeToken(service.caller(ada), revoked.tokenId, ada.id, { password: 'right' }),
      );
      expect(await verify(language, revoked.secret)).toBe('401 revoked');
      expect(await verify(language, 'nonsense')).toBe('401 malformed');
      expect(await verify(language, `${revoked.secret}x`)).toBe('401 malformed');
      expect(await verify(language, (await issue(['export'])).secret)).toBe('403 scope');
    });

    it('answers 503 where nobody can say, and never lets anybody in: no responders, silence, and what the service says', async () => {
      const ask = () => verify(language, secret, alone.guardUrls.two);
      const { secret } = await issue();
      expect(await ask()).toBe('503 no responders');
      const answers: [object | null, string][] = [
        [null, '503 no answer in time'],
        [{ code: 'database-unavailable', detail: 'away', retryAfterSeconds: 1 }, '503 database-unavailable'],
        [{ code: 'invalid-request', detail: 'scopes: wrong' }, '500 invalid-request'],
      ];
      const tokens = await as(alone.urls.tokens);
      for (const [error, expected] of answers) {
        const stand = tokens.subscribe('tokens.verify.two', {
          callback: (_error, message) => {
            if (error) message.respond(JSON.stringify({ error }));
          },
        });
        await tokens.flush();
        expect(await ask()).toBe(expected);
        stand.unsubscribe();
      }
      await tokens.close();
    });
  });

  it.each([
    ['without the inbox prefix', /_INBOX_\$\{?user\}?/, '_INBOX', 'Subscription to "_INBOX.'],
    [
      'on a subject of another name',
      /tokens\.verify(?=[`'\n])|tokens\.verify\.(?=\$)/,
      'tokens.verify.two',
      'Publish to "tokens.',
    ],
  ] as const)('its programs %s fail with the error that it quotes', async (_, right, wrong, seen) => {
    const { secret } = await issue();
    for (const language of languages) {
      const { fence, file } = LANGUAGES[language];
      const mistaken = `wrong-${file}`;
      const text = programOf(fence, file).replaceAll(new RegExp(right, 'g'), wrong);
      await writeFile(join(folder, mistaken), text);
      expect(await verify(language, secret, service.nats.guardUrls.one, mistaken)).toMatch(
        new RegExp(`^500 .*Permissions Violation for ${seen.replaceAll('.', '\\.')}`),
      );
    }
    expect(page).toContain(`Permissions Violation for ${seen}`);
  });

  it('a wrong password is told as it says', async () => {
    const url = new URL(service.nats.guardUrls.one);
    url.password = 'wrong';
    expect(await verify('Bash', (await issue()).secret, url.href)).toMatch(/^500 .*Authorization Violation/);
    await expect(as(url.href)).rejects.toThrow(/Authorization Violation/i);
  });

  it('NATS’ own client with its default options fails on its inbox, whoever’s user it has', async () => {
    for (const natsUrl of [service.nats.urls.guard, service.nats.guardUrls.one]) {
      const nats = await as(natsUrl);
      const asked = nats.request('tokens.verify', '{"credential":"x"}', { timeout: 2000 });
      await expect(asked).rejects.toThrow('Permissions Violation for Subscription to "_INBOX.');
      await nats.close();
    }
  });
});
