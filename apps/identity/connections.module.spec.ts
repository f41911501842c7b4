import { jetstreamManager } from '@nats-io/jetstream';
import { CommandBus } from '@nestjs/cqrs';
import { connectNats } from '@tokenlog/platform/nats.js';
import { createService } from '@tokenlog/platform/service.js';
import { testDatabase } from '../../test/support/database.js';
import { eventually } from '../../test/support/eventually.js';
import { testFolder } from '../../test/support/folder.js';
import { startNats } from '../../tools/embedded-nats.js';
import { generateNatsPasswords } from '../../tools/secrets.js';
import { readIdentityConfig } from './config/config.js';
import { IdentityModule } from './identity.module.js';
import { migrate } from './migrate.js';
import { RegisterUser, registration } from './user/register-user.js';

describe('while NATS is away', () => {
  it('identity goes on, publishes what happened when NATS is back, and stops when it is away again', async () => {
    const database = await testDatabase();
    await migrate(database.url);
    const passwords = generateNatsPasswords();
    const first = await startNats({ dataDir: await testFolder('nats'), passwords });
    const { port, urls } = first;
    const config = readIdentityConfig({ DATABASE_URL: database.url, NATS_URL: urls.identity });
    const module = IdentityModule.forRoot(config);
    const service = { name: 'identity' as const, description: '', module, port: 0, natsUrl: config.NATS_URL };
    const app = await createService({ ...service, trustedProxies: 0, logLevels: ['fatal'] });
    await app.listen(0, '127.0.0.1');

    await first.stop();
    const command = new RegisterUser(registration.parse({ username: 'ada' }), { by: { kind: 'system' } });
    const { eventId } = await app.get(CommandBus).execute(command);

    // Its stream is gone with its folder: all of it is published again, and what happened meanwhile.
    const second = await startNats({ dataDir: await testFolder('nats'), passwords, port });
    const tokens = await connectNats(second.urls.tokens, 'tokens', 'test');
    const { streams } = await jetstreamManager(tokens, { checkAPI: false });
    await eventually(async () => {
      const { state } = await streams.info('IDENTITY');
      expect(state.messages).toBe(2);
      const message = await streams.getMessage('IDENTITY', { seq: state.last_seq }).catch(() => null);
      if (message) expect(message.header.get('Nats-Msg-Id')).toBe(eventId);
    });
    await tokens.close();

    await second.stop();
    await app.close();
    await database.drop();
  });
});
