import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { createServer as createHttpServer } from 'node:http';
import { createServer as createHttpsServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { TestAuthority } from '../../test/support/certificates.js';
import { testFolder } from '../../test/support/folder.js';
import { dist } from '../../tools/paths.js';

const main = join(dist, 'apps', 'cli', 'main.js');

interface Ended {
  readonly code: number | string;
  readonly stdout: string;
  readonly stderr: string;
}

/** `self show`, in a process of its own, which reads authorities when it starts. */
function show(env: Record<string, string>, ...options: string[]): Promise<Ended> {
  return new Promise((resolve) => {
    const given = { PATH: process.env.PATH, TOKENLOG_TOKEN: 'tkl_secret', ...env };
    execFile(process.execPath, [main, 'self', 'show', ...options], { env: given }, (error, stdout, stderr) => {
      resolve({ code: error?.code ?? 0, stdout, stderr });
    });
  });
}

describe('a service that gives no answer', () => {
  let authority: TestAuthority;
  let server: Server;
  let url: string;
  const seen: (string | undefined)[] = [];

  beforeAll(async () => {
    const folder = await testFolder('certificates');
    authority = await TestAuthority.make(folder);
    const { cert, key } = await authority.issue('localhost', '127.0.0.1');
    server = createHttpsServer({ cert: await readFile(cert), key: await readFile(key) }, (request, response) => {
      seen.push(request.headers.authorization);
      response.writeHead(404).end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => new Promise((resolve) => server.close(resolve)));

  test.each([
    ['--tokens-url', (): [Record<string, string>, string[]] => [{}, ['--tokens-url', url]]],
    ['--url', (): [Record<string, string>, string[]] => [{ TOKENLOG_TOKENS_URL: 'http://x.invalid' }, ['--url', url]]],
    ['TOKENLOG_TOKENS_URL', (): [Record<string, string>, string[]] => [{ TOKENLOG_TOKENS_URL: url }, []]],
    ['TOKENLOG_URL', (): [Record<string, string>, string[]] => [{ TOKENLOG_URL: url }, []]],
  ])(
    'whose certificate nobody knows is told with its address, %s, and the way out; nothing is sent',
    async (name, of) => {
      const [env, options] = of();
      const { code, stdout, stderr } = await show(env, ...options);
      expect([code, stdout]).toEqual([8, '']);
      expect(stderr).toMatch(/^tokenlog: certificate-refused: The certificate of https:.* is not accepted: .*\n$/);
      expect(stderr).toContain(url);
      expect(stderr).toContain(`That address is of ${name}.`);
      expect(stderr).toContain('NODE_EXTRA_CA_CERTS');
      expect(seen).toEqual([]);
    },
  );

  test('is one when its authority is named', async () => {
    const { stderr } = await show({ TOKENLOG_URL: url, NODE_EXTRA_CA_CERTS: authority.file });
    expect(stderr).toMatch(/^tokenlog: not-tokenlog: /);
    expect(seen.splice(0)).toEqual(['Bearer tkl_secret']);
  });

  test('whose certificate is for another name is told so', async () => {
    const { cert, key } = await authority.issue('tokens.example.org');
    const other = createHttpsServer({ cert: await readFile(cert), key: await readFile(key) });
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const address = `https://127.0.0.1:${(other.address() as AddressInfo).port}`;
    const { code, stderr } = await show({ TOKENLOG_URL: address, NODE_EXTRA_CA_CERTS: authority.file });
    expect([code, stderr]).toEqual([8, expect.stringMatching(/certificate-refused.*ERR_TLS_CERT_ALTNAME_INVALID/)]);
    expect(stderr).not.toContain('NODE_EXTRA_CA_CERTS');
    await new Promise((resolve) => other.close(resolve));
  });

  test('in the clear where TLS is asked for is told so', async () => {
    const plain = createHttpServer();
    await new Promise<void>((resolve) => plain.listen(0, '127.0.0.1', resolve));
    const address = `https://127.0.0.1:${(plain.address() as AddressInfo).port}`;
    const { code, stderr } = await show({ TOKENLOG_TOKENS_URL: address });
    expect([code, stderr]).toEqual([8, expect.stringContaining(`${address} does not answer with TLS`)]);
    expect(stderr).toContain('That address is of TOKENLOG_TOKENS_URL.');
    await new Promise((resolve) => plain.close(resolve));
  });

  test('at the default address is told with what names another one', async () => {
    // Port 3002 may be taken here: by a name that leads nowhere instead.
    const { stderr } = await show({}, '--identity-url', 'http://x.invalid', '--tokens-url', 'http://x.invalid');
    expect(stderr).toMatch(/http:\/\/x\.invalid cannot be reached \(\S+\)\. .* That address is of --tokens-url\.\n$/);
  });

  test('is a problem on stderr with --json', async () => {
    const { stderr } = await show({ TOKENLOG_URL: url }, '--json');
    expect(JSON.parse(stderr)).toMatchObject({ code: 'certificate-refused', detail: expect.stringContaining(url) });
  });
});
