import type { ExecutionContext } from '@nestjs/common';
import {
  AllowWhilePasswordChangeRequired,
  Public,
  RequireRoles,
  RequireScopes,
  requirementsOf,
} from './requirements.js';

function requirements(controller: new () => object, method: string) {
  const handler = controller.prototype[method];
  return requirementsOf({ getHandler: () => handler, getClass: () => controller } as unknown as ExecutionContext);
}

@RequireScopes('rest', 'reports')
@RequireRoles('operator')
class Guarded {
  inherits() {}
  @RequireScopes('admin') narrows() {}
  @RequireRoles('admin') forAdmins() {}
  @Public() open() {}
  @Public() @RequireScopes('rest') contradicts() {}
  @AllowWhilePasswordChangeRequired() me() {}
}

@Public()
class Open {
  inherits() {}
  @RequireScopes('rest') guarded() {}
  @RequireRoles('admin') forAdmins() {}
}

class Bare {
  any() {}
}

test("a method's requirement replaces its class's, each kind for itself", () => {
  expect(requirements(Guarded, 'inherits')).toMatchObject({ scopes: ['rest', 'reports'], roles: ['operator'] });
  expect(requirements(Guarded, 'narrows')).toMatchObject({ scopes: ['admin'], roles: ['operator'] });
  expect(requirements(Guarded, 'forAdmins')).toMatchObject({ scopes: ['rest', 'reports'], roles: ['admin'] });
});

test('no decorator asks for a good credential and nothing more', () => {
  expect(requirements(Bare, 'any')).toEqual({
    public: false,
    scopes: undefined,
    setsCookie: false,
    roles: undefined,
    whilePasswordChangeRequired: false,
  });
});

test('the nearer of @Public and a requirement decides; side by side, the requirement', () => {
  expect(requirements(Guarded, 'open').public).toBe(true);
  expect(requirements(Open, 'inherits').public).toBe(true);
  expect(requirements(Guarded, 'contradicts').public).toBe(false);
  expect(requirements(Open, 'guarded').public).toBe(false);
  expect(requirements(Open, 'forAdmins').public).toBe(false);
});

test('only a marked route is open while a password change is required', () => {
  expect(requirements(Guarded, 'me').whilePasswordChangeRequired).toBe(true);
  expect(requirements(Guarded, 'inherits').whilePasswordChangeRequired).toBe(false);
});

test('S25 a requirement of nothing, or of a name that cannot be, is an error where it stands', () => {
  expect(() => (RequireScopes as (...names: string[]) => unknown)()).toThrow('@RequireScopes()');
  expect(() => RequireScopes('rest', 'Not A Scope')).toThrow('@RequireScopes(): "Not A Scope": a scope is');
  expect(() => (RequireRoles as (...names: string[]) => unknown)()).toThrow('@RequireRoles()');
  expect(() => RequireRoles('')).toThrow('@RequireRoles(): "": a role is');
});
