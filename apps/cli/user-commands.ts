import { Option } from '@commander-js/extra-typings';
import type { Impact, User } from './api.js';
import type { Cli } from './cli.js';
import { type OpenCli, type Parent, shared } from './command.js';
import { parse, refuseEmpty } from './options.js';
import { noteIfPending, showImpact } from './password-commands.js';
import type { Column } from './table.js';
import { counted } from './text.js';
import { absolute, relative } from './times.js';
import { userIdOf } from './users.js';

/** `tokenlog admin users …` */
export function addUserCommands(parent: Parent, open: OpenCli): void {
  const group = parent.command('users').description('the accounts; a <user> is an account name or an id');
  const pathOf = async ({ client }: Cli, user: string) => `/users/${await userIdOf(client, user)}`;

  group
    .command('list')
    .description('by account name')
    .option('-q, --search <text>', 'a part of the account name, the name or the e-mail address')
    .addOption(new Option('--kind <kind>', 'only those').choices(['person', 'application'] as const))
    .addOption(shared.all())
    .addOption(shared.limit())
    .addOption(shared.cursor())
    .addOption(shared.wide())
    .addOption(shared.idOnly())
    .action(async (options) => {
      const cli = open();
      const { search: q, kind, cursor, all = false } = options;
      const query = { q, kind, cursor, limit: options.limit ?? (all ? 200 : undefined) };
      const page = await cli.client.list<User>('identity', '/users', query, all);
      cli.showList(page, userColumns(new Date()), options);
    });

  group
    .command('show')
    .description('all of one user')
    .argument('<user>')
    .action(async (user) => {
      const cli = open();
      showUser(cli, await cli.client.call<User>('identity', 'GET', await pathOf(cli, user)));
    });

  group
    .command('create')
    .description('a new account; without a password nobody can log in to it')
    .argument('<username>', 'for good: it cannot be changed')
    .addOption(new Option('--kind <kind>', 'an application never logs in').choices(['person', 'application'] as const))
    .option('-r, --role <role>', 'repeat it, or separate by commas', parse.words)
    .option('--name <name>', 'of the person')
    .option('--email <address>')
    .option('--phone <number>')
    .option('--organization <name>')
    .option('--ask-password', 'ask for an initial password, to be changed at the first login')
    .addOption(shared.passwordStdin('an initial password, to be changed at the first login'))
    .addOption(shared.idOnly())
    .action(async (username, options) => {
      const cli = open(options);
      const wanted = options.askPassword || options.passwordStdin;
      if (wanted) cli.warnOfPlainHttp();
      const json = {
        ...profileOf(options),
        username,
        kind: options.kind,
        roles: options.role,
        password: wanted ? await cli.prompts.newPassword('Initial password') : undefined,
      };
      const user = await cli.client.call<User>('identity', 'POST', '/users', { json });
      if (options.idOnly) cli.output.line(user.id);
      else showUser(cli, user);
    });

  group
    .command('edit')
    .description('change a user; what is left out stays, and an empty text erases')
    .argument('<user>')
    .option('-r, --role <role>', 'the roles from now on; repeat it, or separate by commas', parse.words)
    .option('--no-roles', 'take all roles away')
    .option('--name <name>', 'of the person')
    .option('--email <address>')
    .option('--phone <number>')
    .option('--organization <name>')
    .action(async (user, options) => {
      const cli = open();
      const json = { ...profileOf(options), roles: options.roles ? options.role : [] };
      refuseEmpty(json);
      showUser(cli, await cli.client.call<User>('identity', 'PATCH', await pathOf(cli, user), { json }));
    });

  for (const [word, disabled, done] of [
    ['disable', true, 'is disabled: neither password nor tokens work'],
    ['enable', false, 'is enabled: password and tokens work again'],
  ] as const) {
    group
      .command(word)
      .description(`after it the user ${done}`)
      .argument('<user>')
      .action(async (user) => {
        const cli = open();
        const call = { json: { disabled } };
        const changed = await cli.client.call<User>('identity', 'PATCH', await pathOf(cli, user), call);
        if (cli.output.json) cli.output.body(changed);
        else cli.output.line(`${changed.username} ${done}.`);
      });
  }

  group
    .command('delete')
    .description('erase a user; the tokens become invalid and stay listed')
    .argument('<user>')
    .option('--dry-run', 'only list what it would touch')
    .addOption(shared.yes())
    .action(async (user, options) => {
      const cli = open();
      const path = await pathOf(cli, user);
      if (options.dryRun || !options.yes) {
        const query = { dryRun: 'true' };
        const impact = await cli.client.call<Impact>('identity', 'DELETE', path, { query });
        if (options.dryRun) return showImpact(cli, impact, 'invalid afterwards, the sessions end');
        const [tokens, sessions] = [counted(impact.tokens.length, 'token'), counted(impact.sessions, 'session')];
        await cli.prompts.confirm(`Delete the user ${user}, with ${tokens} made invalid and ${sessions} ended?`);
      }
      const { status } = await cli.client.exchange('identity', 'DELETE', path);
      if (!cli.output.json) cli.output.line(`Deleted ${user}.`);
      noteIfPending(cli, status);
    });

  group
    .command('set-password')
    .description("set somebody's password, entering your own; they must change it at once")
    .argument('<user>')
    .addOption(shared.passwordStdin("your own password, then the user's new one, a line each"))
    .action(async (user, options) => {
      const cli = open(options);
      cli.warnOfPlainHttp();
      const path = await pathOf(cli, user);
      const actorPassword = await cli.prompts.password('Your own password');
      const newPassword = await cli.prompts.newPassword(`New password of ${user}`);
      const call = { json: { actorPassword, newPassword } };
      const { status } = await cli.client.exchange('identity', 'PUT', `${path}/password`, call);
      if (!cli.output.json) cli.output.line(`The password of ${user} is set, and must be changed at the next login.`);
      noteIfPending(cli, status);
    });
}

