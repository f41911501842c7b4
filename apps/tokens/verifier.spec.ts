import { parseCredential, proofOf } from '@tokenlog/contracts/credential.js';
import { CreateToken } from './create-token.js';
import { startTokenService, type TestTokenService } from './testing/token-service.js';

describe('verification', () => {
  let service: TestTokenService;

  beforeAll(async () => {
    service = await startTokenService();
  });
  afterAll(() => service.stop());

  it('accepts a token and says whose it is and what it may do', async () => {
    const ada = await service.register('ada', { roles: ['operator'] });
    const { secret } = await service.commands.execute(
      new CreateToken(service.caller(ada), { userId: ada.id, description: 'export', scopes: ['rest'] }, 'right'),
    );
    const credential = parseCredential(secret);
    const reply = await service.verify({
      id: credential?.id,
      proof: proofOf(credential?.secret ?? ''),
      scopes: ['rest'],
    });
    expect(reply).toMatchObject({ active: true, kind: 'token', user: { username: 'ada', roles: ['operator'] } });
  });
});
