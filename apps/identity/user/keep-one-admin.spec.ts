import { keepOneAdmin } from './keep-one-admin.js';

const admin = { roles: ['admin'], disabled: false };

describe('at least one enabled admin remains', () => {
  it.each([
    ['deleted', null],
    ['disabled', { ...admin, disabled: true }],
    ['demoted', { ...admin, roles: ['helpdesk'] }],
  ])('the last one cannot be %s', (_, after) => {
    expect(() => keepOneAdmin(admin, after, 0)).toThrow(expect.objectContaining({ code: 'last-admin' }));
    expect(() => keepOneAdmin(admin, after, 1)).not.toThrow();
  });

  it('says nothing about users who are no admins, or not enabled, or stay what they are', () => {
    expect(() => keepOneAdmin({ roles: [], disabled: false }, null, 0)).not.toThrow();
    expect(() => keepOneAdmin({ ...admin, disabled: true }, null, 0)).not.toThrow();
    expect(() => keepOneAdmin(admin, { ...admin, roles: ['admin', 'operator'] }, 0)).not.toThrow();
  });
});
