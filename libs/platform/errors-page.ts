import { Controller, Get, Header, Module } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { Public } from '@tokenlog/auth';
import { PROBLEMS_PAGE, type ProblemCode, problemGroups, statusesOf } from '@tokenlog/contracts/problems.js';
import { Operation } from './operation.js';

const INTRODUCTION = [
  'An error is answered as `application/problem+json` (RFC 9457): `type`, `title`, `status`, `code`, `detail`, and ' +
    '`requestId`, under which the service’s log tells of it. Programs decide on `code`: one is never given another meaning, ' +
    'and none is taken away. `detail` is for people, and may be worded otherwise tomorrow. Where fields are wrong, `errors` ' +
    'lists them: `[{"field","detail"}]`; `body`, `query` or `path` stands for the whole.',
  `\`type\` is a reference to this page, which each service has at \`${PROBLEMS_PAGE}\`: resolved against the address that was ` +
    'asked, it leads to the code there. `@tokenlog/auth` in an application of your own answers the same codes with the type ' +
    '`about:blank`, since nothing says that the application has such a page.',
  'Each 429 and 503 carries `Retry-After` in seconds. Over NATS the same codes come as ' +
    '`{"error":{"code","detail","errors"?,"retryAfterSeconds"?}}`. `/oauth2/introspect` and `/oauth2/revoke` say `error` and ' +
    '`error_description` beside (RFC 6749, 5.2).',
];

/** `docs/errors.md`. */
export function errorsAsMarkdown(): string {
  const groups = problemGroups.map(({ title, of }) => {
    const kinds = Object.entries(of).map(
      ([code, kind]) => `### ${code}\n\n${statusLine(code)} · ${kind.title}. ${kind.remedy}\n`,
    );
    return [`## ${title}\n`, ...kinds].join('\n');
  });
  const head = '<!-- Written by `npm run docs:errors` from libs/contracts/problems.ts. -->\n\n# Errors\n';
  return [head, ...INTRODUCTION.map((text) => `${text}\n`), ...groups].join('\n');
}

/** The same as a page with an anchor for each code. */
export function errorsAsHtml(): string {
  const groups = problemGroups.map(({ title, of }) => {
    const kinds = Object.entries(of).map(
      ([code, kind]) =>
        `<h3 id="${code}">${code}</h3>\n<p>${statusLine(code)} · ${html(kind.title)}. ${html(kind.remedy)}</p>`,
    );
    return [`<h2>${html(title)}</h2>`, ...kinds].join('\n');
  });
  return [
    '<!doctype html>\n<html lang="en">\n<head><meta charset="utf-8"><title>Tokenlog: errors</title>',
    '<meta name="viewport" content="width=device-width">',
    '<style>body{font:1rem/1.5 system-ui;max-width:50rem;margin:auto;padding:1rem}:target{background:#ffd}</style></head>',
    `<body>\n<h1>Errors</h1>\n${INTRODUCTION.map((text) => `<p>${html(text)}</p>`).join('\n')}`,
    ...groups,
    '</body>\n</html>\n',
  ].join('\n');
}

function statusLine(code: string): string {
  return statusesOf(code as ProblemCode).join(', ');
}

function html(text: string): string {
  const escaped = text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
  return escaped.replaceAll(/`([^`]+)`/g, '<code>$1</code>');
}

@ApiTags('documents')
@Public()
@Controller()
class ErrorsController {
  private readonly page = errorsAsHtml();

  @Operation({
    id: 'explainProblems',
    summary: 'Every code of an error: what it means and what the caller can do.',
    answers: { 200: { formats: { 'text/html': '<h1>Errors</h1>' } } },
  })
  @Get(PROBLEMS_PAGE)
  @Header('Content-Type', 'text/html; charset=utf-8')
  errors(): string {
    return this.page;
  }
}

/** `GET /docs/errors`: where the `type` of each problem leads. HTML, for only that has places that a reference can name. */
@Module({ controllers: [ErrorsController] })
export class ErrorsModule {}
