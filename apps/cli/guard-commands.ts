import type { OpenOutput, Parent } from './command.js';
import type { GuardUsers, GuardUsersOptions } from './guard-users.js';

/** `tokenlog guards …`: run where nats-server's configuration is; no service is asked. */
export function addGuardCommands(parent: Parent, openOutput: OpenOutput, env: NodeJS.ProcessEnv): void {
  // Beside the others heavy, for NATS' client.
  const open = async (options: GuardUsersOptions) => (await import('./guard-users.js')).guardUsersOf(options, env);
  const group = parent.command('guards').description('NATS users of guarded services, where nats-server runs');
  const config = ['--config <file>', "nats-server's, that this command writes; default: of the embedded one"] as const;

  group
    .command('add')
    .description('make a NATS user for one guarded service, and a file with its NATS_URL')
    .argument('<name>', 'such as reports: what histories call it')
    .option(...config)
    .option('--nats-url <url>', 'where the service reaches nats-server, with --config')
    .option('--out <file>', 'where its NATS_URL is written, with --config')
    .action(async (name, options) => {
      const output = openOutput();
      const users = await open(options);
      const file = await users.add(name);
      const inForce = await users.reload(name, true);
      if (output.json) output.body({ name, user: users.userOf(name), credentialFile: file, inForce });
      else output.line(`${name}: its NATS_URL is in ${file}.`);
      output.note(inForceNote(users, inForce));
    });

  group
    .command('remove')
    .description('take the NATS user of a guarded service away: its connections end')
    .argument('<name>', 'as the list shows it')
    .option(...config)
    .action(async (name, options) => {
      const output = openOutput();
      const users = await open(options);
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
      const output = openOutput();
      const users = await open(options);
      const items = [
        { name: null, user: 'guard', shared: true },
        ...(await users.names()).map((name) => ({ name, user: users.userOf(name), shared: false })),
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
