import { startTokenService } from './testing/token-service.js';
import { CreateToken } from './create-token.js';
test('x', async () => {
  const service = await startTokenService({});
  const ada = await service.register('ada', { roles: ['admin'] });
  const { secret } = await service.commands.execute(new CreateToken(service.caller(ada), { userId: ada.id, description: 'x', scopes: ['introspect'] }, 'right'));
  for (const name of ['ada%00', 'ada\0', 'a'.repeat(200), 'ada%ff', '%ed%a0%80', 'ada', 'ADA']) {
    const authorization = `Basic ${Buffer.from(`${name}:${secret}`).toString('base64')}`;
    for (const [m, p] of [['POST', '/oauth2/introspect'], ['GET', '/auth/verify'], ['GET', '/tokens/self']] as const) {
      const r = await fetch(service.url + p, { method: m, headers: { authorization }, body: m === 'POST' ? new URLSearchParams({ token: secret }) : null });
      process.stderr.write(JSON.stringify([name.slice(0, 10), p, r.status, (await r.text()).slice(0, 150)]) + '\n');
    }
  }
  await service.stop();
});
