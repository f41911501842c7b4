import { Option } from '@commander-js/extra-typings';
import { type HistoryItem, type Token, type TokenAnswer, type TokenWithSecret } from './api.js';
import type { Cli } from './cli.js';
import { type OpenCli, type Parent, shared, suggesting } from './command.js';
import { historyColumns } from './event-table.js';
import { type Expiry, parse, refuseEmpty } from './options.js';
import { printable } from './text.js';
import { tokenColumns, tokenProperties } from './token-table.js';
import { userIdOf } from './users.js';

/** Whose tokens the commands are about: the two sets of routes take the same bodies. */
interface Face {
  readonly routes: '/tokens' | '/admin/tokens';
  readonly open: OpenCli;
}

const OWN_PASSWORD = 'your own password, where the policy asks for it again';
const STATES = ['active', 'expired', 'revoked', 'invalid', 'deleted'] as const satisfies readonly Token['state'][];
/** The service knows them, and those of its version; these are offered. */
const SORTED_BY = ['user', 'description', 'state', 'expiresAt', 'createdAt', 'createdBy', 'updatedAt', 'updatedBy']
  .concat('lastUsedAt', 'useCount', 'activeSessions')
  .flatMap((key) => [key, `-${key}`]);

/** `tokenlog tokens …`: one's own. */
export function addTokenCommands(parent: Parent, open: OpenCli): void {
  const face: Face = { routes: '/tokens', open };
  const group = parent.command('tokens').description('your own tokens');

  group
    .command('list')
    .description('the table of your tokens, newest first')
    .addOption(new Option('--state <state>', 'only those').choices(STATES))
    .option('-q, --search <text>', 'a part of the description or the id')
    .addOption(sort())
    .addOption(shared.wide())
    .addOption(shared.all())
    .addOption(shared.limit())
    .addOption(shared.cursor())
    .addOption(shared.idOnly())
    .action((options) => listTokens(face, options));

  group
    .command('create')
    .description('create a token; its text is printed this once')
    .argument('<description>', 'what it is for: the application')
    .option('-s, --scope <scope>', 'what it may be used for; repeat it, or separate by commas', parse.words)
    .option('-e, --expires <when>', 'such as 90d, 6mo, 1y, 2027-01-31 or never', parse.expiry)
    .addOption(shared.secretOnly())
    .addOption(shared.passwordStdin(OWN_PASSWORD))
    .action((description, options) => createToken(face, description, options));

  addCommandsOfOneToken(group, face);
}

/** `tokenlog admin tokens …`: everybody's. */
export function addAdminTokenCommands(parent: Parent, open: OpenCli): void {
  const face: Face = { routes: '/admin/tokens', open };
  const group = parent.command('tokens').description("everybody's tokens");

  group
    .command('list')
    .description('the table of all tokens, newest first')
    .option('-u, --user <user>', 'of this owner: account name or id')
    .addOption(new Option('--state <state>', 'only those').choices(STATES))
    .option('-q, --search <text>', 'a part of the description, the user or the id')
    .addOption(sort())
    .option('--as-of <when>', 'the table as it was: such as 2h (ago), 2027-01-31', parse.past)
    .addOption(shared.wide())
    .addOption(shared.all())
    .addOption(shared.limit())
    .addOption(shared.cursor())
    .addOption(shared.idOnly())
    .action((options) => listTokens(face, options));

  group
    .command('create')
    .description('create a token for a user; its text is printed this once')
    .argument('<description>', 'what it is for: the application')
    .requiredOption('-u, --user <user>', 'whose it shall be: account name or id')
    .option('-s, --scope <scope>', 'what it may be used for; repeat it, or separate by commas', parse.words)
    .option('-e, --expires <when>', 'such as 90d, 6mo, 1y, 2027-01-31 or never', parse.expiry)
    .addOption(shared.secretOnly())
    .addOption(shared.passwordStdin(OWN_PASSWORD))
    .action((description, options) => createToken(face, description, options));

  addCommandsOfOneToken(group, face);

  group
    .command('reassign')
    .description('attach a token to another user, with a new text: whoever had the old one is out')
    .argument('<id>', "the token's id", parse.id)
    .requiredOption('-u, --user <user>', 'account name or id')
    .addOption(shared.secretOnly())
    .addOption(shared.passwordStdin(OWN_PASSWORD))
    .action(async (id, options) => {
      const cli = open(options);
      const userId = await userIdOf(cli.client, options.user);
      const path = `/admin/tokens/${id}/reassign`;
      const answer = await cli.withPassword((password) =>
        cli.client.call<TokenWithSecret>('tokens', 'POST', path, { json: { userId, password } }),
      );
      showSecret(cli, answer, `Attached to ${answer.token.user}`, options);
    });
}

