import { addressesOf, unencrypted } from './addresses.js';
import { EXIT, Failure } from './failure.js';

describe('addresses', () => {
  it('are those of a service on this machine by default', () => {
    expect(addressesOf({}, {})).toEqual({ identity: 'http://localhost:3001', tokens: 'http://localhost:3002' });
  });

  it("lead through the console's /api when that is what is given", () => {
    const api = 'https://tokens.example.org/api';
    expect(addressesOf({ url: 'https://tokens.example.org/' }, {})).toEqual({ identity: api, tokens: api });
    expect(addressesOf({}, { TOKENLOG_URL: 'https://tokens.example.org' })).toEqual({ identity: api, tokens: api });
  });

  it('of the command line come before those of the environment, and the own one before the console', () => {
    const env = { TOKENLOG_IDENTITY_URL: 'http://localhost:1', TOKENLOG_URL: 'http://localhost:2' };
    expect(addressesOf({}, env)).toEqual({ identity: 'http://localhost:1', tokens: 'http://localhost:2/api' });
    expect(addressesOf({ url: 'http://localhost:3', tokensUrl: 'http://localhost:4/t/' }, env)).toEqual({
      identity: 'http://localhost:3/api',
      tokens: 'http://localhost:4/t',
    });
  });

  it.each(['localhost:3001', 'ftp://example.org', 'https://ada:secret@example.org', 'https://example.org/?a=b'])(
    '%s is refused as wrong usage',
    (url) => {
      const failure = failureOf(() => addressesOf({ url }, {}));
      expect(failure.exitCode).toBe(EXIT.usage);
      expect(failure.message).toMatch(/^--url: /);
    },
  );

  it('over plain HTTP are told of, this machine excepted', () => {
    const addresses = { identity: 'http://example.org', tokens: 'http://127.0.0.1:3002' };
    expect(unencrypted(addresses)).toEqual(['http://example.org']);
    expect(unencrypted({ identity: 'https://example.org', tokens: 'http://[::1]:3002' })).toEqual([]);
  });
});

function failureOf(work: () => unknown): Failure {
  try {
    work();
  } catch (error) {
    if (error instanceof Failure) return error;
  }
  throw new Error('it did not fail');
}
