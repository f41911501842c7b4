import { concernedBy } from './restart-on-change.js';

describe('a changed file concerns the services that run it:', () => {
  it.each([
    ['apps/tokens/config/policy.ts', ['tokens']],
    ['apps/identity/login/login-throttle.ts', ['identity']],
    ['apps/example-api/example.module.ts', ['example']],
    ['libs/auth/verification-cache.ts', ['identity', 'tokens', 'example']],
    ['libs/platform/problem.filter.ts', ['identity', 'tokens', 'example']],
    ['libs/event-store/append.ts', ['identity', 'tokens']],
    ['apps/tokens/what-is-no-source.sql', ['tokens']],
    ['apps/cli/text.ts', []],
    ['tools/tour/narrator.ts', []],
  ])('%s: %j', async (file, services) => {
    expect((await concernedBy([file])).services).toEqual(services);
  });

  it.each([
    ['tools/supervise.ts', true],
    ['apps/tokens/migrations/migrations.ts', true],
    ['apps/tokens/config/policy.ts', false],
    ['tools/tour/narrator.ts', false],
  ])('%s is of the start itself: %j', async (file, start) => {
    expect((await concernedBy([file])).start).toBe(start);
  });
});
