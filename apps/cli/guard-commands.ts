import { InvalidArgumentError } from '@commander-js/extra-typings';
import { guardName, guardUser } from '@tokenlog/contracts/guard/guard-name.js';
import type { OpenCli, Parent } from './command.js';
import { type GuardUsers, guardUsersOf } from './guard-users.js';

/** `tokenlog guards …`: run where nats-server's configuration is; no service is asked. */
export function addGuardCommands(parent: Parent, open: OpenCli): void {
  const group = parent.command('guards').description('NATS users of guarded services, where nats-server runs');
  const config = ['--config <file>', "nats-server's, that this command writes; default: of the embedded one"] as const;

  group
    .command('add')
    .description('make a NATS user for one guarded service, and a file with its NATS_URL')
    .argument('<name>', 'such as reports: what histories call it', parseName)
    .option(...config)
    .option('--nats-url <url>', 'where the service reaches nats-server, with --config')
    .option('--out <file>', 'where its NATS_URL is written, with --config')
    .action(async (name, options) => {
      const { output } = open();
      const users = await guardUsersOf(options, process.env);
      const file = await users.add(name);
      const inForce = await users.reload(name, true);
      if (output.json) output.body({ name, user: guardUser(name), credentialFile: file, inForce });
      else output.line(`${name}: its NATS_URL is in ${file}.`);
      output.note(inForceNote(users, inForce));
    });

  group
    .command('remove')
    .description('take the NATS user of a guarded service away: its connections end')
    .argument('<name>', 'as the list shows it', parseName)
    .option(...config)
    .action(async (name, options) => {
      const { output } = open();
      const users = await guardUsersOf(options, process.env);
      await users.remove(name);
      const inForce = await users.reload(name, false);
      if (output.json) output.body({ name, inForce });
      else output.line(`Removed ${name}.`);
      output.note(inForceNote(users, inForce));
    });

  group
    .command('list')
    .description('the NATS users that guarded services have')
    .option(...config)
    .action(async (options) => {
      const { output } = open();
      const names = await (await guardUsersOf(options, process.env)).names();
      const items = [
        { name: null, user: 'guard', shared: true },
        ...names.map((name) => ({ name, user: guardUser(name), shared: false })),
      ];
      if (output.json) return output.body({ items });
      output.table(
        [
          { title: 'Name', cell: ({ name }: (typeof items)[number]) => name ?? '' },
          { title: 'NATS user', cell: ({ user }: (typeof items)[number]) => user },
          {
            title: '',
            cell: ({ shared }: (typeof items)[number]) => (shared ? 'shared by all that have none of their own' : ''),
          },
        ],
        items,
      );
    });
}

function inForceNote({ reloadHint }: GuardUsers, inForce: boolean): string {
  return inForce ? 'nats-server has taken it up, without a stop.' : reloadHint;
}

function parseName(text: string): string {
  const parsed = guardName.safeParse(text);
  if (!parsed.success) throw new InvalidArgumentError(`${parsed.error.issues[0]?.message ?? 'wrong'}.`);
  return parsed.data;
}
