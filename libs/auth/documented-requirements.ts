import { HttpStatus, RequestMethod, type Type } from '@nestjs/common';
import { APP_GUARD, MetadataScanner, type ModulesContainer } from '@nestjs/core';
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
    if (requirements.public || !(guarded || asks(requirements) || hasGuard(controller) || hasGuard(handler))) continue;
    const secured = Reflect.hasMetadata(SECURITY, handler) || Reflect.hasMetadata(SECURITY, controller);
    if (!secured) Reflect.defineMetadata(SECURITY, [{ [SCHEME]: [] }], handler);
    const documented = Reflect.getMetadata(RESPONSES, handler) ?? { [successOf(handler)]: { description: '' } };
    const ofClass = Reflect.getMetadata(RESPONSES, controller);
    Reflect.defineMetadata(RESPONSES, { ...refusals(requirements), ...ofClass, ...documented }, handler);
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

function refusals({ scopes, roles }: Requirements): Record<number, object> {
  const needs = [
    ...(scopes ? [`\`scope\`: the token has none of the scopes ${scopes.join(', ')}.`] : []),
    ...(roles ? [`\`role\`: the user has none of the roles ${roles.join(', ')}.`] : []),
    '`password-change-required`: the password must be changed first.',
    '`cross-origin`: a cookie from another origin.',
  ];
  return {
    401: problem('No credential, or one that is not good; `code` says why.', 401, 'Unauthorized', 'expired'),
    403: problem(needs.join(' '), 403, 'Forbidden', scopes || !roles ? 'scope' : 'role'),
    503: problem(
      '`verification-unavailable`: the token could not be verified; try again.',
      503,
      'Service Unavailable',
      'verification-unavailable',
    ),
  };
}

/** As `AuthProblem` is answered. */
function problem(description: string, status: number, title: string, code: string): object {
  const text = { type: 'string' };
  const schema = {
    type: 'object',
    required: ['type', 'title', 'status', 'code', 'detail'],
    properties: { type: text, title: text, status: { type: 'integer' }, code: text, detail: text },
  };
  const example = { type: 'about:blank', title, status, code, detail: description.replaceAll('`', '') };
  return { description, content: { 'application/problem+json': { schema, example } } };
}
