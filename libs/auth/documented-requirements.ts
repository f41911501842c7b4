import { HttpStatus, RequestMethod, type Type } from '@nestjs/common';
import { APP_GUARD, MetadataScanner, type ModulesContainer } from '@nestjs/core';
import { type GuardProblemCode, guardProblems } from '@tokenlog/contracts/problems.js';
import { type Requirements, requirementsFor } from './requirements.js';
import { TokenGuard } from './token.guard.js';

/** The security scheme that `new DocumentBuilder().addBearerAuth()` names. */
const SCHEME = 'bearer';
/** Where @nestjs/swagger 7 to 12 reads them; its decorators would need it here before it is known whether it is installed. */
const SECURITY = 'swagger/apiSecurity';
const RESPONSES = 'swagger/apiResponse';
/** Where @nestjs/common 10 to 12 keeps them. */
const GUARDS = '__guards__';
const METHOD = 'method';
const HTTP_CODE = '__httpCode__';

type Handler = (...parts: never[]) => unknown;

/**
 * Tells @nestjs/swagger, where an application has it, of each guarded route that it needs a token and how it refuses. What the
 * application documents itself stays as it is. It is made before `SwaggerModule.createDocument` can be called.
 */
export class DocumentedRequirements {
  constructor(modules: ModulesContainer) {
    const everywhere = [...modules.values()].some(({ providers, injectables }) =>
      [...providers, ...injectables].some(([token, { metatype, inject }]) => isGlobalGuard(token, metatype, inject)),
    );
    const controllers = [...modules.values()].flatMap(({ controllers }) => [...controllers.values()]);
    for (const { metatype } of controllers) {
      if (metatype) documentController(metatype as Type, everywhere);
    }
  }
}

/** `{ provide: APP_GUARD, useExisting: TokenGuard }` or with `useClass`: Nest makes a token of its own for each. */
function isGlobalGuard(token: unknown, metatype: unknown, inject: readonly unknown[] | null | undefined): boolean {
  if (typeof token !== 'string' || !token.startsWith(APP_GUARD)) return false;
  return metatype === TokenGuard || (inject?.includes(TokenGuard) ?? false);
}

function documentController(controller: Type, guarded: boolean): void {
  const prototype = controller.prototype as Record<string, Handler>;
  for (const name of new MetadataScanner().getAllMethodNames(prototype)) {
    const handler = prototype[name];
    if (handler === undefined || Reflect.getMetadata(METHOD, handler) === undefined) continue;
    const requirements = requirementsFor(handler, controller);
    const isGuarded =
      !requirements.public && (guarded || asks(requirements) || hasGuard(controller) || hasGuard(handler));
    if (!isGuarded && !requirements.setsCookie) continue;
    const secured = Reflect.hasMetadata(SECURITY, handler) || Reflect.hasMetadata(SECURITY, controller);
    if (isGuarded && !secured) Reflect.defineMetadata(SECURITY, [{ [SCHEME]: [] }], handler);
    const refused = isGuarded ? refusals(requirements, isSafe(handler)) : problems(['cross-origin']);
    const documented = Reflect.getMetadata(RESPONSES, handler) ?? { [successOf(handler)]: { description: '' } };
    const ofClass = Reflect.getMetadata(RESPONSES, controller);
    const own = requirements.setsCookie ? withCookie(documented) : documented;
    Reflect.defineMetadata(RESPONSES, { ...refused, ...ofClass, ...own }, handler);
  }
}

/** Whoever asks for scopes or roles has a guard, if only that of passport. */
function asks({ scopes, roles }: Requirements): boolean {
  return scopes !== undefined || roles !== undefined;
}

/** A plain `AuthGuard('tokenlog')` has no name to be known by; see `asks`. */
function hasGuard(target: Type | Handler): boolean {
  const guards: unknown[] = Reflect.getMetadata(GUARDS, target) ?? [];
  return guards.some((guard) => guard === TokenGuard || guard instanceof TokenGuard);
}

/** What a handler answers that says nothing of it. */
function successOf(handler: Handler): number {
  const status: number | undefined = Reflect.getMetadata(HTTP_CODE, handler);
  return status ?? (Reflect.getMetadata(METHOD, handler) === RequestMethod.POST ? HttpStatus.CREATED : HttpStatus.OK);
}

/** What is no refusal sets the cookie, or takes it back. */
function withCookie(documented: Record<string, { headers?: object }>): Record<string, object> {
  const header = { 'Set-Cookie': { description: 'The cookie of a session.', schema: { type: 'string' } } };
  return Object.fromEntries(
    Object.entries(documented).map(([status, answer]) => [
      status,
      Number(status) < 400 ? { ...answer, headers: { ...header, ...answer.headers } } : answer,
    ]),
  );
}

/** RFC 9110, 9.2.1: a cookie may speak for these from any origin. */
function isSafe(handler: Handler): boolean {
  return [RequestMethod.GET, RequestMethod.HEAD, RequestMethod.OPTIONS].includes(Reflect.getMetadata(METHOD, handler));
}

const codes = Object.keys(guardProblems) as GuardProblemCode[];

/** Each code that the guard can refuse a route with. */
function refusals(requirements: Requirements, safe: boolean): Record<number, object> {
  const { scopes, roles, whilePasswordChangeRequired, setsCookie } = requirements;
  const never = new Set<GuardProblemCode>();
  if (!scopes) never.add('scope');
  if (!roles) never.add('role');
  if (whilePasswordChangeRequired) never.add('password-change-required');
  if (safe && !setsCookie) never.add('cross-origin');
  const wanted = { scope: scopes, role: roles };
  return problems(
    codes.filter((code) => !never.has(code)),
    wanted,
  );
}

/** As `AuthProblem` is answered, by status. */
function problems(
  answered: readonly GuardProblemCode[],
  wanted: { readonly [Code in GuardProblemCode]?: readonly string[] | undefined } = {},
): Record<number, object> {
  const statuses = new Set(answered.map((code) => guardProblems[code].status));
  return Object.fromEntries(
    [...statuses].map((status) => {
      const these = answered.filter((code) => guardProblems[code].status === status);
      const lines = these.map((code) => {
        const names = wanted[code] ? ` (${wanted[code].join(', ')})` : '';
        return `- \`${code}\`: ${guardProblems[code].title}${names}`;
      });
      return [status, problem(lines.join('\n'), status, these)];
    }),
  );
}

function problem(description: string, status: number, these: readonly GuardProblemCode[]): object {
  const text = { type: 'string' };
  const schema = {
    type: 'object',
    required: ['type', 'title', 'status', 'code', 'detail'],
    properties: { type: text, title: text, status: { type: 'integer' }, code: { ...text, enum: these }, detail: text },
  };
  const [code = 'unknown'] = these;
  const { title, remedy } = guardProblems[code];
  const example = { type: 'about:blank', title, status, code, detail: remedy };
  return { description, content: { 'application/problem+json': { schema, example } } };
}
