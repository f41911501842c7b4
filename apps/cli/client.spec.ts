import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Client } from './client.js';
import { exitCodeOf } from './failure.js';

describe('the client', () => {
  let server: Server;
  let client: Client;
  let answer: RequestListener;

  beforeEach(async () => {
    server = createServer((request, response) => answer(request, response));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    client = new Client(
      { identity: address, tokens: address },
      async () => 'tkl_mine',
      () => 'Origin.',
    );
  });
  afterEach(() => new Promise((resolve) => server.close(resolve)));

  const json = (status: number, body: unknown, headers = {}): RequestListener => {
    return (_, response) => {
      const type = status < 400 ? 'application/json' : 'application/problem+json; charset=utf-8';
      response.writeHead(status, { 'content-type': type, ...headers }).end(JSON.stringify(body));
    };
  };

  it.each([
    [400, 2],
    [401, 3],
    [403, 4],
    [404, 5],
    [409, 6],
    [429, 7],
    [502, 8],
    [503, 8],
    [504, 8],
    [500, 1],
    [413, 1],
  ])('a problem of status %i ends with exit code %i, its body kept', async (status, exitCode) => {
    const problem = { type: 'about:blank', title: 'x', status, code: 'some-code', detail: 'Some detail.' };
    answer = json(status, problem);
    await expect(client.call('tokens', 'GET', '/tokens')).rejects.toMatchObject({
      exitCode,
      problem,
      message: 'Some detail.',
    });
    expect(exitCodeOf(status)).toBe(exitCode);
  });

  it('says how long to wait, where the detail does not', async () => {
    const problem = { type: 'about:blank', title: 'x', status: 429, code: 'too-many-attempts', detail: 'Wait.' };
    answer = json(429, problem, { 'retry-after': '60' });
    await expect(client.call('tokens', 'GET', '/')).rejects.toMatchObject({ hint: 'Wait 60 s.' });
    answer = json(429, { ...problem, detail: 'Try again in 60 s.' }, { 'retry-after': '60' });
    await expect(client.call('tokens', 'GET', '/')).rejects.toMatchObject({ hint: '' });
  });

  it('calls with its credential, with another, or with none', async () => {
    answer = (request, response) =>
      json(200, { authorization: request.headers.authorization ?? null })(request, response);
    expect(await client.call('tokens', 'GET', '/')).toEqual({ authorization: 'Bearer tkl_mine' });
    expect(await client.call('tokens', 'GET', '/', { as: 'other' })).toEqual({ authorization: 'Bearer other' });
    expect(await client.call('tokens', 'GET', '/', { as: null })).toEqual({ authorization: null });
  });

  it('follows cursors to the end when all is asked for, and makes one page of it', async () => {
    answer = (request, response) => {
      const at = Number(new URL(request.url ?? '', 'http://x').searchParams.get('cursor') ?? 0);
      json(200, { items: [{ id: at }], nextCursor: at < 2 ? String(at + 1) : null, total: 3 })(request, response);
    };
    const first = { items: [{ id: 0 }], nextCursor: '1', total: 3 };
    expect(await client.list('tokens', '/tokens', { q: undefined }, false)).toEqual(first);
    const all = { items: [{ id: 0 }, { id: 1 }, { id: 2 }], nextCursor: null, total: 3 };
    expect(await client.list('tokens', '/tokens', {}, true)).toEqual(all);
  });

  it('follows no redirect: a password must not go where one points', async () => {
    const seen: string[] = [];
    answer = (request, response) => {
      seen.push(request.url ?? '');
      response.writeHead(307, { location: '/elsewhere' }).end();
    };
    const call = client.call('identity', 'POST', '/login', { as: null, json: { password: 'x' } });
    await expect(call).rejects.toMatchObject({ exitCode: 1, code: 'not-tokenlog' });
    expect(seen).toEqual(['/login']);
  });

  it.each([
    ['a page of HTML', 200, '<html>', 'text/html', 1, 'not-tokenlog'],
    ['an empty 200', 200, '', 'text/plain', 1, 'not-tokenlog'],
    ["a proxy's own 404", 404, 'nothing here', 'text/plain', 1, 'not-tokenlog'],
    ["a proxy's own 502", 502, '<html>', 'text/html', 8, 'unavailable'],
    ['half of a body', 200, '{"items":[', 'application/json', 1, 'not-tokenlog'],
  ])('%s is not taken for an answer of Tokenlog', async (_, status, body, type, exitCode, code) => {
    answer = (_request, response) => response.writeHead(status, { 'content-type': type }).end(body);
    await expect(client.call('tokens', 'GET', '/')).rejects.toMatchObject({ exitCode, code });
  });

  it('takes no answer for whole that ended half way', async () => {
    answer = (_, response) => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': '100' }).write('{}');
      setImmediate(() => response.destroy());
    };
    await expect(client.call('tokens', 'GET', '/')).rejects.toMatchObject({ exitCode: 8, code: 'unreachable' });
  });

  it('sends a body with every method, its length told', async () => {
    answer = (request, response) => {
      let body = '';
      request.on('data', (chunk) => {
        body += chunk;
      });
      request.on('end', () => json(200, { body, length: request.headers['content-length'] })(request, response));
    };
    for (const method of ['POST', 'PATCH', 'PUT', 'DELETE']) {
      const sent = await client.call('tokens', method, '/', { json: { password: 'pässwort' } });
      expect(sent).toEqual({ body: '{"password":"pässwort"}', length: '24' });
    }
  });

  it('tells a server that is not there', async () => {
    const { port } = server.address() as AddressInfo;
    await new Promise((resolve) => server.close(resolve));
    const detail = expect.stringMatching(`http://127.0.0.1:${port} cannot be reached \\(ECONNREFUSED\\)`);
    await expect(client.call('tokens', 'GET', '/')).rejects.toMatchObject({ exitCode: 8, message: detail });
    server = createServer().listen(0);
  });
});
