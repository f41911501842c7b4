import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { Controller, Get, type INestApplication, Module } from '@nestjs/common';
import { createHttpApplication } from './service.js';

@Controller()
class AnswersController {
  @Get('object')
  object() {
    return { of: 'one line' };
  }

  @Get('text')
  text() {
    return 'plain';
  }
}

@Module({ controllers: [AnswersController] })
class AnswersModule {}

describe('an answer, as a terminal shows it', () => {
  let app: INestApplication;
  let port: number;

  beforeAll(async () => {
    app = await createHttpApplication(AnswersModule, { trustedProxies: 0, log: { level: 'error', format: 'json' } });
    await app.listen(0, '127.0.0.1');
    port = Number(new URL(await app.getUrl()).port);
  });
  afterAll(() => app.close());

  const get = (path: string) => fetch(`http://127.0.0.1:${port}${path}`);
  const raw = (request: string) => {
    const socket = connect(port, '127.0.0.1');
    socket.end(request);
    return text(socket);
  };

  it.each(['/object', '/no-such-route'])('of %s ends with one line end, and says how long it is', async (path) => {
    const answer = await get(path);
    const body = await answer.text();
    expect(body).toMatch(/^\{.*\}\n$/);
    expect(answer.headers.get('content-length')).toBe(String(Buffer.byteLength(body)));
  });

  it('to what is no request ends so as well', async () => {
    expect(await raw('no request\r\n\r\n')).toMatch(/\r\n\r\n\{.*"status":400.*\}\n$/s);
  });

  it('that is no JSON is left as it is', async () => {
    expect(await (await get('/text')).text()).toBe('plain');
  });
});
