import { writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { TestAuthority } from '../../test/support/certificates.js';
import { eventually } from '../../test/support/eventually.js';
import { testFolder } from '../../test/support/folder.js';
import { testNats } from '../../test/support/nats.js';
import { root } from '../../tools/paths.js';
import { closeNats, connectNats } from './nats.js';
import { waitForServers } from './wait-for-servers.js';

describe('NATS_URL=tls://', () => {
  let nats: Awaited<ReturnType<typeof testNats>>;
  let ours: TestAuthority;
  let others: TestAuthority;

  beforeAll(async () => {
    const folder = await testFolder('nats-tls');
    [ours, others] = [await TestAuthority.make(folder), await TestAuthority.make(folder, 'others')];
    const { cert, key } = await ours.issue('localhost');
    const file = join(folder, 'nats.conf');
    const shipped = join(root, 'deploy', 'nats-server.conf');
    await writeFile(
      file,
      `include ${JSON.stringify(relativeTo(folder, shipped))}\ntls { cert_file: "${cert}", key_file: "${key}" }\n`,
    );
    nats = await testNats(file);
  });
  afterAll(() => nats?.stop());

  const url = (host: string, parameters: string) =>
    `${nats.urls.tokens.replace('nats://', 'tls://').replace('127.0.0.1', host)}${parameters}`;

  it('is TLS by an authority of one’s own', async () => {
    const connection = await connectNats(url('localhost', `?tls_ca_file=${ours.file}`), 'tokens', 'test');
    await connection.flush();
    await closeNats(connection);
  });

  it.each([
    ['of nobody that is known', 'localhost', ''],
    ['of another authority', 'localhost', 'others'],
    ['of another name', '127.0.0.1', 'ours'],
  ])('to a server whose certificate is %s is refused, and not waited for', async (_, host, authority) => {
    const file = { ours: ours.file, others: others.file }[authority];
    const to = url(host, file ? `?tls_ca_file=${file}` : '');
    await expect(connectNats(to, 'tokens', 'test')).rejects.toThrow('NATS_URL: cannot connect');
    await expect(waitForServers({ natsUrl: to, name: 'tokens' })).rejects.toMatchObject({ name: 'ConfigError' });
  });

  describe('to a server without TLS', () => {
    let server: Server;
    let received: string;
    let port: number;

    beforeEach(async () => {
      received = '';
      server = createServer((socket) => {
        socket.on('data', (chunk) => {
          received += chunk;
          socket.write('PONG\r\n');
        });
        socket.on('error', () => undefined);
        socket.write(`INFO {"server_id":"x","version":"2.10.0","proto":1,"headers":true,"max_payload":1048576}\r\n`);
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      port = (server.address() as { port: number }).port;
    });
    afterEach(() => server.close());

    it('is refused before anything is said, credentials least of all', async () => {
      const to = `tls://tokens:secret@127.0.0.1:${port}`;
      await expect(connectNats(to, 'tokens', 'test')).rejects.toThrow('NATS_URL: cannot connect to NATS at 127.0.0.1:');
      await expect(waitForServers({ natsUrl: to, name: 'tokens' })).rejects.toMatchObject({
        name: 'ConfigError',
        message: expect.stringContaining("does not support 'tls'"),
      });
      expect(received).toBe('');
    });
  });

  it('with servers that are away takes the one of the list that is there', async () => {
    const [there, away] = [new URL(nats.url).host.replace('127.0.0.1', 'localhost'), 'localhost:1'];
    const credentials = /\/\/(.*@)/.exec(nats.urls.tokens)?.[1];
    const to = `tls://${credentials}${away}?tls_ca_file=${ours.file},${there}`;
    await eventually(async () => {
      const connection = await connectNats(to, 'tokens', 'test');
      await connection.flush();
      await closeNats(connection);
    });
  });
});

function relativeTo(folder: string, file: string): string {
  return `${folder
    .split('/')
    .slice(1)
    .map(() => '..')
    .join('/')}${file}`;
}
