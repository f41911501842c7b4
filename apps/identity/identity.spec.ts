import { ADMIN_PASSWORD, IdentityUnderTest, PASSWORD } from './testing/identity-under-test.js';

describe('smoke', () => {
  let identity: IdentityUnderTest;
  beforeAll(async () => {
    identity = await IdentityUnderTest.start();
  });
  afterAll(() => identity?.stop());
  it('works', async () => {
    const ada = await identity.register('ada');
    const session = await identity.as('ada', PASSWORD);
    await session.get('/me').expect(200);
    const admin = await identity.as('admin', ADMIN_PASSWORD);
    console.log(ada, (await admin.get('/users?q=d&limit=1')).body, (await identity.http.get('/openapi.json')).body.paths['/login'].post.requestBody);
    console.log((await identity.http.get('/health/ready')).body, (await identity.login('ada', 'x')).body);
  });
});