function addCommandsOfOneToken(group: Parent, { routes, open }: Face): void {
  const path = (id: string) => `${routes}/${id}`;

  group
    .command('show')
    .description('all of one token')
    .argument('<id>', "the token's id", parse.id)
    .action(async (id) => {
      const cli = open();
      showToken(cli, await cli.client.call<TokenAnswer>('tokens', 'GET', path(id)));
    });

  group
    .command('edit')
    .description('change description, scopes or expiry; the text stays')
    .argument('<id>', "the token's id", parse.id)
    .option('-d, --description <text>', 'what it is for')
    .option('-s, --scope <scope>', 'its scopes from now on; repeat it, or separate by commas', parse.words)
    .option('--no-scopes', 'take all its scopes away')
    .option('-e, --expires <when>', 'such as 90d, 6mo, 1y, 2027-01-31 or never', parse.expiry)
    .action(async (id, { description, scope, scopes, expires }) => {
      const cli = open();
      const json = { description, scopes: scopes ? scope : [], ...expires };
      refuseEmpty(json);
      showToken(cli, await cli.client.call<TokenAnswer>('tokens', 'PATCH', path(id), { json }));
    });

  group
    .command('refresh')
    .description('a new text for a token; the old one is dead at once, or after a grace period')
    .argument('<id>', "the token's id", parse.id)
    .option('-g, --grace <time>', 'how long the old text goes on working, such as 30m, 24h', parse.seconds)
    .option('--end-grace', 'earlier texts that still work end too')
    .option('-e, --expires <when>', 'a new expiry: such as 90d, 1y, 2027-01-31 or never', parse.expiry)
    .addOption(shared.secretOnly())
    .addOption(shared.passwordStdin(OWN_PASSWORD))
    .action(async (id, options) => {
      const cli = open(options);
      const wishes = { gracePeriodSeconds: options.grace, endGracePeriods: options.endGrace, ...options.expires };
      const answer = await cli.withPassword((password) =>
        cli.client.call<TokenWithSecret>('tokens', 'POST', `${path(id)}/refresh`, { json: { ...wishes, password } }),
      );
      showSecret(cli, answer, 'Refreshed', options);
    });

  group
    .command('revoke')
    .description('end a token for good, at once and everywhere')
    .argument('<id>', "the token's id", parse.id)
    .option('-r, --reason <text>', 'kept in its history')
    .addOption(shared.passwordStdin(OWN_PASSWORD))
    .action(async (id, options) => {
      const cli = open(options);
      const answer = await cli.withPassword((password) => {
        const json = { reason: options.reason, password };
        return cli.client.call<TokenAnswer>('tokens', 'POST', `${path(id)}/revoke`, { json });
      });
      showDone(cli, answer, `Revoked ${nameOf(answer.token)}. It is refused from now on.`);
    });

  group
    .command('delete')
    .description('take a token out of the table, revoked if it still works; its history stays')
    .argument('<id>', "the token's id", parse.id)
    .addOption(shared.yes())
    .addOption(shared.passwordStdin(OWN_PASSWORD))
    .action(async (id, options) => {
      const cli = open(options);
      if (!options.yes) {
        const { token } = await cli.client.call<TokenAnswer>('tokens', 'GET', path(id));
        await cli.prompts.confirm(`Delete ${nameOf(token)} of ${token.user}?`);
      }
      await cli.withPassword((password) => cli.client.call('tokens', 'DELETE', path(id), { json: { password } }));
      if (!cli.output.json) cli.output.line(`Deleted ${id}.`);
    });

  group
    .command('history')
    .description('what happened to a token, newest first')
    .argument('<id>', "the token's id", parse.id)
    .addOption(shared.all())
    .addOption(shared.limit())
    .addOption(shared.cursor())
    .addOption(shared.wide())
    .action(async (id, options) => {
      const cli = open();
      const { limit = options.all && 500, cursor, all = false } = options;
      const page = await cli.client.list<HistoryItem>('tokens', `${path(id)}/history`, { limit, cursor }, all);
      if (cli.output.json) cli.output.body(page);
      else if (page.items.length > 0) cli.output.table(historyColumns, page.items, options.wide);
      cli.noteRest(page);
    });
}

