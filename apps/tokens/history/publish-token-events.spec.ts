import { AckPolicy, jetstream, jetstreamManager } from '@nats-io/jetstream';
import { parseCredential } from '@tokenlog/contracts/credential.js';
import { tokenEvents } from '@tokenlog/contracts/tokens/token-events.js';
import { connectNats } from '@tokenlog/platform/nats.js';
import { eventually } from '../../../test/support/eventually.js';
import { WarnOfExpiry } from '../expiry/warn-of-expiry.js';
import { call } from '../testing/http.js';
import { startTokenService, type TestTokenService } from '../testing/token-service.js';
import { CreateToken } from '../verbs/create-token.js';
import { DeleteToken } from '../verbs/delete-token.js';
import { EditToken } from '../verbs/edit-token.js';
import { ReassignToken } from '../verbs/reassign-token.js';
import { RefreshToken } from '../verbs/refresh-token.js';
import { RevokeToken } from '../verbs/revoke-token.js';

describe('published token events', () => {
  let service: TestTokenService;

  beforeAll(async () => {
    service = await startTokenService();
  });
  afterAll(() => service.stop());

  it('are by the contract, in order for each token, and carry no secret and no hash', async () => {
    const [ada, grace] = [await service.register('ada'), await service.register('grace')];
    const caller = service.caller(ada);
    const token = { userId: ada.id, description: 'export', scopes: ['rest'] };
    const { tokenId, secret } = await service.commands.execute(new CreateToken(caller, token, 'right'));
    const expiry = Date.now() + 10 * 86_400_000;
    const changes = { description: 'renamed', expiresAt: new Date(expiry).toISOString() };
    await service.commands.execute(new EditToken(caller, tokenId, ada.id, changes));
    await service.commands.execute(new WarnOfExpiry(tokenId, new Date(expiry - 1000)));
    await call(service, 'POST', '/sessions', { as: secret });
    const refreshed = await service.commands.execute(new RefreshToken(caller, tokenId, ada.id, { password: 'right' }));
    await service.verify({ credential: secret });
    const reassigned = await service.commands.execute(new ReassignToken(caller, tokenId, grace.id, 'right'));
    await service.delete(grace);
    await service.commands.execute(new RevokeToken(caller, tokenId, 'anyone', { password: 'right' }));
    await service.commands.execute(new DeleteToken(caller, tokenId, 'anyone', 'right'));

    const expected = [
      'token-created',
      'token-edited',
      'token-expiring',
      'token-used',
      'session-started',
      'token-refreshed',
      'session-ended',
      'token-refused',
      'token-reassigned',
      'token-invalidated',
      'token-revoked',
      'token-deleted',
    ];
    const observer = await connectNats(service.nats.urls.observer, 'observer', 'test-observer');
    try {
      const manager = await jetstreamManager(observer, { checkAPI: false });
      await eventually(async () => expect((await manager.streams.info('TOKENS')).state.messages).toBe(expected.length));
      await manager.consumers.add('TOKENS', { durable_name: 'audit', ack_policy: AckPolicy.None });
      const consumer = await jetstream(observer, { checkAPI: false } as never).consumers.get('TOKENS', 'audit');
      const messages = await consumer.fetch({ max_messages: expected.length, expires: 5000 });
      const types: string[] = [];
      for await (const message of messages) {
        const contract = tokenEvents.find(({ subject }) => subject === message.subject);
        const event = message.json<{ type: string }>();
        expect(contract?.schema.parse(event)).toEqual(event);
        types.push(event.type);
        for (const text of [secret, refreshed.secret, reassigned.secret]) {
          expect(message.string()).not.toContain(parseCredential(text)!.secret);
        }
        expect(message.string()).not.toMatch(/hash|proof/i);
      }
      expect(types).toEqual(expected);
      expect(new Set(types)).toEqual(new Set(tokenEvents.map(({ subject }) => subject.replace('tokens.', ''))));
    } finally {
      await observer.close();
    }
  });
});
