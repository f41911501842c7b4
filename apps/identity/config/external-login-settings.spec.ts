import { ConfigError } from '@tokenlog/platform/config.js';
import { readIdentityConfig } from './config.js';

const servers = { DATABASE_URL: 'postgres://localhost/x', NATS_URL: 'nats://localhost' };
const oidc = {
  OIDC_ISSUER: 'https://id.example/realms/a',
  OIDC_CLIENT_ID: 'tokenlog',
  OIDC_CLIENT_SECRET: 'secret',
  OIDC_REDIRECT_URL: 'https://tokens.example/api/login/oidc/callback',
};
const linesFor = (env: Record<string, string>): string[] => {
  try {
    readIdentityConfig({ ...servers, ...env });
    return [];
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return (error as Error).message.split('\n');
  }
};

describe('S17 the variables of external login', () => {
  it('unset: there is none', () => {
    expect(readIdentityConfig(servers).externalLogin).toBeNull();
    expect(readIdentityConfig({ ...servers, OIDC_ISSUER: '', OIDC_CLIENT_ID: '' }).externalLogin).toBeNull();
  });

  it('four are enough; the others have defaults', () => {
    expect(readIdentityConfig({ ...servers, ...oidc }).externalLogin).toEqual({
      issuer: new URL(oidc.OIDC_ISSUER),
      clientId: 'tokenlog',
      clientSecret: 'secret',
      redirectUrl: new URL(oidc.OIDC_REDIRECT_URL),
      rolesClaim: 'roles',
      usernameClaim: 'preferred_username',
      scopes: 'openid profile email',
      localAccounts: 'keep',
    });
  });

  it.each(Object.keys(oidc))('without %s the start stops, naming it in one line', (name) => {
    const env = { ...oidc, [name]: '' };
    expect(linesFor(env)).toEqual([expect.stringMatching(`^${name} is not set: external login needs all of `)]);
  });

  it.each([
    ['OIDC_ISSUER', 'id.example'],
    ['OIDC_ISSUER', 'http://id.example'],
    ['OIDC_ISSUER', 'http://localhost.example'],
    ['OIDC_ISSUER', 'https://id.example/?a=b'],
    ['OIDC_ISSUER', 'https://user@id.example/'],
    ['OIDC_REDIRECT_URL', 'http://tokens.example/login/oidc/callback'],
    ['OIDC_REDIRECT_URL', 'https://tokens.example/login'],
    ['OIDC_REDIRECT_URL', 'https://tokens.example/login/oidc/callback?x=y'],
    ['OIDC_SCOPES', 'profile email'],
    ['LOCAL_ACCOUNTS', 'delete'],
  ])('%s=%s stops the start in one line that names it', (name, value) => {
    expect(linesFor({ ...oidc, [name]: value })).toEqual([expect.stringMatching(`^${name} is wrong: `)]);
  });

  it.each(['http://localhost:9000', 'http://127.0.0.1:9000', 'http://[::1]:9000'])('plain %s is loopback', (issuer) => {
    expect(linesFor({ ...oidc, OIDC_ISSUER: issuer })).toEqual([]);
  });

  it('LOCAL_ACCOUNTS=vanish without external login stops the start: nobody could log in', () => {
    expect(linesFor({ LOCAL_ACCOUNTS: 'vanish' })).toEqual([expect.stringMatching('^LOCAL_ACCOUNTS is wrong: ')]);
    expect(linesFor({ ...oidc, LOCAL_ACCOUNTS: 'vanish' })).toEqual([]);
  });
});