const sort = () =>
  suggesting(new Option('--sort <column>', 'such as user, expiresAt, -lastUsedAt; - before it: descending'), SORTED_BY);

interface ListTokensOptions {
  readonly user?: string;
  readonly state?: string;
  readonly search?: string;
  readonly sort?: string;
  readonly asOf?: string;
  readonly wide?: true;
  readonly all?: true;
  readonly limit?: number;
  readonly cursor?: string;
  readonly idOnly?: true;
}

async function listTokens({ routes, open }: Face, options: ListTokensOptions): Promise<void> {
  const cli = open();
  const { user, state, search: q, sort, asOf, all = false, cursor, wide = false } = options;
  const query = { user, state, q, sort, asOf, cursor, limit: options.limit ?? (all ? 500 : undefined) };
  const page = await cli.client.list<Token>('tokens', routes, query, all);
  const columns = tokenColumns(cli.output, wide, routes === '/admin/tokens', asOf ? new Date(asOf) : new Date());
  cli.showList(page, columns, options);
}

interface CreateTokenOptions {
  readonly user?: string;
  readonly scope?: readonly string[];
  readonly expires?: Expiry;
  readonly secretOnly?: true;
  readonly passwordStdin?: true;
}

async function createToken({ routes, open }: Face, description: string, options: CreateTokenOptions): Promise<void> {
  const cli = open(options);
  const { user, scope: scopes = [], expires } = options;
  const userId = user === undefined ? undefined : await userIdOf(cli.client, user);
  const answer = await cli.withPassword((password) =>
    cli.client.call<TokenWithSecret>('tokens', 'POST', routes, {
      json: { userId, description, scopes, ...expires, password },
    }),
  );
  showSecret(cli, answer, 'Created', options);
  if (scopes.length === 0)
    cli.output.note('It has no scope, and is refused wherever one is asked for: see tokens edit.');
}

/** All of a token, or the API's body. */
export function showToken({ output }: Cli, answer: TokenAnswer): void {
  if (output.json) output.body(answer);
  else output.properties(tokenProperties(output, answer.token, new Date()));
}

/** The one time that a token's text is shown. */
export function showSecret(cli: Cli, answer: TokenWithSecret, done: string, options: { secretOnly?: true }): void {
  const { output } = cli;
  if (options.secretOnly) output.line(answer.secret);
  else if (output.json) output.body(answer);
  else {
    output.line(`${done}: ${nameOf(answer.token)}. Its text, shown this once:`);
    output.raw(`\n  ${output.paint('bold', printable(answer.secret))}\n\n`);
    showToken(cli, answer);
  }
}

/** What was done in a line, or the API's body. */
export function showDone({ output }: Cli, body: unknown, line: string): void {
  if (output.json) output.body(body);
  else output.line(line);
}

/** `01997c9e-… "nightly export"` */
export function nameOf({ id, description }: Token): string {
  return `${id} "${description}"`;
}
