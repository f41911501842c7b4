import { type INestApplication, type Type } from '@nestjs/common';
import { METHOD_METADATA } from '@nestjs/common/constants.js';
import { MetadataScanner, ModulesContainer } from '@nestjs/core';
import { DocumentBuilder, type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';
import { exampleOf, named } from '@tokenlog/contracts/named.js';
import { sessionCredential } from '@tokenlog/contracts/session-credential.js';
import { z } from 'zod';
import type { Content, OperationObject, Schema } from './openapi-object.js';
import { COMMON_HEADERS, commonAnswers, headersOf, refusal, refusalsOf } from './openapi-refusals.js';
import { addSchema, convert, nameOf, REFERENCE } from './openapi-schemas.js';
import { notesOf } from './operation.js';
import { problemSchema } from './problem-schema.js';
import { ignoresUnknownFields } from './unknown-fields.js';

/** What a document says of its service. */
export interface DocumentSettings {
  readonly title: string;
  readonly description: string;
  /** The ways in which a credential may be presented, by the names below; each is enough. Default: all of them. */
  readonly security?: readonly (keyof typeof SCHEMES)[];
}

const FORM = 'application/x-www-form-urlencoded';

/** How a credential can be presented (S1 to S5); the guard takes the first that is there. */
const SCHEMES = {
  bearer: {
    type: 'http',
    scheme: 'bearer',
    description: 'A token (`tkl_…`) or the credential of a session (`tks_…`). `Authorization: token …` is the same.',
  },
  basic: {
    type: 'http',
    scheme: 'basic',
    description: 'A token as the password of its owner; or as the user name, with an empty password.',
  },
  authToken: {
    type: 'apiKey',
    in: 'header',
    name: 'Auth-Token',
    description: 'A token or the credential of a session.',
  },
  authTokenField: {
    type: 'apiKey',
    in: 'query',
    name: 'auth_token',
    description: 'Of a POST: a field of its form or its JSON body, or a parameter of its URL.',
  },
  cookie: {
    type: 'apiKey',
    in: 'cookie',
    name: 'session',
    description: 'The credential of a session. What changes something must come from a page of the same origin.',
  },
} as const;
const credentialForm = named(
  'CredentialForm',
  z.strictObject({ auth_token: z.string().describe('a token or the credential of a session') }),
  { auth_token: exampleOf(sessionCredential).credential },
);
const ALL_SCHEMES = Object.keys(SCHEMES) as (keyof typeof SCHEMES)[];

interface Route {
  readonly handler: object;
  readonly controller: object;
}

/**
 * The OpenAPI document of an application. The decorators say what is an operation's own; what each has by its route is added by
 * rule: the forms of a credential, what wrong parameters and bodies are answered with, the headers of every answer, and the codes of
 * all its problems.
 * @throws Error for a route without an operation id, or with one that another has
 */
export function createDocument(app: INestApplication, settings: DocumentSettings): OpenAPIObject {
  const { title, description, security = ALL_SCHEMES } = settings;
  const builder = new DocumentBuilder()
    .setOpenAPIVersion('3.0.3')
    .setTitle(title)
    .setDescription(description)
    .setVersion('1')
    .setLicense('MIT', 'https://spdx.org/licenses/MIT.html')
    .addServer('/');
  for (const name of security) builder.addSecurity(name, SCHEMES[name] as never);
  const document = SwaggerModule.createDocument(app, builder.build(), { standardSchemaConverter: convert as never });
  const routes = routesOf(app);
  const components: NonNullable<OpenAPIObject['components']> = document.components ?? {};
  const { schemas = {} } = components;
  for (const item of Object.values(document.paths)) {
    for (const [method, operation] of Object.entries(item as Record<string, OperationObject>)) {
      const route = routes.get(operation.operationId ?? '');
      if (!route) throw new Error(`${operation.operationId}: a route needs @Operation() with an id of its own`);
      completeOperation(operation, method, route, security, schemas);
    }
  }
  addSchema(problemSchema, schemas);
  if (JSON.stringify(document.paths).includes(REFERENCE + nameOf(credentialForm))) addSchema(credentialForm, schemas);
  const responses = commonAnswers() as never;
  return { ...document, components: { ...components, schemas, headers: COMMON_HEADERS as never, responses } };
}

/** The handlers of an application's routes, by their operation ids. */
function routesOf(app: INestApplication): Map<string, Route> {
  const routes = new Map<string, Route>();
  const controllers = [...app.get(ModulesContainer).values()].flatMap((module) => [...module.controllers.values()]);
  for (const controller of new Set(controllers.map(({ metatype }) => metatype as Type))) {
    for (const name of new MetadataScanner().getAllMethodNames(controller.prototype)) {
      const handler = controller.prototype[name] as object;
      const id: string | undefined = Reflect.getMetadata('swagger/apiOperation', handler)?.operationId;
      if (!Reflect.hasMetadata(METHOD_METADATA, handler) || id === undefined) continue;
      if (routes.has(id)) throw new Error(`${controller.name}.${name}: another operation has the id ${id}`);
      routes.set(id, { handler, controller });
    }
  }
  return routes;
}

function completeOperation(
  operation: OperationObject,
  method: string,
  { handler, controller }: Route,
  security: readonly (keyof typeof SCHEMES)[],
  schemas: Record<string, unknown>,
): void {
  const notes = notesOf(handler, controller);
  operation.security = securityOf(operation, method, security);
  const { requestBody, responses } = operation;
  if (requestBody) operation.requestBody = bodyOf(requestBody);
  if (operation.security.some((one) => 'authTokenField' in one)) takeForm(operation);
  for (const { status, formats } of notes.formats) {
    for (const [type, example] of Object.entries(formats)) {
      const answer = responses[status];
      if (answer) answer.content = { ...answer.content, [type]: { schema: { type: 'string' } as Schema, example } };
    }
  }
  const refused = refusalsOf(operation, method, notes, ignoresUnknownFields(handler, controller));
  if (notes.form) addSchema(notes.form.schema, schemas);
  for (const [status, codes] of refused) responses[status] = refusal(status, codes, notes.form);
  for (const [status, answer] of Object.entries(responses)) {
    answer.headers = { ...headersOf(Number(status), notes), ...answer.headers };
  }
  responses['4XX'] = { $ref: '#/components/responses/OtherRefusal' } as never;
  // Not `5XX`: a redirect has no 2XX, in place of which linters take this.
  responses.default = { $ref: '#/components/responses/OtherFailure' } as never;
}

/** A guarded route names the one scheme that the guard knows of; here there are others, and each is enough. A public one has none. */
function securityOf(operation: OperationObject, method: string, schemes: readonly (keyof typeof SCHEMES)[]) {
  if (!operation.security) return [];
  const isGuards = operation.security.some((one) => 'bearer' in one);
  if (!isGuards) return operation.security;
  return schemes.filter((name) => name !== 'authTokenField' || method === 'post').map((name) => ({ [name]: [] }));
}

/** A POST without a body, or with one that may be left out, takes a form in its place which holds the credential (S3). */
function takeForm(operation: OperationObject): void {
  if (operation.requestBody?.required) return;
  const form: Content = { schema: { $ref: REFERENCE + nameOf(credentialForm) } };
  operation.requestBody = { required: false, content: { ...operation.requestBody?.content, [FORM]: form } };
}

/** A body that may be left out has a default, of which nobody needs to be told. */
function bodyOf(body: NonNullable<OperationObject['requestBody']>) {
  const content = Object.entries(body.content);
  const optional = content.some(([, { schema }]) => schema?.default !== undefined);
  if (!optional) return { ...body, required: true };
  const without = content.map(([type, { schema, ...more }]) => {
    const { default: _, allOf, ...rest } = schema ?? {};
    return [type, { ...more, schema: allOf?.length === 1 ? allOf[0] : { ...rest, ...(allOf && { allOf }) } }] as const;
  });
  return { ...body, required: false, content: Object.fromEntries(without) as Record<string, Content> };
}
