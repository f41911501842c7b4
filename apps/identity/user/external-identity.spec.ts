import type { ExternalLoginSettings } from '../config/external-login-settings.js';
import { personOf } from './external-identity.js';

const settings = {
  issuer: new URL('https://id.example'),
  rolesClaim: 'roles',
  usernameClaim: 'preferred_username',
} as ExternalLoginSettings;
const rolesIn = (claims: object, rolesClaim = 'roles') =>
  personOf({ sub: '1', ...claims }, { ...settings, rolesClaim }).roles;

describe('S17 a person in the provider’s claims', () => {
  it('is its issuer and subject; the name is only told', () => {
    expect(personOf({ sub: '42', preferred_username: 'ada', roles: ['b', 'a', 'b'] }, settings)).toEqual({
      issuer: 'https://id.example/',
      subject: '42',
      username: 'ada',
      roles: ['a', 'b'],
      contact: {},
    });
    expect(personOf({ sub: '42', email: 'a@b.example' }, { ...settings, usernameClaim: 'email' }).username).toBe(
      'a@b.example',
    );
  });

  it.each(['', '\0', 'x'.repeat(256), '\ud800'])('is nobody with the subject %j', (sub) => {
    expect(() => personOf({ sub }, settings)).toThrow('names nobody');
  });

  it.each([
    [{ roles: 'admin, operator auditor' }, ['admin', 'auditor', 'operator']],
    [{ roles: ['Admin', 'ADMIN', ' admin', 'adm in', '', 7, null, { a: 1 }, 'x'.repeat(65)] }, []],
    [{ roles: '[admin, operator]' }, ['admin', 'operator']],
    [{ roles: '["admin","operator"]' }, ['admin', 'operator']],
    [{ roles: 'admin;operator' }, ['admin', 'operator']],
    [{ roles: { admin: true } }, []],
    [{ roles: null }, []],
    [{}, []],
  ])('has the roles of %j that have a name in Tokenlog’s form', (claims, expected) => {
    expect(rolesIn(claims)).toEqual(expected);
  });

  it('has no more roles than a user may have, and among them those that mean something to Tokenlog', () => {
    const groups = Array.from({ length: 1000 }, (_, n) => `a-group-${n}`);
    const roles = rolesIn({ roles: [...groups, 'helpdesk', 'admin', 'auditor'] });
    expect(roles).toHaveLength(256);
    expect(roles).toEqual(expect.arrayContaining(['admin', 'auditor', 'helpdesk']));
    expect(roles).toEqual([...roles].sort());
    expect(rolesIn({ roles: groups.slice(0, 256) })).toHaveLength(256);
  });

  it('has a name that is a number as the provider writes it', () => {
    expect(personOf({ sub: '42', preferred_username: 10042 }, settings).username).toBe('10042');
    expect(personOf({ sub: '42', preferred_username: ['ada'] }, settings).username).toEqual(['ada']);
  });

  it('has its roles where the claim’s name leads: a name with dots itself, or claims inside of claims', () => {
    const realm_access = { roles: ['inner'] };
    expect(rolesIn({ realm_access }, 'realm_access.roles')).toEqual(['inner']);
    expect(rolesIn({ realm_access, 'realm_access.roles': ['outer'] }, 'realm_access.roles')).toEqual(['outer']);
    expect(rolesIn({ 'https://x.example/roles': ['a'] }, 'https://x.example/roles')).toEqual(['a']);
    expect(rolesIn({ realm_access }, 'realm_access.constructor.name')).toEqual([]);
  });

  it('has the contact that can be stored; an address that the provider has not verified is none', () => {
    const contactIn = (claims: object) => personOf({ sub: '1', ...claims }, settings).contact;
    expect(contactIn({ name: ' Ada ', email: 'ada@example.org' })).toEqual({
      displayName: 'Ada',
      email: 'ada@example.org',
    });
    expect(contactIn({ email: 'ada@example.org', email_verified: true })).toEqual({ email: 'ada@example.org' });
    expect(contactIn({ email: 'ada@example.org', email_verified: 'true' })).toEqual({ email: 'ada@example.org' });
    for (const no of [false, 'false', 'False', '', '0', 0, 1, null, 'no', [], {}]) {
      expect(contactIn({ email: 'ada@example.org', email_verified: no })).toEqual({});
    }
    expect(contactIn({ name: 'x'.repeat(201), email: 'no address' })).toEqual({});
    expect(contactIn({ name: ['Ada'], email: 7 })).toEqual({});
  });
});
