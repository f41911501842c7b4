import { Controller, Get, Post, type Type, UseGuards } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { ApiForbiddenResponse, ApiOkResponse, ApiSecurity, DocumentBuilder, SwaggerModule } from '@nestjs/swagger';
import { Test } from '@nestjs/testing';
import { Public, RequireRoles, RequireScopes, TokenGuard } from './index.js';
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
    description: expect.stringMatching(/reports, archive.*admin/),
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
