import { jest } from '@jest/globals';

const verified: string[] = [];
const argon2 = await import('@node-rs/argon2');
jest.unstable_mockModule('@node-rs/argon2', () => ({
  ...argon2,
  verify: (hash: string, password: string) => {
    verified.push(hash);
    return argon2.verify(hash, password);
  },
}));
const { hashPassword, isPassword } = await import('./passwords.js');

/** Algorithm, version and parameters of a hash in PHC form: what its check costs. */
const costOf = (hash: string) => hash.split('$').slice(1, 4);

describe('passwords', () => {
  it('are checked with the same work for a user who has none, or does not exist: time tells nothing', async () => {
    const stored = await hashPassword('correct horse battery');
    expect(await isPassword(stored, 'a wrong guess')).toBe(false);
    expect(await isPassword(null, 'a wrong guess')).toBe(false);
    expect(await isPassword(undefined, 'a wrong guess')).toBe(false);
    expect(verified.map(costOf)).toEqual([costOf(stored), costOf(stored), costOf(stored)]);
    expect(costOf(stored)).toEqual(['argon2id', 'v=19', 'm=19456,t=2,p=1']);
  });

  it('are the same in composed and decomposed letters', async () => {
    expect(await isPassword(await hashPassword('caf\u00e9 au lait'), 'cafe\u0301 au lait')).toBe(true);
  });
});
