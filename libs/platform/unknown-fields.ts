import {
  applyDecorators,
  type CanActivate,
  type ExecutionContext,
  type INestApplication,
  SetMetadata,
  type Type,
} from '@nestjs/common';
import { GUARDS_METADATA, METHOD_METADATA, ROUTE_ARGS_METADATA } from '@nestjs/common/constants.js';
import { RouteParamtypes } from '@nestjs/common/enums/route-paramtypes.enum.js';
import { ModulesContainer } from '@nestjs/core';
import { ApiConsumes } from '@nestjs/swagger';
import type { Request } from 'express';
import { invalidRequest, Problem } from './problem.js';
import { unknownFields } from './wrong-fields.js';

const IGNORED = 'tokenlog:unknown-fields-ignored';
const TAKES_FORM = 'tokenlog:takes-form';
const FORM = 'application/x-www-form-urlencoded';
const seen = new WeakSet<object>();

/**
 * Of a controller or a route whose callers add what is not read here: probes, monitors, and everybody by OAuth (RFC 6749, 3.1
 * and 3.2). Everywhere else such a field is a 400.
 */
export const IgnoreUnknownFields = () => SetMetadata(IGNORED, true);

/** Of a route that a page's form may be sent to, beside JSON. */
export const TakesForm = () => applyDecorators(SetMetadata(TAKES_FORM, true), ApiConsumes('application/json', FORM));

/** Whether a route ignores the fields that it does not know. */
export function ignoresUnknownFields(handler: object, controller: object): boolean {
  return Reflect.hasMetadata(IGNORED, handler) || Reflect.hasMetadata(IGNORED, controller);
}

/**
 * Makes routes that read no query, or no body, refuse what stands there all the same, once their caller is known, and all refuse
 * one that is not JSON, nor a form where they take one. Those that read one have a strict schema for it. To be called before the application is
 * initialized.
 */
export function refuseUnknownFields(app: INestApplication): void {
  for (const { controllers } of app.get(ModulesContainer).values()) {
    for (const { metatype } of controllers.values()) {
      if (metatype && !seen.has(metatype) && !Reflect.hasMetadata(IGNORED, metatype)) guardRoutesOf(metatype as Type);
    }
  }
}

function guardRoutesOf(controller: Type): void {
  seen.add(controller);
  for (const [name, descriptor] of Object.entries(Object.getOwnPropertyDescriptors(controller.prototype))) {
    const handler = descriptor.value;
    if (typeof handler !== 'function' || !Reflect.hasMetadata(METHOD_METADATA, handler)) continue;
    if (Reflect.hasMetadata(IGNORED, handler)) continue;
    const parameters = Object.keys(Reflect.getMetadata(ROUTE_ARGS_METADATA, controller, name) ?? {});
    const reads = (type: RouteParamtypes) => parameters.some((parameter) => parameter.startsWith(`${type}:`));
    const unread = (['query', 'body'] as const).filter(
      (part) => !reads(part === 'query' ? RouteParamtypes.QUERY : RouteParamtypes.BODY),
    );
    // Before the route's own guards, one of which logs in.
    const guards = [new NothingElse(unread), ...(Reflect.getMetadata(GUARDS_METADATA, handler) ?? [])];
    Reflect.defineMetadata(GUARDS_METADATA, guards, handler);
  }
}

class NothingElse implements CanActivate {
  constructor(private readonly unread: readonly ('query' | 'body')[]) {}

  canActivate(context: ExecutionContext): boolean {
    if (context.getType() !== 'http') return true;
    const request = context.switchToHttp().getRequest<Request>();
    const wrong = this.unread.flatMap((part) => unknownFields(fieldsOf(request[part]), part));
    if (wrong.length > 0) throw invalidRequest(wrong);
    const takesForm = Reflect.hasMetadata(TAKES_FORM, context.getHandler());
    const isRead = isJson(request) || (takesForm && request.is(FORM) !== false);
    if (hasBody(request) && !isRead) {
      const forms = takesForm ? `application/json, or a form: ${FORM}` : 'application/json';
      throw new Problem('unsupported-media-type', `The body must be JSON: Content-Type: ${forms}.`);
    }
    return true;
  }
}

function fieldsOf(part: unknown): string[] {
  return Object.keys((part as object | undefined) ?? {});
}

/** RFC 9112, 6: what has neither has no body. One in chunks may turn out to be empty, and then has no type. */
function hasBody({ headers }: Request): boolean {
  const inChunks = headers['transfer-encoding'] !== undefined && headers['content-type'] !== undefined;
  return inChunks || Number(headers['content-length'] ?? 0) > 0;
}

/** A form that held the caller's token (S3), which is taken out of it, is as good as no body. */
function isJson(request: Request): boolean {
  if (request.is('application/json')) return true;
  return request.is(FORM) !== false && fieldsOf(request.body).length === 0;
}
