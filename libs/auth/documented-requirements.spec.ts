import { Controller, Get, Post, type Type, UseGuards } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { ApiForbiddenResponse, ApiOkResponse, ApiSecurity, DocumentBuilder, SwaggerModule } from '@nestjs/swagger';
import { Test } from '@nestjs/testing';
import { Public, RequireRoles, RequireScopes, SetsCookie, TokenGuard } from './index.js';
import { TestAuth } from './testing/test-auth.js';

@Controller('guarded')
@UseGuards(TokenGuard)
@RequireScopes('rest')
class GuardedController {
  @Get()
  read() {}

  @Post()
  @RequireScopes('reports', 'archive')
  @RequireRoles('admin')
  make() {}

  @Get('own')
  @ApiSecurity('another')
  @ApiOkResponse({ description: 'said here' })
  @ApiForbiddenResponse({ description: 'said here too' })
  own() {}

  @Get('open')
  @Public()
  open() {}
}

@Controller('cookie')
@Public()
class CookieController {
  @Get()
  @SetsCookie()
  enter() {}
}

@Controller('plain')
class PlainController {
  @Get()
  read() {}

  @Get('some')
  @RequireScopes('rest')
  some() {}
}

async function documentOf(controllers: Type[], everywhere = false) {
  const module = await Test.createTestingModule({
    imports: [new TestAuth().module],
    controllers,
    providers: everywhere ? [{ provide: APP_GUARD, useExisting: TokenGuard }] : [],
  }).compile();
  // Before `init`, as an application's `main.ts` does.
  const document = SwaggerModule.createDocument(
    module.createNestApplication(),
    new DocumentBuilder().addBearerAuth().build(),
  );
  return (path: string, method: 'get' | 'post' = 'get') => document.paths[path]?.[method];
}

const codes = (operation: { responses: object } | undefined) => Object.keys(operation?.responses ?? {});

test('a guarded route needs a token, and answers 401, 403 and 503 as problems, beside what it answers else', async () => {
  const operation = await documentOf([GuardedController]);
  expect(operation('/guarded')).toMatchObject({ security: [{ bearer: [] }] });
  expect(codes(operation('/guarded'))).toEqual(['200', '401', '403', '503']);
  expect(operation('/guarded', 'post')?.responses[403]).toMatchObject({
    description: expect.stringMatching(/reports, archive(.|\n)*admin/),
    content: { 'application/problem+json': { schema: { required: expect.arrayContaining(['code']) } } },
  });
  expect(codes(operation('/guarded', 'post'))).toEqual(['201', '401', '403', '503']);
});

test('what the application says itself stays', async () => {
  const own = (await documentOf([GuardedController]))('/guarded/own');
  expect(own).toMatchObject({
    security: [{ another: [] }],
    responses: { 200: { description: 'said here' }, 403: { description: 'said here too' } },
  });
});

test('each code that the guard can answer a route with is named, and no other', async () => {
  const operation = await documentOf([GuardedController, CookieController]);
  const named = (path: string, method: 'get' | 'post', status: number) => {
    const { content } = (operation(path, method)?.responses[status] ?? {}) as { content?: Record<string, unknown> };
    return (content?.['application/problem+json'] as { schema?: { properties: { code: { enum: string[] } } } })?.schema
      ?.properties.code.enum;
  };
  expect(named('/guarded', 'get', 403)).toEqual(['scope', 'password-change-required']);
  expect(named('/guarded', 'post', 403)).toEqual(['scope', 'role', 'password-change-required', 'cross-origin']);
  expect(named('/guarded', 'get', 401)).toEqual(
    expect.arrayContaining(['credential-missing', 'superseded', 'expired']),
  );
  expect(named('/cookie', 'get', 403)).toEqual(['cross-origin']);
});

test('a route that sets a cookie says so, public or not', async () => {
  const operation = (await documentOf([CookieController]))('/cookie');
  expect(operation?.security).toBeUndefined();
  expect(operation?.responses[200]).toMatchObject({ headers: { 'Set-Cookie': {} } });
});

test('a public route and one without a guard need nothing', async () => {
  const operation = await documentOf([GuardedController, PlainController]);
  for (const path of ['/guarded/open', '/plain']) {
    expect(operation(path)?.security).toBeUndefined();
    expect(codes(operation(path))).toEqual(['200']);
  }
  expect(operation('/plain/some')).toMatchObject({ security: [{ bearer: [] }] });
});

test('where TokenGuard is the guard of all routes, each needs a token', async () => {
  class Another extends PlainController {}
  Controller('another')(Another);
  expect((await documentOf([Another], true))('/another')).toMatchObject({ security: [{ bearer: [] }] });
});
