import { type CustomDecorator, type ExecutionContext, SetMetadata } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { role, scope } from '@tokenlog/contracts/message.js';

const SCOPES = 'tokenlog:scopes';
const ROLES = 'tokenlog:roles';
const PUBLIC = 'tokenlog:public';
const SETS_COOKIE = 'tokenlog:sets-cookie';
const WHILE_PASSWORD_CHANGE_REQUIRED = 'tokenlog:while-password-change-required';

/** What a route asks of a credential. */
export interface Requirements {
  readonly public: boolean;
  /** Any one is enough; left out: none is asked for. */
  readonly scopes?: readonly string[];
  /** Any one is enough; left out: none is asked for. */
  readonly roles?: readonly string[];
  readonly whilePasswordChangeRequired: boolean;
  readonly setsCookie: boolean;
}

/**
 * The token must carry any one of these scopes (S25); else 403 `scope`. On a method it replaces the class's.
 * @throws Error, when the class is defined, for no scope at all or a name that no scope can have
 */
export function RequireScopes(first: string, ...others: string[]): CustomDecorator {
  return SetMetadata(SCOPES, names('RequireScopes', scope, [first, ...others]));
}

/**
 * The user must have any one of these roles (S26); else 403 `role`. On a method it replaces the class's.
 * @throws Error, when the class is defined, for no role at all or a name that no role can have
 */
export function RequireRoles(first: string, ...others: string[]): CustomDecorator {
  return SetMetadata(ROLES, names('RequireRoles', role, [first, ...others]));
}

/** Nothing is asked for, and what is presented is not looked at. On a class it holds for the methods that require nothing. */
export function Public(): CustomDecorator {
  return SetMetadata(PUBLIC, true);
}

/** Open to a session whose user must first change the password (S12), which is closed to all other routes. */
export function AllowWhilePasswordChangeRequired(): CustomDecorator {
  return SetMetadata(WHILE_PASSWORD_CHANGE_REQUIRED, true);
}

/**
 * The route sets a cookie or takes one back: 403 `cross-origin` when another site's page makes the request, whatever it
 * presents (S45). That page could else log its visitor in, to an account of its own choice, or out.
 */
export function SetsCookie(): CustomDecorator {
  return SetMetadata(SETS_COOKIE, true);
}

const reflector = new Reflector();

/** By class and handler, which it may have inherited. Decorators are done when the first request comes. */
const known = new WeakMap<object, WeakMap<object, Requirements>>();

/** What the decorators of a handler and of its class come to. */
export function requirementsOf(context: ExecutionContext): Requirements {
  const handler = context.getHandler();
  const subject = context.getClass();
  const ofClass = known.get(subject) ?? new WeakMap<object, Requirements>();
  const before = ofClass.get(handler);
  if (before) return before;
  const requirements = requirementsFor(handler, subject);
  known.set(subject, ofClass.set(handler, requirements));
  return requirements;
}

/** The same of a handler and its class, wherever they are found. */
export function requirementsFor(handler: Target, subject: Target): Requirements {
  return readRequirements([handler, subject]);
}

type Target = Parameters<typeof reflector.get>[1];

function readRequirements(targets: Target[]): Requirements {
  return {
    public: isPublic(targets),
    scopes: reflector.getAllAndOverride<string[] | undefined>(SCOPES, targets),
    roles: reflector.getAllAndOverride<string[] | undefined>(ROLES, targets),
    whilePasswordChangeRequired:
      reflector.getAllAndOverride<true | undefined>(WHILE_PASSWORD_CHANGE_REQUIRED, targets) ?? false,
    setsCookie: reflector.getAllAndOverride<true | undefined>(SETS_COOKIE, targets) ?? false,
  };
}

/** The nearer decorator decides, and beside a requirement `@Public()` does not count: a mistake must not open a route. */
function isPublic(targets: Target[]): boolean {
  for (const target of targets) {
    if (reflector.get(SCOPES, target) || reflector.get(ROLES, target)) return false;
    if (reflector.get(PUBLIC, target)) return true;
  }
  return false;
}

function names(decorator: string, schema: typeof scope, values: string[]): string[] {
  for (const value of values) {
    const result = schema.safeParse(value);
    if (!result.success)
      throw new Error(`@${decorator}(): ${JSON.stringify(value)}: ${result.error.issues[0]?.message}`);
  }
  return values;
}