interface ProfileOptions {
  readonly name?: string;
  readonly email?: string;
  readonly phone?: string;
  readonly organization?: string;
}

function profileOf({ name, email, phone, organization }: ProfileOptions) {
  const erased = (text: string | undefined) => (text === '' ? null : text);
  return {
    displayName: erased(name),
    email: erased(email),
    phone: erased(phone),
    organization: erased(organization),
  };
}

function userColumns(now: Date): Column<User>[] {
  return [
    { title: 'ID', cell: ({ id }) => id, whole: true },
    { title: 'User', cell: ({ username }) => username },
    { title: 'Kind', cell: ({ kind }) => kind, spare: 4 },
    { title: 'Name', cell: ({ displayName }) => displayName ?? '', spare: 3 },
    { title: 'Roles', cell: ({ roles }) => roles.join(','), spare: 1 },
    { title: 'State', cell: stateOf },
    {
      title: 'Last Login',
      cell: ({ lastLoginAt }) => (lastLoginAt === null ? 'Never' : relative(lastLoginAt, now)),
      spare: 2,
    },
  ];
}

function showUser({ output }: Cli, user: User): void {
  if (output.json) {
    output.body(user);
    return;
  }
  const lastLogin = user.lastLoginAt && `${absolute(user.lastLoginAt)} (${relative(user.lastLoginAt, new Date())})`;
  output.properties([
    ['User', user.username],
    ['ID', user.id],
    ['Kind', user.kind],
    ['Roles', user.roles.join(', ')],
    ['State', stateOf(user)],
    ['Name', user.displayName ?? ''],
    ['E-mail', user.email ?? ''],
    ['Phone', user.phone ?? ''],
    ['Organization', user.organization ?? ''],
    ['Last Login', lastLogin ?? 'Never'],
  ]);
}

function stateOf({ kind, disabled, hasPassword, mustChangePassword }: User): string {
  if (disabled) return 'disabled';
  if (mustChangePassword) return 'must change password';
  return kind === 'person' && !hasPassword ? 'no password' : 'enabled';
}
